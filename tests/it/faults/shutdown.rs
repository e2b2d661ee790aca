//! Ends in good order, under load, and where a server hangs.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::{SMALL_BATCHES, System};
use crate::support::{Mode, Proxy, Running, TestStores, Urls};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_asked_to_end_under_load_ends_well_and_everything_acknowledged_is_stored_once() {
    let mut system = System::start().await;
    let worker = system.worker().await;
    system.oracle.start();
    for _ in 0..2 {
        system.oracle.until_acknowledged(500).await;
        system.serve_again().await.drain().await;
    }
    system.oracle.until_recovered(&system.stores).await;
    system.assert_kept("serve drained twice under load", vec![worker]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_end_its_request_leaves_a_server_time_to_report_what_it_accepted() {
    let stores = TestStores::start().await;
    let (mut serve, addr) = Running::serve(&Urls::of(&stores), &["--shutdown-timeout=12s"], "").await;
    let mut slow = TcpStream::connect(addr).await.unwrap();
    let head = b"POST /events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                 content-length: 100\r\nexpect: 100-continue\r\n\r\n";
    slow.write_all(head).await.unwrap();
    slow.readable().await.expect("the server waits for the body");
    let event = serde_json::json!({"event_type": "test", "user_id": "u"});
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let sent = client.post(format!("http://{addr}/events")).json(&event).send().await.unwrap();
    assert_eq!(sent.status(), 202);
    drop(client);

    let asked = Instant::now();
    serve.signal(Signal::TERM);
    assert_eq!(serve.ended_within(Duration::from_secs(20)).await.code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(11), "connections have half of the time");
    assert_eq!(serve.logged("some connections were cut").len(), 1, "{}", serve.said());
    for blamed in ["Redis did not take", "Postgres was not told"] {
        assert!(serve.logged(blamed).is_empty(), "{}", serve.said());
    }
    let reported = "select sum(events)::bigint from accepted_reports";
    assert_eq!(stores.postgres().await.query_one(reported, &[]).await.unwrap().get::<_, i64>(0), 1);
    drop(slow);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_asked_to_end_under_load_ends_well_and_the_next_repeats_nothing() {
    let mut system = System::start().await;
    system.oracle.start();
    for _ in 0..2 {
        let worker = system.worker().await;
        system.oracle.until_recovered(&system.stores).await;
        worker.drain().await;
    }
    let last = system.worker().await;
    system.oracle.until_recovered(&system.stores).await;
    system.assert_kept("worker drained twice under load", vec![last]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_asked_to_end_while_postgres_hangs_ends_by_its_deadline_and_loses_nothing() {
    let mut system = System::start().await;
    let proxy = Proxy::before(&system.urls.database).await;
    let urls = Urls { database: proxy.url(&system.urls.database), ..system.urls.clone() };
    let mut stuck =
        Running::worker(&urls, &[&SMALL_BATCHES[..], &["--shutdown-timeout=500ms"]].concat()).await;
    system.oracle.start();
    system.oracle.until_recovered(&system.stores).await;
    proxy.set(Mode::BlackHole);
    system.oracle.until_acknowledged(500).await;

    let asked = Instant::now();
    stuck.signal(Signal::TERM);
    let status = stuck.ended_within(Duration::from_secs(5)).await;
    assert_eq!(status.code(), Some(0));
    assert!(asked.elapsed() >= Duration::from_millis(500), "it has time for what is in flight");
    // The machine of the worker is gone, and Postgres notices.
    drop(proxy);

    let next = system.worker().await;
    system.oracle.until_recovered(&system.stores).await;
    system.assert_kept("worker drained while Postgres hangs", vec![next]).await;
}
