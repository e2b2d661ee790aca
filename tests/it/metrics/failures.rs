//! The metrics while a server is away: failures are counted for as long as it is, where it fails and nowhere else.

use bb8_redis::redis::cmd;

use super::waits::queue_frames;
use super::{DEADLINE, Exposition, Running, TestStores, Urls, admin, scrape, until};
use crate::support::{At, Cut, Mode, Proxy, Settings};

/// Sees a counter grow on each of these admin ports, and grow again, several times: one failure is a hiccup.
async fn until_grown_again_and_again(admins: &[&str], series: &str) {
    for admin in admins {
        for time in 1..=3 {
            let before = scrape(admin).await.get(series);
            until(&format!("{series} grows, time {time}"), DEADLINE, async || {
                scrape(admin).await.get(series) > before
            })
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_is_seen_in_the_counters_for_as_long_as_it_is() {
    let mut stores = TestStores::start().await;
    let urls = Urls::of(&stores);
    let (mut serve, _) = Running::serve(&urls, &["--redis-timeout=200ms"], "").await;
    let short = ["--redis-timeout=200ms", "--database-timeout=2s", "--transaction-timeout=1s"];
    let mut worker = Running::worker(&urls, &short).await;
    let (of_serve, of_worker) = (admin(&mut serve, "serving").await, admin(&mut worker, "working").await);
    stores.servers.redis.stop().await;
    until_grown_again_and_again(&[&of_serve, &of_worker], "redis_pool_failures_total").await;
    let looked_at = async |admin: &str| scrape(admin).await.get("queue_look_timestamp_seconds");
    let last = [looked_at(&of_serve).await, looked_at(&of_worker).await];
    until_grown_again_and_again(&[&of_serve, &of_worker], "redis_pool_failures_total").await;
    assert_eq!([looked_at(&of_serve).await, looked_at(&of_worker).await], last, "what is shown grows old");
    stores.servers.redis.start().await.unwrap();
    for (admin, last) in [&of_serve, &of_worker].into_iter().zip(last) {
        until("another look at the queue", DEADLINE, async || looked_at(admin).await > last).await;
    }
    assert_eq!(scrape(&of_worker).await.get("postgres_pool_failures_total"), 0.0, "it was not away");
    stores.servers.postgres.kill().await;
    until_grown_again_and_again(&[&of_worker], "postgres_pool_failures_total").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_is_silent_is_seen_in_the_counters_for_as_long_as_it_is() {
    let stores = TestStores::start().await;
    let proxy = Proxy::before(stores.database_url()).await;
    let urls = Urls { database: proxy.url(stores.database_url()), ..Urls::of(&stores) };
    let mut worker = Running::worker(&urls, &["--database-timeout=200ms"]).await;
    let admin = admin(&mut worker, "working").await;
    proxy.set(Mode::BlackHole);
    queue_frames(&stores, &Settings::with(&[]), 1).await;
    until_grown_again_and_again(&[&admin], "postgres_pool_failures_total").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claims_are_counted_as_lost_where_there_were_some_and_not_where_there_never_were() {
    let (stores, settings) = (TestStores::start().await, Settings::with(&[]));
    let mut worker = Running::worker(&Urls::of(&stores), &[]).await;
    let admin = admin(&mut worker, "working").await;
    let restorations = |shown: &Exposition| {
        ["lost", "restarted"]
            .map(|cause| shown.get(&format!("claim_restorations_total{{cause=\"{cause}\"}}")))
    };
    queue_frames(&stores, &settings, 1).await;
    until("the first event of all", DEADLINE, async || {
        scrape(&admin).await.get("claims_total{result=\"new\"}") == 1.0
    })
    .await;
    assert_eq!(restorations(&scrape(&admin).await), [0.0, 0.0]);
    until("a queue that holds nothing to be lost", DEADLINE, async || {
        scrape(&admin).await.get("frames_acknowledged_total") == 1.0
    })
    .await;
    cmd("FLUSHALL").exec_async(&mut stores.redis().await).await.unwrap();
    queue_frames(&stores, &settings, 1).await;
    until("the claims are restored", DEADLINE, async || restorations(&scrape(&admin).await) == [1.0, 0.0])
        .await;
    assert_eq!(scrape(&admin).await.get("claims_restored_total"), 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_redis_does_not_answer_while_epochs_are_looked_up_is_no_failure_of_postgres() {
    let (stores, settings) = (TestStores::start().await, Settings::with(&[]));
    let proxy = Proxy::before(stores.redis_url()).await;
    let urls = Urls { redis: proxy.url(stores.redis_url()), ..Urls::of(&stores) };
    let mut worker = Running::worker(&urls, &[]).await;
    let admin = admin(&mut worker, "working").await;
    // The restoration of the first claims, which holds a transaction of Postgres open.
    let cut = proxy.cut(Cut { bytes: b"restoring ", nth: 1, at: At::Before });
    tokio::join!(biased; cut, queue_frames(&stores, &settings, 1));
    until("the event is stored nevertheless", DEADLINE, async || {
        scrape(&admin).await.get("events_total{outcome=\"stored\"}") == 1.0
    })
    .await;
    let shown = scrape(&admin).await;
    assert_eq!(shown.get("postgres_failures_total{operation=\"epochs\"}"), 0.0);
    assert!(shown.get("postgres_round_trip_seconds_count{operation=\"epochs\"}") >= 4.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_postgres_refuses_are_no_failures_of_it() {
    let (stores, settings) = (TestStores::start().await, Settings::with(&[]));
    let refuse = "alter table events add constraint no_e1 check (event_id <> 'e1')";
    stores.postgres().await.batch_execute(refuse).await.unwrap();
    let mut worker = Running::worker(&Urls::of(&stores), &[]).await;
    let admin = admin(&mut worker, "working").await;
    queue_frames(&stores, &settings, 3).await;
    let of = |outcome: &str| format!("events_total{{outcome=\"{outcome}\"}}");
    until("two rows and a dead letter", DEADLINE, async || {
        let shown = scrape(&admin).await;
        shown.get(&of("stored")) == 2.0 && shown.get(&of("dead_lettered")) == 1.0
    })
    .await;
    let shown = scrape(&admin).await;
    assert!(shown.get("postgres_round_trip_seconds_count{operation=\"probe\"}") >= 1.0, "it was looked for");
    for operation in ["store", "probe"] {
        assert_eq!(
            shown.get(&format!("postgres_failures_total{{operation=\"{operation}\"}}")),
            0.0,
            "{operation}"
        );
    }
}
