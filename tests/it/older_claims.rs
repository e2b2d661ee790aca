//! Claims that are older than they should be: those of the release before, which do not tell users apart, and those in an
//! older copy of Redis' file.

use std::path::Path;
use std::process::Command;

use bb8_redis::redis::{self, FromRedisValue};
use campaign_manager::queue::{
    Epoch, Links, RunId, Shard, Shards, Shown, mark_restoration, note_seen, show_epoch, shown_epochs,
};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::support::{DEADLINE, Settings, TestServer, TestStores, count, start_worker, until};

/// As many as a server has that was given no other number.
const SHARDS: Shards = match Shards::new(8) {
    Some(shards) => shards,
    None => panic!("8 is allowed"),
};
const EVENTS: usize = 400;
const OLD_EPOCH: &str = "01936d00-0000-7000-8000-000000000000";
const OLD_KEYSPACE: u64 = 77;

fn user(number: usize) -> String {
    format!("u{}", number % 50)
}

fn lines(numbers: std::ops::Range<usize>) -> String {
    let event =
        |number| json!({"event_id": format!("e{number}"), "event_type": "t", "user_id": user(number)});
    numbers.map(|number| event(number).to_string() + "\n").collect()
}

async fn ask<T: FromRedisValue>(stores: &TestStores, command: &[&[u8]]) -> redis::RedisResult<T> {
    let mut all = redis::Cmd::new();
    for part in command {
        all.arg(*part);
    }
    all.query_async(&mut stores.redis().await).await
}

async fn keys(stores: &TestStores, pattern: &str) -> usize {
    ask::<Vec<Vec<u8>>>(stores, &[b"KEYS", pattern.as_bytes()]).await.unwrap().len()
}

/// Stored, and duplicates.
async fn outcomes(stores: &TestStores) -> (i64, i64) {
    let sums = "select coalesce(sum(stored), 0), coalesce(sum(duplicates), 0) from frames";
    let row = stores.postgres().await.query_one(sums, &[]).await.unwrap();
    (row.get(0), row.get(1))
}

async fn until_outcomes(stores: &TestStores, kept: usize, duplicates: usize) {
    let wanted = (i64::try_from(kept).unwrap(), i64::try_from(duplicates).unwrap());
    until(&format!("{wanted:?} stored and duplicates"), DEADLINE, async || outcomes(stores).await == wanted)
        .await;
    assert_eq!(count(stores, "events").await, wanted.0);
}

/// The claim of an event, its lot and the shard's epoch, as workers of the release before lay them.
async fn claim_as_before(stores: &TestStores, number: usize) {
    let shard = SHARDS.of_user(&user(number));
    let hash = xxh3_128_with_seed(format!("e{number}").as_bytes(), OLD_KEYSPACE).to_be_bytes();
    let key = [shard.claim_prefix().as_bytes(), &hash].concat();
    let () = ask(stores, &[b"SET", &key, b"17-0"]).await.unwrap();
    let due = "4000000000000";
    let () = ask(stores, &[b"ZADD", shard.lots().as_bytes(), due.as_bytes(), due.as_bytes()]).await.unwrap();
    let (lot, element) = (format!("{}:{due}", shard.lots()), [b"17-0 ".as_slice(), &hash].concat());
    let () = ask(stores, &[b"RPUSH", lot.as_bytes(), &element]).await.unwrap();
    let () = ask(stores, &[b"SET", old_epoch_key(shard).as_bytes(), OLD_EPOCH.as_bytes()]).await.unwrap();
}

fn old_epoch_key(shard: Shard) -> String {
    format!("epoch:{{{}}}", shard.number())
}

/// Records an epoch as workers of the release before do.
const RECORD_AS_BEFORE: &str =
    "insert into claim_epochs (shard, epoch, keyspace, run_id, rebuilt_at, seen_at)
    values ($1, $2::text::uuid, 77, 'run', now(), now())
    on conflict (shard) do update set epoch = excluded.epoch, keyspace = excluded.keyspace,
        run_id = excluded.run_id, rebuilt_at = excluded.rebuilt_at, seen_at = excluded.seen_at";

