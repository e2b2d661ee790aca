//! Connections: limits on time and number, broken requests, and a good end.

use std::time::Duration;

use bb8_redis::redis;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Reply, TestServer, until};

const SOON: Duration = Duration::from_secs(10);
const EVENT: &str = r#"{"event_id":"e","event_type":"login","user_id":"u"}"#;

/// Sends raw bytes and reads until the server closes.
async fn exchange(server: &TestServer, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    read_to_end(&mut stream).await
}

async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    tokio::time::timeout(SOON, stream.read_to_end(&mut answer)).await.expect("the server closes").unwrap();
    String::from_utf8(answer).unwrap()
}

fn head(content_length: usize) -> String {
    format!(
        "POST /events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {content_length}\r\n\r\n"
    )
}

/// Makes Redis wait with writes, so that requests stay in flight.
async fn hold_writes(server: &TestServer) {
    let mut redis = server.stores.redis().await;
    let () =
        redis::cmd("CLIENT").arg("PAUSE").arg(60_000).arg("WRITE").query_async(&mut redis).await.unwrap();
}

async fn release_writes(server: &TestServer) {
    let () = redis::cmd("CLIENT").arg("UNPAUSE").query_async(&mut server.stores.redis().await).await.unwrap();
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let server = TestServer::start().await;
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    for _ in 0..3 {
        stream.write_all(format!("{}{EVENT}", head(EVENT.len())).as_bytes()).await.unwrap();
        let mut answer = [0; 1024];
        let length = stream.read(&mut answer).await.unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 202"));
    }
}

#[tokio::test]
async fn a_client_that_sends_its_headers_too_slowly_is_cut_off() {
    let server = TestServer::with(&["--header-timeout=100ms"]).await;
    assert_eq!(exchange(&server, b"POST /events HTTP/1.1\r\nhost: localhost\r\n").await, "");
    server.post("/events", EVENT).await.expect(202);
}

