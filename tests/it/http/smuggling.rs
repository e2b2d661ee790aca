//! Requests that two servers could read differently, and others that RFC 9112 has refused: none is read as two, and what
//! stands behind it is never answered.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{DEADLINE, TestServer};

const EVENT: &str = r#"{"event_id":"e","event_type":"login","user_id":"u"}"#;
/// What an attacker hides behind a request. Its answer would be 404.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// Everything that is answered until the server closes.
async fn exchange(server: &TestServer, bytes: impl AsRef<[u8]>) -> String {
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(bytes.as_ref()).await.unwrap();
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer)).await;
    ended
        .unwrap_or_else(|_| unreachable!("no end after {:?}", String::from_utf8_lossy(bytes.as_ref())))
        .unwrap();
    String::from_utf8(answer).unwrap()
}

fn statuses(answers: &str) -> Vec<&str> {
    answers.split("HTTP/1.1 ").skip(1).map(|answer| answer.get(..3).unwrap_or(answer)).collect()
}

fn post(headers: &str, body: &str) -> String {
    format!(
        "POST /events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{headers}\r\n\r\n{body}"
    )
}

#[tokio::test]
async fn an_ambiguous_end_of_a_body_is_answered_with_400_and_the_connection_closed() {
    let server = TestServer::start().await;
    let chunks = format!("{:x}\r\n{EVENT}\r\n0\r\n\r\n", EVENT.len());
    let length = format!("content-length: {}", EVENT.len());
    let chunked = "transfer-encoding: chunked";
    for (headers, body) in [
        (format!("{length}\r\n{chunked}"), chunks.as_str()),
        (format!("{chunked}\r\n{length}"), &chunks),
        (format!("{length}\r\ncontent-length: 0"), EVENT),
        (format!("{length}\r\n{length}"), EVENT),
        (format!("content-length: +{}", EVENT.len()), EVENT),
        (format!("{length}, {}", EVENT.len()), EVENT),
        (format!("content-length : {}", EVENT.len()), EVENT),
        ("content-length: -1".to_owned(), EVENT),
        ("content-length: 0x33".to_owned(), EVENT),
        ("content-length: 99999999999999999999999999".to_owned(), EVENT),
        (format!("x: y\r\n {length}"), EVENT),
        (format!("x: y\n{length}"), EVENT),
        (format!("x: y\r{length}"), EVENT),
        (format!("x: \0\r\n{length}"), EVENT),
        ("transfer-encoding: xchunked".to_owned(), &chunks),
        ("transfer-encoding: identity, chunked".to_owned(), &chunks),
        ("transfer-encoding: identity".to_owned(), &chunks),
        (format!("{chunked}\r\n{chunked}"), &chunks),
        ("transfer-encoding:\u{b}chunked".to_owned(), &chunks),
    ] {
        let answers = exchange(&server, post(&headers, body) + HIDDEN).await;
        assert_eq!(statuses(&answers), ["400"], "{headers:?}: {answers}");
    }
    assert!(server.queued().await.is_empty());
}

#[tokio::test]
async fn chunks_that_are_none_are_refused_and_nothing_behind_them_is_read() {
    let server = TestServer::start().await;
    for chunks in [
        "fffffffffffffffff\r\n",
        "10000000000000000\r\n",
        "+5\r\nhello\r\n",
        "5\nhello\n0\n\n",
        "5\r\nhellohello\r\n",
        "x\r\n",
    ] {
        let answers = exchange(&server, post("transfer-encoding: chunked", chunks) + HIDDEN).await;
        assert_eq!(statuses(&answers), ["400"], "{chunks:?}: {answers}");
    }
}

#[tokio::test]
async fn a_request_names_its_host_once_and_its_version_rightly() {
    let server = TestServer::start().await;
    for request in [
        "GET /campaigns HTTP/1.1\r\n\r\n",
        "GET /campaigns HTTP/1.1\r\nhost: localhost\r\nhost: x\r\n\r\n",
        "GET /campaigns HTTP/1.1\r\nhost: localhost/y\r\n\r\n",
        "GET /campaigns HTTP/1.1\nhost: localhost\n\n",
        "GET  /campaigns HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "GET /campaigns HTTP/1.2\r\nhost: localhost\r\n\r\n",
        "GET /campaigns\r\nhost: localhost\r\n\r\n",
        "GET /cam\0paigns HTTP/1.1\r\nhost: localhost\r\n\r\n",
        // The preface of HTTP/2, which is not spoken here
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let answers = exchange(&server, request).await;
        assert_eq!(statuses(&answers), ["400"], "{request:?}: {answers}");
    }
    let old = exchange(&server, "GET /campaigns HTTP/1.0\r\n\r\n").await;
    assert!(old.contains(" 200 "), "{old}");
}

#[tokio::test]
async fn targets_of_every_form_are_answered_and_an_upgrade_is_ignored() {
    let server = TestServer::start().await;
    for (line, status) in [
        ("GET http://elsewhere/campaigns HTTP/1.1", "200"),
        ("OPTIONS * HTTP/1.1", "404"),
        ("CONNECT elsewhere:443 HTTP/1.1", "404"),
        ("GET /campaigns HTTP/1.1\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk", "200"),
        ("GET /campaigns HTTP/1.1\r\nupgrade: websocket", "200"),
    ] {
        let request = format!("{line}\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        let answers = exchange(&server, &request).await;
        assert_eq!(statuses(&answers), [status], "{request:?}: {answers}");
    }
}

#[tokio::test]
async fn requests_sent_at_once_are_answered_in_order() {
    let server = TestServer::start().await;
    let event = post(&format!("content-length: {}", EVENT.len()), EVENT);
    let chunked = post("transfer-encoding: chunked", &format!("{:x}\r\n{EVENT}\r\n0\r\n\r\n", EVENT.len()));
    let last = "GET /campaigns HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let answers = exchange(&server, [&event, HIDDEN, &chunked, &event, last].concat()).await;
    assert_eq!(statuses(&answers), ["202", "404", "202", "202", "200"], "{answers}");
}

#[tokio::test]
async fn what_comes_before_a_refused_request_is_answered() {
    let server = TestServer::start().await;
    let answers = exchange(&server, format!("{HIDDEN}{}", "GET /campaigns HTTP/1.1\r\n\r\n")).await;
    assert_eq!(statuses(&answers), ["404", "400"], "{answers}");
}

#[tokio::test]
async fn more_headers_than_a_request_may_have_are_answered_with_431() {
    let server = TestServer::start().await;
    let with = |count: usize| {
        let headers = "x: y\r\n".repeat(count);
        format!("GET /campaigns HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n")
    };
    assert_eq!(statuses(&exchange(&server, with(98)).await), ["200"]);
    assert_eq!(statuses(&exchange(&server, with(99)).await), ["431"]);
    let long = format!("GET /campaigns HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "y".repeat(100_000));
    assert_eq!(statuses(&exchange(&server, long).await), ["431"]);
}

#[tokio::test]
async fn a_body_that_is_coded_for_its_transfer_is_answered_with_501_and_nothing_behind_it_is_read() {
    let server = TestServer::start().await;
    let chunks = format!("{:x}\r\n{EVENT}\r\n0\r\n\r\n", EVENT.len());
    for coding in ["gzip, chunked", "deflate , Chunked"] {
        let answers =
            exchange(&server, post(&format!("transfer-encoding: {coding}"), &chunks) + HIDDEN).await;
        assert_eq!(statuses(&answers), ["501"], "{coding}: {answers}");
    }
    assert!(server.queued().await.is_empty());
}
