//! A worker that stands still for longer than its frames are left to it, and then goes on as if nothing had happened.

use std::time::{Duration, Instant};

use bb8_redis::redis::{self, Value};
use rustix::process::Signal;
use tokio_postgres::Client;

use super::{SMALL_BATCHES, System};
use crate::support::{DEADLINE, Running, TestStores, Urls, count, until, until_drained, until_rows};

/// The consumer that is frozen, and its role in Postgres.
const FROZEN: &str = "frozen";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_frozen_past_the_time_to_reclaim_and_thawed_repeats_nothing() {
    let mut system = System::start().await;
    let frozen = worker_to_freeze(&system).await;
    let other = system.worker().await;
    system.oracle.start();
    for _ in 0..3 {
        freeze_until_taken_over(&system.stores, &frozen, &other).await;
        frozen.signal(Signal::CONT);
        system.oracle.until_recovered(&system.stores).await;
    }
    system.assert_kept("worker frozen three times", vec![frozen, other]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_frozen_within_a_transaction_holds_up_another_only_until_postgres_ends_it() {
    let mut system = System::start().await;
    let frozen = worker_to_freeze(&system).await;
    system.oracle.start();
    system.oracle.until_recovered(&system.stores).await;
    let client = system.stores.postgres().await;
    until("a worker frozen within a transaction", DEADLINE, async || {
        frozen.signal(Signal::STOP);
        match &*session_with_receipts(&client).await {
            "idle in transaction" => return true,
            "changing" => {}
            _ => frozen.signal(Signal::CONT),
        }
        false
    })
    .await;

    let other = system.worker().await;
    until("a takeover", DEADLINE, async || takeovers(&other) > 0).await;
    system.oracle.stop().await;
    until_drained(&system.stores).await;
    frozen.signal(Signal::CONT);
    system.oracle.start();
    system.oracle.until_recovered(&system.stores).await;
    system.assert_kept("worker frozen within a transaction", vec![frozen, other]).await;
}

/// Enough that taking over a change of one takes longer than a batch needs to be matched.
const CAMPAIGNS: i32 = 100_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_frozen_while_a_campaign_is_paused_matches_nothing_with_it_when_thawed() {
    let system = System::start().await;
    let client = system.stores.postgres().await;
    let insert = format!(
        r#"insert into campaigns (version, name, status, rules)
           select 1, 'frozen', 'active', '{{"event_type": ["frozen"]}}'
           union all
           select 1, 'c', 'active', json_build_object('event_type', json_build_array('other-' || n))
           from generate_series(1, {CAMPAIGNS}) n"#
    );
    client.batch_execute(&insert).await.unwrap();
    let worker = Running::worker(&system.urls, &[]).await;
    send(&system, "before").await;
    until_rows(&system.stores, "triggers", 1).await;

    worker.signal(Signal::STOP);
    let pause = "update campaigns set status = 'paused', version = 2 where name = 'frozen'";
    assert_eq!(client.execute(pause, &[]).await.unwrap(), 1);
    let paused = Instant::now();
    until("the second that a change may take", DEADLINE, async || paused.elapsed() > Duration::from_secs(1))
        .await;
    send(&system, "after").await;
    worker.signal(Signal::CONT);
    until_rows(&system.stores, "events", 2).await;
    assert_eq!(count(&system.stores, "triggers").await, 1, "the event after the pause triggers nothing");
    worker.drain().await;
}

/// Sends an event that the campaign is for.
async fn send(system: &System, id: &str) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(format!("http://{}/events", system.oracle.target()));
    let event = format!(r#"{{"event_id":"{id}","event_type":"frozen","user_id":"u"}}"#);
    let answer = request.header("content-type", "application/json").body(event).send().await.unwrap();
    assert_eq!(answer.status(), 202);
}

/// The state of the frozen worker's session that stores, and has written something; empty without one, "changing" where what
/// it was sent last may still be under way.
async fn session_with_receipts(client: &Client) -> String {
    let query =
        "select case when clock_timestamp() - state_change < interval '100 ms' then 'changing' else state end
        from pg_stat_activity where usename = $1 and backend_xid is not null
        and pid in (select pid from pg_locks where locktype = 'advisory')";
    let session = client.query(query, &[&FROZEN]).await.unwrap();
    session.first().map_or_else(String::new, |session| session.get(0))
}

/// A worker whose frames and transactions can be told from others'.
async fn worker_to_freeze(system: &System) -> Running {
    let role = format!("create role {FROZEN} superuser login password '{FROZEN}'");
    system.stores.postgres().await.batch_execute(&role).await.unwrap();
    let address = system.urls.database.split_once('@').unwrap().1;
    let urls = Urls { database: format!("postgres://{FROZEN}:{FROZEN}@{address}"), ..system.urls.clone() };
    let consumer = format!("--consumer={FROZEN}");
    Running::worker(&urls, &[&SMALL_BATCHES[..], &[&consumer]].concat()).await
}

/// Freezes it while it has frames, until the other has taken some over. Not within a transaction: its receipts would hold
/// up the other for as long as Postgres keeps the session.
async fn freeze_until_taken_over(stores: &TestStores, frozen: &Running, other: &Running) {
    let client = stores.postgres().await;
    let before = takeovers(other);
    until("a takeover", DEADLINE, async || {
        if unacknowledged(stores).await == 0 || is_in_transaction(&client).await {
            frozen.signal(Signal::CONT);
            frozen.signal(Signal::STOP);
        }
        takeovers(other) > before
    })
    .await;
}

fn takeovers(worker: &Running) -> usize {
    worker.logged("took over frames").len()
}

async fn is_in_transaction(client: &Client) -> bool {
    let query = "select exists (select from pg_stat_activity where usename = $1 and xact_start is not null)";
    client.query_one(query, &[&FROZEN]).await.unwrap().get(0)
}

/// How many frames the frozen worker was given and has not acknowledged.
async fn unacknowledged(stores: &TestStores) -> usize {
    let mut redis = stores.redis().await;
    let streams: Vec<String> = redis::cmd("KEYS").arg("events:*").query_async(&mut redis).await.unwrap();
    let mut frames = 0;
    for stream in streams {
        let mut pending = redis::cmd("XPENDING");
        pending.arg(stream).arg("workers").arg("-").arg("+").arg(1000).arg(FROZEN);
        // Before a worker reads for the first time there is no group.
        frames += pending.query_async::<Vec<Value>>(&mut redis).await.map_or(0, |pending| pending.len());
    }
    frames
}
