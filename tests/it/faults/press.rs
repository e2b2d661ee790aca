//! A thousand connections that come and send at once, while Redis takes nothing or the server does not get to accept them:
//! memory stays bounded, and nobody is refused.

use std::net::SocketAddr;

use bb8_redis::redis;
use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::crowd::allow_open_files;
use crate::support::{DEADLINE, Running, TestStores, Urls, scrape, until};

const CONNECTIONS: usize = 1000;
/// Of each request: 48 MB of bodies in all.
const EVENTS: usize = 200;
/// Half as much again as it takes.
const MOST: u64 = 128 << 20;
/// Nobody gives up while Redis takes nothing.
const FLAGS: [&str; 3] = ["--redis-timeout=2m", "--buffer-patience=2m", "--log=info"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_connections_that_send_at_once_are_all_served_in_bounded_memory() {
    allow_open_files(CONNECTIONS + 200);
    let stores = TestStores::start().await;
    let (mut serve, addr) = Running::serve(&Urls::of(&stores), &FLAGS, "").await;
    let admin = serve.until_logged("serving").await["admin"].as_str().unwrap().to_owned();
    let mut redis = stores.redis().await;
    let pause = redis::cmd("CLIENT").arg("PAUSE").arg(120_000).arg("WRITE").to_owned();
    let () = pause.query_async(&mut redis).await.unwrap();

    let mut requests = JoinSet::new();
    for number in 0..CONNECTIONS {
        requests.spawn(async move { status_of_a_request(connect(addr).await, number, EVENTS).await });
    }
    let all_under_way = until("all requests are under way", DEADLINE, async || {
        scrape(&admin).await.get("http_requests_in_flight") >= 1000.0
    });
    tokio::select! {
        biased;
        ended = requests.join_next() => panic!("a request ended while Redis took nothing: {ended:?}"),
        () = all_under_way => {}
    }
    let () = redis::cmd("CLIENT").arg("UNPAUSE").query_async(&mut redis).await.unwrap();
    for status in requests.join_all().await {
        assert_eq!(status, "HTTP/1.1 202");
    }

    let most = serve.peak_memory();
    assert!(most < MOST, "{} MiB", most >> 20);
    serve.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_connections_that_come_before_one_is_accepted_are_all_served() {
    allow_open_files(CONNECTIONS + 200);
    let stores = TestStores::start().await;
    let (serve, addr) = Running::serve(&Urls::of(&stores), &FLAGS, "").await;
    serve.signal(Signal::STOP);
    let mut streams = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        streams.push(timeout(DEADLINE, connect(addr)).await.expect("the kernel takes no more connections"));
    }
    serve.signal(Signal::CONT);
    let mut requests = JoinSet::new();
    for (number, stream) in streams.into_iter().enumerate() {
        requests.spawn(status_of_a_request(stream, number, 1));
    }
    for status in requests.join_all().await {
        assert_eq!(status, "HTTP/1.1 202");
    }
    serve.drain().await;
}

async fn connect(addr: SocketAddr) -> TcpStream {
    TcpStream::connect(addr).await.unwrap()
}

async fn status_of_a_request(mut stream: TcpStream, number: usize, events: usize) -> String {
    let event = |index| {
        let padding = "x".repeat(160);
        format!(
            r#"{{"event_id":"{number}-{index}","event_type":"t","user_id":"u{index}","properties":{{"p":"{padding}"}}}}"#
        )
    };
    let body: String = (0..events).map(|index| event(index) + "\n").collect();
    let head = format!(
        "POST /events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).await.unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    String::from_utf8_lossy(&status).into_owned()
}