#[tokio::test]
async fn a_client_that_sends_its_body_too_slowly_is_told_so_and_cut_off() {
    let server = TestServer::with(&["--body-timeout=100ms"]).await;
    let answer = exchange(&server, format!("{}{{", head(EVENT.len())).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    assert!(server.queued().await.is_empty());
}

#[tokio::test]
async fn a_client_sees_that_its_body_came_too_slowly_although_it_is_still_sending() {
    let server = TestServer::with(&["--body-timeout=100ms"]).await;
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(format!("{}{{", head(4 << 20)).as_bytes()).await.unwrap();
    stream.peek(&mut [0]).await.expect("the answer has arrived");

    stream.write_all(&vec![b' '; 1 << 20]).await.expect("the server reads on");
    stream.shutdown().await.unwrap();
    assert!(read_to_end(&mut stream).await.starts_with("HTTP/1.1 408"));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_taken() {
    let server = TestServer::start().await;
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(format!("{}{EVENT}", head(EVENT.len() + 1)).as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    read_to_end(&mut stream).await;
    assert!(server.queued().await.is_empty());
}

#[tokio::test]
async fn nonsense_is_answered_with_400() {
    let server = TestServer::start().await;
    for nonsense in ["nonsense\r\n\r\n", "POST /events HTTP/1.1\r\ncontent-length: many\r\n\r\n"] {
        let answer = exchange(&server, nonsense.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    let many = "x: y\r\n".repeat(10_000);
    let answer =
        exchange(&server, format!("GET /events HTTP/1.1\r\nhost: localhost\r\n{many}\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn a_client_sees_the_refusal_of_a_body_that_it_is_still_sending() {
    let server = TestServer::with(&["--max-body=1KiB"]).await;
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let body = vec![b' '; 4 << 20];

    stream.write_all(head(body.len()).as_bytes()).await.unwrap();
    stream.write_all(&body).await.unwrap();

    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn a_body_without_announced_length_is_held_to_the_limit() {
    let server = TestServer::with(&["--max-body=1KiB"]).await;
    let head = "POST /events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    let chunks = |chunk: String| {
        format!("{head}{:x}\r\n{chunk}\r\n{:x}\r\n{EVENT}\r\n0\r\n\r\n", chunk.len(), EVENT.len())
    };

    let long = exchange(&server, chunks(" ".repeat(1024)).as_bytes()).await;
    assert!(long.starts_with("HTTP/1.1 413"), "{long}");
    let short = exchange(&server, chunks(" ".repeat(900)).as_bytes()).await;
    assert!(short.starts_with("HTTP/1.1 202"), "{short}");
}

#[tokio::test]
async fn a_body_that_finds_no_room_in_time_is_refused() {
    let flags = ["--max-body=64KiB", "--body-buffer=64KiB", "--buffer-patience=100ms"];
    let server = TestServer::with(&flags).await;
    let mut slow = TcpStream::connect(server.addr).await.unwrap();
    slow.write_all(format!("{}{}", head(60_000), " ".repeat(50_000)).as_bytes()).await.unwrap();

    let padded = format!("{EVENT}{}", " ".repeat(30_000));
    let mut refusal = String::new();
    until("the slow body has arrived and fills the buffer", SOON, async || {
        let reply = server.post("/events", padded.clone()).await;
        refusal = reply.text;
        reply.status.as_u16() == 503
    })
    .await;
    assert!(refusal.contains("too many bodies"), "{refusal}");

    drop(slow);
    until("its room is free again", SOON, async || {
        server.post("/events", padded.clone()).await.status.as_u16() == 202
    })
    .await;
}

#[tokio::test]
async fn a_slow_client_soon_holds_no_more_room_than_it_has_sent() {
    let server = TestServer::with(&["--max-body=64KiB", "--body-buffer=64KiB"]).await;
    let mut slow = TcpStream::connect(server.addr).await.unwrap();
    slow.write_all(format!("{}{{", head(60_000)).as_bytes()).await.unwrap();

    let padded = format!("{EVENT}{}", " ".repeat(60_000));
    server.post("/events", padded).await.expect(202);
    drop(slow);
}

#[tokio::test]
async fn bodies_that_together_exceed_the_buffer_are_taken_one_after_another() {
    let server = TestServer::with(&["--max-body=64KiB", "--body-buffer=64KiB"]).await;
    let padded = format!("{EVENT}{}", " ".repeat(60_000));
    let sends = (0..50).map(|_| Reply::of(server.posting("/events", padded.clone())));
    for reply in futures_util::future::join_all(sends).await {
        reply.expect(202);
    }
}

#[tokio::test]
async fn beyond_the_most_connections_the_next_one_waits_for_a_place() {
    let server = TestServer::with(&["--max-connections=1"]).await;
    let mut first = TcpStream::connect(server.addr).await.unwrap();
    first.write_all(b"GET /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    first.read_exact(&mut [0; 12]).await.unwrap();

    let mut second = TcpStream::connect(server.addr).await.unwrap();
    second.write_all(b"GET /nothing HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let waited = tokio::time::timeout(Duration::from_millis(100), second.read_u8()).await;
    assert!(waited.is_err(), "answered although there is no place");

    drop(first);
    assert!(read_to_end(&mut second).await.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn at_shutdown_requests_in_flight_are_answered_and_no_others() {
    let mut server = TestServer::start().await;
    hold_writes(&server).await;
    let in_flight = tokio::spawn(Reply::of(server.posting("/events", EVENT)));
    until("the request is in flight", SOON, async || server.accumulator.held_bytes() > 0).await;
    let idle = TcpStream::connect(server.addr).await.unwrap();

    server.begin_shutdown(Duration::from_secs(20));
    until("new connections are refused", SOON, async || TcpStream::connect(server.addr).await.is_err()).await;
    release_writes(&server).await;

    let answer = in_flight.await.unwrap();
    answer.expect(202);
    assert_eq!(answer.header("connection"), "close");
    assert_eq!(server.drained().await.abandoned, 0);
    assert_eq!(server.queued().await.len(), 1);
    drop(idle);
}

#[tokio::test]
async fn at_the_end_of_the_drain_time_what_is_left_is_cut() {
    let mut server = TestServer::start().await;
    hold_writes(&server).await;
    let in_flight = tokio::spawn(server.posting("/events", EVENT).send());
    until("the request is in flight", SOON, async || server.accumulator.held_bytes() > 0).await;

    server.begin_shutdown(Duration::from_millis(50));

    assert_eq!(server.drained().await.abandoned, 1);
    assert!(in_flight.await.unwrap().is_err());
}
