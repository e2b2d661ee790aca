//! Thousands of connections whose requests' heads never end: they take bounded memory, and give it back.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::crowd::allow_open_files;
use crate::support::{DEADLINE, Running, TestStores, Urls, scrape, until};

const CONNECTIONS: usize = 3000;
/// The crowd stays as long as it wants.
const FLAGS: [&str; 3] = ["--header-timeout=10m", "--redis-timeout=1m", "--database-timeout=1m"];
/// What a connection may take with a head that does not end: twice what it was found to take in a debug build.
const MOST_OF_ONE: u64 = 48 << 10;
/// What is left of that for each once they are gone.
const MOST_LEFT: u64 = 16 << 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_that_never_end_take_bounded_memory_and_give_it_back() {
    allow_open_files(CONNECTIONS + 200);
    let stores = TestStores::start().await;
    let (mut serve, addr) = Running::serve(&Urls::of(&stores), &FLAGS, "").await;
    let admin = serve.until_logged("serving").await["admin"].as_str().unwrap().to_owned();
    let alone = serve.resident().unwrap();

    let mut crowd = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        crowd.push(unfinished(addr, 3900).await);
    }
    // What was sent is read, as far as it is: the last to come have been looked at once a later one is answered.
    assert_eq!(status_of(addr, "x: y\r\n").await, "HTTP/1.1 404");
    let all = f64::from(u16::try_from(CONNECTIONS).unwrap());
    until("all of them are open", DEADLINE, async || scrape(&admin).await.get("http_connections") >= all)
        .await;
    let beside = serve.resident().unwrap().saturating_sub(alone);
    assert!(
        beside < MOST_OF_ONE * CONNECTIONS as u64,
        "{} KiB a connection",
        (beside >> 10) / CONNECTIONS as u64
    );

    drop(crowd);
    until("all of them are gone", DEADLINE, async || scrape(&admin).await.get("http_connections") < 10.0)
        .await;
    let most = MOST_LEFT * CONNECTIONS as u64;
    let left = || serve.resident().unwrap().saturating_sub(alone);
    until("their memory is given back", DEADLINE, async || {
        // An allocator gives back as it goes on working.
        status_of(addr, "x: y\r\n").await;
        left() < most
    })
    .await;
    serve.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_may_be_16_kib_long_and_no_longer() {
    let stores = TestStores::start().await;
    let (serve, addr) = Running::serve(&Urls::of(&stores), &[], "").await;
    let cookie = |length| format!("cookie: {}\r\n", "c".repeat(length));
    assert_eq!(status_of(addr, &cookie(15 << 10)).await, "HTTP/1.1 404");
    assert_eq!(status_of(addr, &cookie(16 << 10)).await, "HTTP/1.1 431");
    serve.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_a_number_of_unfinished_large_heads_the_next_one_is_refused_and_small_ones_are_not() {
    allow_open_files(1200);
    let stores = TestStores::start().await;
    let (serve, addr) = Running::serve(&Urls::of(&stores), &FLAGS, "").await;
    let mut crowd = Vec::new();
    // While few are open, each reads all of its head at once, and needs no place; from some 500 on it does not.
    for _ in 0..1000 {
        crowd.push(unfinished(addr, 15 << 10).await);
    }
    until("all places are taken", DEADLINE, async || large_in_pieces(addr).await == "HTTP/1.1 431").await;
    assert_eq!(status_of(addr, "x: y\r\n").await, "HTTP/1.1 404");
    drop(crowd);
    until("there are places again", DEADLINE, async || large_in_pieces(addr).await == "HTTP/1.1 404").await;
    serve.drain().await;
}

/// How a request with a large head is answered that does not come at once.
async fn large_in_pieces(addr: SocketAddr) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let large =
        format!("GET /nothing HTTP/1.1\r\nhost: localhost\r\ncookie: {}\r\n\r\n", "c".repeat(10 << 10));
    for piece in large.as_bytes().chunks(1000) {
        if stream.write_all(piece).await.is_err() {
            break;
        }
        // What is sent in one go may be read in one go.
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let mut status = [0; 12];
    match stream.read_exact(&mut status).await {
        Ok(_) => String::from_utf8_lossy(&status).into_owned(),
        Err(error) => error.to_string(),
    }
}

/// A connection with a head of so many bytes, which is not finished.
async fn unfinished(addr: SocketAddr, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let head = format!("GET /nothing HTTP/1.1\r\nhost: localhost\r\ncookie: {}", "c".repeat(length));
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// How a request with these headers is answered.
async fn status_of(addr: SocketAddr, headers: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let request = format!("GET /nothing HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n");
    // It may be refused before it is sent whole.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    String::from_utf8_lossy(&status).into_owned()
}
