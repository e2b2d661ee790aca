//! What a frame of many events costs Redis in commands: so many, whoever else is at work on the machine.

use std::collections::BTreeMap;

use bb8_redis::redis;
use campaign_manager::queue::{append, pool};

use crate::support::{DEADLINE, SHARDS, Settings, TestStores, frame_of, start_worker, until_rows};

const FRAMES: usize = 40;
const EVENTS: usize = 250;

/// How often Redis has run each command.
async fn commands(stores: &TestStores) -> BTreeMap<String, usize> {
    let mut redis = stores.redis().await;
    let stats: String = redis::cmd("INFO").arg("commandstats").query_async(&mut redis).await.unwrap();
    let calls = |line: &str| {
        let (name, calls) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        Some((name.to_owned(), calls.split_once(',')?.0.parse().ok()?))
    };
    stats.lines().filter_map(calls).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_takes_a_dozen_commands_however_many_events_it_has() {
    let stores = TestStores::start().await;
    let settings = Settings::with(&["--shards", "4"]);
    let pool = pool(&stores.urls().redis_url, &settings.queue).unwrap();
    let ids: Vec<String> = (0..FRAMES * EVENTS).map(|id| format!("e{id}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let shards: Vec<_> = SHARDS.all().collect();
    let frames: Vec<_> =
        ids.chunks(EVENTS).zip(shards.iter().cycle()).map(|(ids, shard)| frame_of(*shard, ids)).collect();
    append(&pool, &frames).await.unwrap();
    let appended = commands(&stores).await;
    assert_eq!((appended["xadd"], appended["hincrby"]), (FRAMES, 3 * FRAMES));

    let worker = start_worker(&stores, &settings).await;
    until_rows(&stores, "events", i64::try_from(FRAMES * EVENTS).unwrap()).await;
    worker.drain(DEADLINE).await.unwrap();
    let all = commands(&stores).await;
    assert_eq!(
        (all["msetnx"], all.get("mget"), all.get("pexpire"), all["rpush"]),
        (FRAMES, None, None, FRAMES)
    );
    let of_events =
        ["eval", "get", "time", "msetnx", "rpush", "zadd", "xack", "xdel", "hdel", "xlen", "hincrby", "hset"];
    let ran: usize =
        of_events.iter().filter_map(|name| Some(all.get(*name)? - appended.get(*name).unwrap_or(&0))).sum();
    assert!(ran <= 12 * FRAMES, "{ran} commands for {FRAMES} frames: {all:?}");
}
