//! The metrics while a server is away: failures are counted for as long as it is, where it fails and nowhere else.

use bb8_redis::redis::cmd;

use super::waits::queue_frames;
use super::{DEADLINE, Exposition, Running, TestStores, Urls, admin, scrape, until};
use crate::support::{Mode, Proxy, Settings};

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
    let short = ["--redis-timeout=200ms", "--database-timeout=200ms", "--transaction-timeout=1s"];
    let mut worker = Running::worker(&urls, &short).await;
    let (of_serve, of_worker) = (admin(&mut serve, "serving").await, admin(&mut worker, "working").await);
    stores.servers.redis.stop().await;
    until_grown_again_and_again(&[&of_serve, &of_worker], "redis_pool_failures_total").await;
    stores.servers.redis.start().await.unwrap();
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
