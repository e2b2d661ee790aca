//! Claims that Redis lost: restored from Postgres, so that what clients send again stays a duplicate.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use bb8_redis::redis;
use campaign_manager::queue::{Claim, Claimed, Consumer, EntryId, Epochs, Links, Pool, append, claim};
use campaign_manager::roles::Worker;
use campaign_manager::store::epochs;
use serde_json::json;

use crate::support::{
    DEADLINE, SHARDS, Settings, TestServer, TestStores, count, frame_of, identity, start_worker, until,
    until_rows,
};

const EVENTS: usize = 500;

fn lines(ids: std::ops::Range<usize>) -> String {
    let event = |id: usize| json!({"event_id": format!("e{id}"), "event_type": "t", "user_id": format!("u{}", id % 50)});
    ids.map(|id| event(id).to_string() + "\n").collect()
}

/// A server with stored events.
async fn server() -> (TestServer, Settings) {
    let server = TestServer::with(&["--redis-timeout", "1s"]).await;
    let settings =
        Settings::with(&["--batch-events", "100", "--reclaim-after", "1ms", "--redis-timeout", "1s"]);
    (server, settings)
}

async fn send(server: &TestServer, ids: std::ops::Range<usize>) {
    server.post_lines(lines(ids)).await.expect(202);
}

/// How many events came to each outcome.
async fn outcomes(stores: &TestStores) -> (i64, i64) {
    let sums = "select coalesce(sum(stored), 0), coalesce(sum(duplicates), 0) from frames";
    let sums = stores.postgres().await.query_one(sums, &[]).await.unwrap();
    (sums.get(0), sums.get(1))
}

async fn until_outcomes(stores: &TestStores, rows: usize, duplicates: usize) {
    let wanted = (i64::try_from(rows).unwrap(), i64::try_from(duplicates).unwrap());
    until(&format!("{wanted:?} stored and duplicate"), DEADLINE, async || outcomes(stores).await == wanted)
        .await;
}

/// Sends events, lets `lose` take something from Redis, and sends them again: all of them are duplicates.
async fn sent_again_after(lose: impl AsyncFnOnce(&mut TestStores)) {
    let (mut server, settings) = server().await;
    let worker = start_worker(&server.stores, &settings).await;
    send(&server, 0..EVENTS).await;
    until_outcomes(&server.stores, EVENTS, 0).await;

    lose(&mut server.stores).await;
    until("the queue to take events", DEADLINE, async || {
        server.post_lines(lines(0..1)).await.status.as_u16() == 202
    })
    .await;
    send(&server, 0..EVENTS).await;

    until("all of them to be duplicates", DEADLINE, async || {
        outcomes(&server.stores).await.1 > i64::try_from(EVENTS).unwrap()
    })
    .await;
    assert_eq!(count(&server.stores, "events").await, i64::try_from(EVENTS).unwrap());
    worker.drain(DEADLINE).await.unwrap();
}

