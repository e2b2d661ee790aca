//! A worker or a server on a machine whose clock is days away from that of everybody else.

use std::time::Duration;

use super::System;
use crate::support::{DEADLINE, Running, scrape, until, until_drained, until_drained_within};

/// By how much the clock is wrong, in seconds: three days.
const AHEAD: i32 = 259_200;
const BEHIND: i32 = -AHEAD;
/// All that is stored meanwhile would be past this retention. A lock that is not to be had at once is waited for.
const UPKEEP: [&str; 2] = ["--retention=24h", "--transaction-timeout=10s"];

/// The fail point that sets a machine's clock.
fn clock(ahead: i32) -> String {
    format!("clock-ahead=return({ahead})")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_whose_clock_is_ahead_deletes_nothing_of_the_present() {
    worker_with_wrong_clock(AHEAD, "worker whose clock is three days ahead").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_whose_clock_is_behind_loses_nothing() {
    worker_with_wrong_clock(BEHIND, "worker whose clock is three days behind").await;
}

/// The worker looks after the tables beside one whose clock is right, and then alone.
async fn worker_with_wrong_clock(ahead: i32, fault: &str) {
    let mut system = System::start().await;
    let right = Running::worker(&system.urls, &[]).await;
    system.oracle.start();
    system.oracle.until_recovered(&system.stores).await;
    rest(&mut system).await;
    make_ancient_partition(&system).await;

    let mut wrong = Running::doomed_worker(&system.urls, &UPKEEP, &clock(ahead));
    wrong.until_logged("working").await;
    // So it has decided what is past retention.
    until_ancient_partition_dropped(&system).await;
    system.oracle.start();
    system.oracle.until_recovered(&system.stores).await;
    right.drain().await;
    system.oracle.until_recovered(&system.stores).await;

    assert_partitions_are_those_of_now(&system).await;
    system.assert_kept(fault, vec![wrong]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_only_worker_makes_the_partitions_of_now_whatever_its_clock_says() {
    for ahead in [AHEAD, BEHIND] {
        let system = System::start().await;
        let worker = Running::doomed_worker(&system.urls, &[], &clock(ahead));
        let client = system.stores.postgres().await;
        until("partitions", DEADLINE, async || {
            client.query_one("select count(*) from partitions", &[]).await.unwrap().get::<_, i64>(0) > 0
        })
        .await;
        assert_partitions_are_those_of_now(&system).await;
        worker.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_bear_the_time_of_postgres_where_the_clock_of_serve_is_ahead() {
    serve_with_wrong_clock(AHEAD, "serve whose clock is three days ahead").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_bear_the_time_of_postgres_where_the_clock_of_serve_is_behind() {
    serve_with_wrong_clock(BEHIND, "serve whose clock is three days behind").await;
}

async fn serve_with_wrong_clock(ahead: i32, fault: &str) {
    let mut system = System::start().await;
    let worker = worker_with_retention(&system).await;
    serve_with_clock(&mut system, ahead).await.drain().await;
    system.oracle.send(1000).await;
    until_drained(&system.stores).await;
    assert_received_now(&system).await;
    system.assert_kept(fault, vec![worker]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_bear_the_time_of_redis_while_postgres_has_not_answered_yet() {
    for (ahead, fault) in [
        (AHEAD, "serve whose clock is ahead started without Postgres"),
        (BEHIND, "serve whose clock is behind started without Postgres"),
    ] {
        let mut system = System::start().await;
        system.stores.servers.postgres.stop().await;
        serve_with_clock(&mut system, ahead).await.drain().await;
        system.oracle.send(500).await;
        system.stores.servers.postgres.start().await.unwrap();
        let worker = worker_with_retention(&system).await;
        until_drained(&system.stores).await;
        assert_received_now(&system).await;
        system.assert_kept(fault, vec![worker]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_dropped_where_the_clock_of_postgres_jumps_ahead() {
    postgres_with_wrong_clock(AHEAD, "clock of Postgres set three days ahead").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_where_the_clock_of_postgres_jumps_back() {
    postgres_with_wrong_clock(BEHIND, "clock of Postgres set back by three days").await;
}

/// The clock jumps under load; then a worker decides what is past retention.
async fn postgres_with_wrong_clock(ahead: i32, fault: &str) {
    let mut system = System::start().await;
    let worker = worker_with_retention(&system).await;
    system.oracle.start();
    system.oracle.until_recovered(&system.stores).await;
    set_clock_of_postgres(&system, ahead).await;
    system.serve.until_logged("ready, with a warning").await;
    system.oracle.until_acknowledged(500).await;
    rest(&mut system).await;
    let follow = "select count(*) from events
        where abs(extract(epoch from received_at - pg_catalog.now()) - $1::int) < 3600";
    let followed = system.stores.postgres().await.query_one(follow, &[&ahead]).await.unwrap();
    assert!(followed.get::<_, i64>(0) > 0, "events bear the new time");

    make_ancient_partition(&system).await;
    let another = worker_with_retention(&system).await;
    until_ancient_partition_dropped(&system).await;
    system.oracle.start();
    system.oracle.until_acknowledged(500).await;
    system.assert_kept(fault, vec![worker, another]).await;
}

/// Has all new sessions find these functions where they look for those of Postgres, and ends the sessions there are.
async fn set_clock_of_postgres(system: &System, ahead: i32) {
    let set = format!(
        "create function public.clock_timestamp() returns timestamptz language sql volatile
            as 'select pg_catalog.clock_timestamp() + make_interval(secs => {ahead})';
        create function public.now() returns timestamptz language sql stable
            as 'select pg_catalog.now() + make_interval(secs => {ahead})';
        alter table frames alter column stored_at set default public.now();
        do $$ begin
            execute format('alter database %I set search_path = public, pg_catalog', current_database());
        end $$;
        select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid()"
    );
    system.stores.postgres().await.batch_execute(&set).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_says_that_its_clock_is_wrong_and_stays_ready() {
    let system = System::start().await;
    for (ahead, said) in [(AHEAD, "ahead of"), (BEHIND, "behind")] {
        let clock = clock(ahead);
        let mut serve = Running::unready_serve(&system.urls, &[], &clock);
        let serving = serve.until_logged("serving").await;
        let mut worker = Running::doomed_worker(&system.urls, &[], &clock);
        let working = worker.until_logged("working").await;
        for (process, started) in [(&mut serve, serving), (&mut worker, working)] {
            process.until_logged("ready, with a warning").await;
            let admin = started["admin"].as_str().unwrap();
            let metrics = scrape(admin).await;
            for (server, name) in [("postgres", "Postgres"), ("redis", "Redis")] {
                let shown = metrics.get(&format!("clock_difference_seconds{{server=\"{server}\"}}"));
                assert!((shown - f64::from(ahead)).abs() < 60.0, "{name}: {shown}");
            }
            let (status, text) = readiness(admin).await;
            assert_eq!(status, 200, "{text}");
            for name in ["Postgres", "Redis"] {
                assert!(text.contains(&format!("{said} that of {name}")), "{text}");
            }
        }
        serve.drain().await;
        worker.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_whose_clock_is_right_says_so() {
    let mut system = System::start().await;
    let serving = system.serve.until_logged("serving").await;
    let (status, text) = readiness(serving["admin"].as_str().unwrap()).await;
    assert_eq!((status, text.contains("clock: ok\n")), (200, true), "{text}");
}

/// What `/readyz` answers.
async fn readiness(admin: &str) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(format!("http://{admin}/readyz")).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn worker_with_retention(system: &System) -> Running {
    Running::worker(&system.urls, &UPKEEP).await
}

/// Has the oracle send to a server with this clock; what is returned is the server before.
async fn serve_with_clock(system: &mut System, ahead: i32) -> Running {
    let (serve, addr) = Running::serve(&system.urls, &[], &clock(ahead)).await;
    system.oracle.redirect(addr);
    std::mem::replace(&mut system.serve, serve)
}

/// Ends the load for a while: a worker that is held up by a lock looks after the tables again only after a minute.
async fn rest(system: &mut System) {
    system.oracle.stop().await;
    until_drained_within(&system.stores, 3 * DEADLINE).await;
}

/// A partition that is past retention by anybody's clock.
async fn make_ancient_partition(system: &System) {
    let ancient = "2001-01-01T00:00:00Z".parse().unwrap();
    let mut partitions = campaign_manager::store::Partitions::new(Duration::from_hours(24));
    partitions.ensure(&mut system.stores.postgres().await, ancient, ancient).await.unwrap();
}

async fn until_ancient_partition_dropped(system: &System) {
    let client = system.stores.postgres().await;
    let ancient = "select from partitions where suffix = '20010101'";
    until("an ancient partition dropped", DEADLINE, async || {
        client.query(ancient, &[]).await.unwrap().is_empty()
    })
    .await;
}

/// There is one for now, and none but for as far ahead as the worker was asked to make them.
async fn assert_partitions_are_those_of_now(system: &System) {
    let query = "select count(*) filter (where lower_bound <= now() and upper_bound > now()),
        count(*) filter (where lower_bound > now() + interval '2 days' or upper_bound < now() - interval '1 day')
        from partitions";
    let row = system.stores.postgres().await.query_one(query, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (1, 0));
}

/// Every event bears about the time at Postgres.
async fn assert_received_now(system: &System) {
    let query = "select count(*), count(*) filter (where received_at between stored_at - interval '1 hour' and stored_at + interval '1 minute')
        from events, (select max(stored_at) as stored_at from frames) as last";
    let row = system.stores.postgres().await.query_one(query, &[]).await.unwrap();
    let (stored, right): (i64, i64) = (row.get(0), row.get(1));
    assert!(stored > 0);
    assert_eq!(right, stored);
}