async fn record_as_before(stores: &TestStores) -> Result<(), tokio_postgres::Error> {
    let client = stores.postgres().await;
    for shard in 0_i16..8 {
        client.execute(RECORD_AS_BEFORE, &[&shard, &OLD_EPOCH]).await?;
    }
    Ok(())
}

/// Events that the release before has stored, with their claims.
async fn of_the_release_before() -> TestServer {
    let server = TestServer::start().await;
    let stores = &server.stores;
    let worker = start_worker(stores, &Settings::with(&[])).await;
    server.post_lines(lines(0..EVENTS)).await.expect(202);
    until_outcomes(stores, EVENTS, 0).await;
    worker.drain(DEADLINE).await.unwrap();
    let () = ask(stores, &[b"FLUSHALL"]).await.unwrap();
    stores.postgres().await.batch_execute("delete from claim_epochs").await.unwrap();
    for number in 0..EVENTS {
        claim_as_before(stores, number).await;
    }
    record_as_before(stores).await.unwrap();
    until("the queue to take events", DEADLINE, async || {
        server.post_lines(lines(0..1)).await.status.as_u16() == 202
    })
    .await;
    server
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_claims_of_the_release_before_give_way_to_those_of_this_one_and_nothing_is_doubled() {
    let server = of_the_release_before().await;
    let stores = &server.stores;
    // What came while the older worker ended: sent again, and new under ids that others of the shard have.
    server.post_lines(lines(1..EVENTS)).await.expect(202);
    let others: String = (0..EVENTS)
        .map(|number| json!({"event_id": format!("e{number}"), "event_type": "t", "user_id": "another"}))
        .map(|event| event.to_string() + "\n")
        .collect();
    server.post_lines(others).await.expect(202);

    let worker = start_worker(stores, &Settings::with(&[])).await;
    until_outcomes(stores, 2 * EVENTS, EVENTS).await;

    assert_eq!(keys(stores, "dedupe:*").await, 2 * EVENTS, "none of the older ones is left");
    let forms = "select distinct form from claim_epochs";
    let forms = stores.postgres().await.query(forms, &[]).await.unwrap();
    assert_eq!(forms.iter().map(|row| row.get(0)).collect::<Vec<i16>>(), [2]);
    worker.drain(DEADLINE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_of_the_release_before_can_claim_and_record_nothing_any_more() {
    let server = of_the_release_before().await;
    let stores = &server.stores;
    let worker = start_worker(stores, &Settings::with(&[])).await;
    until_outcomes(stores, EVENTS, 1).await;

    // Both what it asks for before it claims, and what it does to restore claims.
    for shard in SHARDS.all() {
        let key = old_epoch_key(shard);
        let claiming = b"if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end return 1";
        for refused in [
            ask::<redis::Value>(stores, &[b"EVAL", claiming, b"1", key.as_bytes(), OLD_EPOCH.as_bytes()])
                .await,
            ask::<redis::Value>(stores, &[b"GET", key.as_bytes()]).await,
            ask::<redis::Value>(stores, &[b"SET", key.as_bytes(), b"restoring", b"GET"]).await,
        ] {
            let refused = refused.unwrap_err().to_string();
            assert!(refused.contains("WRONGTYPE"), "{refused}");
        }
    }
    // And where Redis is emptied before a worker of this release has looked, Postgres refuses it.
    let refused = record_as_before(stores).await.unwrap_err();
    let message = refused.as_db_error().unwrap().message();
    assert!(message.contains("older release") && message.contains("upgrade it"), "{message}");
    worker.drain(DEADLINE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_back_that_is_documented_lets_older_workers_record_again() {
    let server = of_the_release_before().await;
    let stores = &server.stores;
    let worker = start_worker(stores, &Settings::with(&[])).await;
    until_outcomes(stores, EVENTS, 1).await;
    worker.drain(DEADLINE).await.unwrap();

    stores.postgres().await.batch_execute("delete from claim_epochs").await.unwrap();
    for shard in SHARDS.all() {
        let () = ask(stores, &[b"DEL", old_epoch_key(shard).as_bytes()]).await.unwrap();
    }
    record_as_before(stores).await.unwrap();

    // And forward again.
    let worker = start_worker(stores, &Settings::with(&[])).await;
    server.post_lines(lines(0..EVENTS)).await.expect(202);
    until_outcomes(stores, EVENTS, EVENTS + 1).await;
    worker.drain(DEADLINE).await.unwrap();
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(copied.success(), "cp {} {}: {copied}", from.display(), to.display());
}

/// An older copy shows the very epoch that holds, as it was made since the last restoration. It is as much older than
/// `REDIS_LOSS` as one likes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_copy_of_redis_doubles_nothing() {
    let mut server = TestServer::with(&["--redis-timeout", "1s"]).await;
    let settings = Settings::with(&["--redis-timeout", "1s", "--redis-loss", "1s"]);
    let worker = start_worker(&server.stores, &settings).await;
    server.post_lines(lines(0..EVENTS)).await.expect(202);
    until_outcomes(&server.stores, EVENTS, 0).await;
    let (data, kept) = (server.stores.dir().join("redis"), server.stores.dir().join("kept"));
    copy(&data, &kept);

    server.post_lines(lines(EVENTS..2 * EVENTS)).await.expect(202);
    until_outcomes(&server.stores, 2 * EVENTS, 0).await;
    // As workers note it, after some time.
    let noted = "update claim_epochs set seen_at = clock_timestamp() + interval '10 minutes'";
    server.stores.postgres().await.batch_execute(noted).await.unwrap();
    server.stores.servers.redis.kill().await;
    std::fs::remove_dir_all(&data).unwrap();
    copy(&kept, &data);
    server.stores.servers.redis.start().await.unwrap();
    let claims = keys(&server.stores, "dedupe:*").await;
    assert!(claims < 2 * EVENTS, "{claims}: it is an older copy");

    until("the queue to take events", DEADLINE, async || {
        server.post_lines(lines(0..1)).await.status.as_u16() == 202
    })
    .await;
    server.post_lines(lines(0..2 * EVENTS)).await.expect(202);
    until("all of them to be duplicates", DEADLINE, async || {
        outcomes(&server.stores).await.1 > i64::try_from(2 * EVENTS).unwrap()
    })
    .await;
    assert_eq!(count(&server.stores, "events").await, i64::try_from(2 * EVENTS).unwrap());
    worker.drain(DEADLINE).await.unwrap();
}

#[tokio::test]
async fn the_time_that_redis_shows_is_raised_where_its_claims_are_known_to_be_whole_and_nowhere_else() {
    let stores = TestStores::start().await;
    let links = Links::new(&stores.urls().redis_url, DEADLINE).unwrap();
    let mut link = links.link(SHARDS.all()).await.unwrap();
    let (all, id): (Vec<Shard>, _) = (SHARDS.all().collect(), Uuid::from_u128(1));
    let [then, now] = [1, 2].map(|second| Timestamp::from_second(second).unwrap());
    mark_restoration(&mut link, &all, id).await.unwrap();
    assert!(show_epoch(&mut link, &all, Shown { id, seen_at: then }).await.unwrap());
    let run_id = link.run_id(all[0]).clone();
    let recorded = vec![
        Some(Epoch { id, keyspace: 7, run_id: RunId::new("another") }),
        Some(Epoch { id: Uuid::from_u128(2), keyspace: 7, run_id: run_id.clone() }),
        None,
        Some(Epoch { id, keyspace: 7, run_id }),
    ];

    note_seen(&mut link, SHARDS, &recorded, now).await.unwrap();

    let shown = shown_epochs(&mut link, SHARDS).await.unwrap();
    let seen: Vec<Timestamp> = shown.into_iter().map(|shown| shown.unwrap().seen_at).collect();
    assert_eq!(seen[..4], [then, then, then, now]);
}