async fn unlink(stores: &TestStores, pattern: &str) {
    let mut redis = stores.redis().await;
    let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg(pattern).query_async(&mut redis).await.unwrap();
    assert!(!keys.is_empty(), "{pattern}");
    let () = redis::cmd("UNLINK").arg(keys).query_async(&mut redis).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claims_and_epoch_deleted_in_the_middle_are_restored() {
    sent_again_after(async |stores| {
        unlink(stores, "dedupe:*").await;
        unlink(stores, "claim-epoch:*").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_claims_of_an_emptied_redis_are_restored() {
    sent_again_after(async |stores| {
        let () = redis::cmd("FLUSHALL").query_async(&mut stores.redis().await).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_claims_of_a_redis_restored_from_an_old_copy_are_restored() {
    sent_again_after(async |stores| {
        unlink(stores, "dedupe:*").await;
        let mut redis = stores.redis().await;
        for shard in 0..8 {
            let of_old = "01936d00-0000-7000-8000-000000000000 1790000000000000";
            let set = redis::cmd("SET").arg(format!("claim-epoch:{{{shard}}}")).arg(of_old).to_owned();
            let () = set.query_async(&mut redis).await.unwrap();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_claims_that_a_killed_redis_had_not_written_are_restored() {
    sent_again_after(async |stores| {
        stores.servers.redis.kill().await;
        cut_off_the_last_claims(stores);
        stores.servers.redis.start().await.unwrap();
        let mut redis = stores.redis().await;
        let left: Vec<Vec<u8>> = redis::cmd("KEYS").arg("dedupe:*").query_async(&mut redis).await.unwrap();
        assert!(left.len() < EVENTS, "claims are missing");
        let epochs: Vec<String> =
            redis::cmd("KEYS").arg("claim-epoch:*").query_async(&mut redis).await.unwrap();
        assert_eq!(epochs.len(), 8, "the epoch alone does not tell");
    })
    .await;
}

/// Cuts the append-only file in the middle of the claims, as a power loss would before they are synced.
fn cut_off_the_last_claims(stores: &TestStores) {
    let folder: PathBuf = stores.dir().join("redis/appendonlydir");
    let newest = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let newest = newest.filter(|path| path.to_str().unwrap().ends_with(".incr.aof")).max().unwrap();
    let log = fs::read(&newest).unwrap();
    let claims: Vec<usize> = memchr::memmem::find_iter(&log, b"MSETNX").collect();
    let cut = claims[claims.len() / 2];
    fs::OpenOptions::new().write(true).open(&newest).unwrap().set_len(cut as u64).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_claimed_before_the_loss_and_is_stored_after_it_is_stored_once() {
    let (server, settings) = server().await;
    let mut postgres = server.stores.postgres().await;
    let worker = start_worker(&server.stores, &settings).await;
    // Making partitions would wait for the lock, and everybody else for that.
    until("the partitions", DEADLINE, async || count(&server.stores, "partitions").await >= 3).await;
    let held = postgres.transaction().await.unwrap();
    held.batch_execute("lock table events in exclusive mode").await.unwrap();
    send(&server, 0..EVENTS).await;
    until("claims of frames that are not stored", DEADLINE, async || {
        let keys = redis::cmd("KEYS").arg("dedupe:*").to_owned();
        !keys.query_async::<Vec<Vec<u8>>>(&mut server.stores.redis().await).await.unwrap().is_empty()
    })
    .await;

    let () = redis::cmd("DEL")
        .arg((0..8).map(|shard| format!("claim-epoch:{{{shard}}}")).collect::<Vec<_>>())
        .query_async(&mut server.stores.redis().await)
        .await
        .unwrap();
    unlink(&server.stores, "dedupe:*").await;
    let other = start_worker(&server.stores, &settings).await;
    send(&server, 0..EVENTS).await;
    held.rollback().await.unwrap();

    until_outcomes(&server.stores, EVENTS, EVENTS).await;
    assert_eq!(count(&server.stores, "events").await, i64::try_from(EVENTS).unwrap());
    worker.drain(DEADLINE).await.unwrap();
    other.drain(DEADLINE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ingest_goes_on_while_claims_are_restored() {
    let (server, settings) = server().await;
    let mut postgres = server.stores.postgres().await;
    let held = postgres.transaction().await.unwrap();
    held.batch_execute("select pg_advisory_xact_lock(hashtext('claims'))").await.unwrap();
    let worker = start_worker(&server.stores, &settings).await;

    send(&server, 0..EVENTS).await;
    assert_eq!(count(&server.stores, "events").await, 0);
    held.rollback().await.unwrap();

    until_rows(&server.stores, "events", i64::try_from(EVENTS).unwrap()).await;
    worker.drain(DEADLINE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_frames_with_one_id_the_one_that_claimed_it_is_stored_whatever_their_order() {
    let (server, settings) = server().await;
    let stores = &server.stores;
    send(&server, 0..1).await;
    send(&server, 0..1).await;
    // As if a worker had been given both, and had died after the second had claimed the id.
    let worker = start_worker(stores, &settings).await;
    until_outcomes(stores, 1, 1).await;
    worker.drain(DEADLINE).await.unwrap();
    send(&server, 1..2).await;
    send(&server, 1..2).await;
    claim_for_the_last_entry(stores, "e1", "u1").await;

    let worker = start_worker(stores, &settings).await;
    until_outcomes(stores, 2, 2).await;
    assert_eq!(count(stores, "events").await, 2);
    worker.drain(DEADLINE).await.unwrap();
}

async fn claim_for_the_last_entry(stores: &TestStores, event_id: &str, user_id: &str) {
    claim_for(stores, last_entry(stores, user_id).await, &[event_id], user_id).await;
}

/// The entry that was queued last in the stream of this user.
async fn last_entry(stores: &TestStores, user_id: &str) -> EntryId {
    let stream = SHARDS.of_user(user_id).stream();
    let last = redis::cmd("XREVRANGE").arg(stream).arg("+").arg("-").arg("COUNT").arg(1).to_owned();
    let last: Vec<(String, redis::Value)> = last.query_async(&mut stores.redis().await).await.unwrap();
    last[0].0.parse().unwrap()
}

/// Claims ids for an entry, as a worker would that has just been given it.
async fn claim_for(stores: &TestStores, entry: EntryId, event_ids: &[impl AsRef<str>], user_id: &str) {
    let mut postgres = stores.postgres().await;
    let transaction = postgres.transaction().await.unwrap();
    let known = epochs::read(&transaction, SHARDS).await.unwrap();
    let epochs = Epochs::new(known.into_iter().map(Option::unwrap).collect());
    let identities = event_ids.iter().map(|event_id| identity(event_id.as_ref(), user_id));
    let claims = [Claim::new(SHARDS.of_user(user_id), entry, identities, &epochs)];
    let mut link = links(stores).link(SHARDS.all()).await.unwrap();
    let claimed = claim(&mut link, &claims, DEADLINE * 60, &epochs, None).await.unwrap();
    assert_eq!(claimed, Claimed::Told(vec![vec![true; event_ids.len()]]));
}

fn links(stores: &TestStores) -> Links {
    Links::new(&stores.urls().redis_url, DEADLINE).unwrap()
}

/// Two frames have `e1`, and the first has claimed it, when claims are lost. Somebody else, who is given the second too, claims
/// it for that one; then the worker for which it was a duplicate there stores that frame, before the first is tried again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_a_duplicate_before_the_loss_and_is_claimed_after_it_is_stored_once() {
    let (server, settings) = server().await;
    let stores = &server.stores;
    server.activate(&json!({"event_type": ["t"]})).await;
    let worker = start_worker(stores, &settings).await;
    until("the partitions", DEADLINE, async || count(stores, "partitions").await >= 3).await;
    send(&server, 0..1).await;
    until_outcomes(stores, 1, 0).await;
    worker.drain(DEADLINE).await.unwrap();

    send(&server, 1..2).await;
    let mut elsewhere = Consumer::new(links(stores), "elsewhere".to_owned(), SHARDS);
    let given = "the first frame given to another worker";
    until(given, DEADLINE, async || !elsewhere.read(1, Duration::ZERO).await.unwrap().is_empty()).await;
    claim_for_the_last_entry(stores, "e1", "u1").await;
    let worker = given_the_second(&server).await;

    let other = start_worker(stores, &settings).await;
    until_outcomes(stores, 5, 1).await;
    assert_eq!(count(stores, "events").await, 5);
    assert_eq!(count(stores, "triggers").await, 5);
    worker.drain(DEADLINE).await.unwrap();
    other.drain(DEADLINE).await.unwrap();
}

/// A worker that has found `e1` to be a duplicate when claims are lost, and goes on when it is claimed for that very frame.
async fn given_the_second(server: &TestServer) -> Worker {
    let stores = &server.stores;
    let (mut one, mut two) = (stores.postgres().await, stores.postgres().await);
    let worker =
        start_worker(stores, &Settings::with(&["--batch-events", "1", "--redis-timeout", "1s"])).await;
    let held = one.transaction().await.unwrap();
    held.batch_execute("lock table events in exclusive mode").await.unwrap();
    send(server, 2..3).await;
    until_waiting(stores, "relation = 'events'::regclass", 1).await;
    server.post_lines(lines(1..2) + &lines(51..52)).await.expect(202);
    let entry = last_entry(stores, "u1").await;
    until("a claim of each id", DEADLINE, async || claims(stores).await == 4).await;

    unlink(stores, "claim-epoch:*").await;
    unlink(stores, "dedupe:*").await;
    send(server, 3..4).await;
    // What the worker restores waits for what it is storing. Whoever stores next waits for this test.
    let exclusive = "locktype = 'advisory' and mode = 'ExclusiveLock'";
    until_waiting(stores, exclusive, 1).await;
    let next = two.transaction().await.unwrap();
    let release = async {
        until_waiting(stores, exclusive, 2).await;
        held.rollback().await.unwrap();
    };
    let (locked, ()) = tokio::join!(epochs::lock(&next), release);
    locked.unwrap();
    claim_for(stores, entry, &["e1"], "u1").await;
    next.rollback().await.unwrap();
    worker
}

async fn claims(stores: &TestStores) -> usize {
    let keys = redis::cmd("KEYS").arg("dedupe:*").to_owned();
    keys.query_async::<Vec<Vec<u8>>>(&mut stores.redis().await).await.unwrap().len()
}

/// Waits until so many wait for such a lock.
/// What they trigger is known only once they are matched again: more than goes into one transaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn duplicates_that_are_new_after_a_loss_are_stored_in_several_transactions() {
    const CAMPAIGNS: i64 = 500;
    const MOST_OF_A_TRANSACTION: i64 = 200_000;
    let (server, settings) = server().await;
    let stores = &server.stores;
    for _ in 0..CAMPAIGNS {
        server.activate(&json!({"event_type": ["t"]})).await;
    }
    let worker = start_worker(stores, &settings).await;
    send(&server, 0..1).await;
    until_outcomes(stores, 1, 0).await;
    worker.drain(DEADLINE).await.unwrap();

    let duplicates: Vec<String> = (0..600).map(|id| format!("d{id}")).collect();
    claim_for(stores, "1-0".parse().unwrap(), &duplicates, "u1").await;
    let mut holder = stores.postgres().await;
    let held = holder.transaction().await.unwrap();
    held.batch_execute("lock table events in exclusive mode").await.unwrap();
    let worker = start_worker(stores, &Settings::with(&["--redis-timeout", "1s"])).await;
    send(&server, 2..3).await;
    until_waiting(stores, "relation = 'events'::regclass", 1).await;
    // Each frame has a new event too, whose claim says that the worker has looked at the frame.
    for (frame, of_frame) in duplicates.chunks(100).enumerate() {
        let ids = of_frame.iter().cloned().chain([format!("new{frame}")]);
        let event =
            |id: String| json!({"event_id": id, "event_type": "t", "user_id": "u1"}).to_string() + "\n";
        server.post_lines(ids.map(event).collect::<String>()).await.expect(202);
    }
    until("a claim of each id", DEADLINE, async || claims(stores).await == 600 + 2 + 6).await;

    unlink(stores, "claim-epoch:*").await;
    unlink(stores, "dedupe:*").await;
    send(&server, 3..4).await;
    until_waiting(stores, "locktype = 'advisory' and mode = 'ExclusiveLock'", 1).await;
    held.rollback().await.unwrap();
    until_outcomes(stores, 600 + 3 + 6, 0).await;

    let largest =
        "select max(rows) from (select count(*) as rows from triggers group by xmin) of_transactions";
    let largest: i64 = stores.postgres().await.query_one(largest, &[]).await.unwrap().get(0);
    assert!(largest < MOST_OF_A_TRANSACTION + 101 * CAMPAIGNS, "{largest} triggers in one transaction");
    assert_eq!(count(stores, "triggers").await, (600 + 3 + 6) * CAMPAIGNS);
    worker.drain(DEADLINE).await.unwrap();
}

async fn until_waiting(stores: &TestStores, lock: &str, waiting: i64) {
    let client = stores.postgres().await;
    let query = format!("select count(*) from pg_locks where not granted and {lock}");
    until(&format!("{waiting} waiting for {lock}"), DEADLINE, async || {
        client.query_one(&query, &[]).await.unwrap().get::<_, i64>(0) == waiting
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_claims_nothing_is_stored_although_somebody_else_restored_the_claims() {
    let (server, settings) = server().await;
    let stores = &server.stores;
    let worker = start_worker(stores, &settings).await;
    send(&server, 0..1).await;
    until_outcomes(stores, 1, 0).await;

    restored_elsewhere(stores).await;
    let mut corrupt = frame_of(SHARDS.of_user("u0"), &["lost"]);
    *corrupt.bytes.last_mut().unwrap() ^= 1;
    append(&Pool::new(&stores.urls().redis_url, DEADLINE, 1).unwrap(), &[corrupt]).await.unwrap();
    until_rows(stores, "dead_letters", 1).await;
    worker.drain(DEADLINE).await.unwrap();
}

/// Another epoch holds, as if another worker had restored the claims.
async fn restored_elsewhere(stores: &TestStores) {
    const ANOTHER: &str = "01936d00-0000-7000-8000-000000000000";
    let client = stores.postgres().await;
    client.batch_execute(&format!("update claim_epochs set epoch = '{ANOTHER}'")).await.unwrap();
    let mut redis = stores.redis().await;
    for shard in SHARDS.all() {
        let set = redis::cmd("SET").arg(shard.epoch()).arg(format!("{ANOTHER} 1790000000000000")).to_owned();
        let () = set.query_async(&mut redis).await.unwrap();
    }
}
