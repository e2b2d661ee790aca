//! The API over TLS: the server's certificate, its renewal, and clients that do not shake hands.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use campaign_manager::tls::{self, Identity, IdentityFiles};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::support::{Authority, DEADLINE, HERE, Issued, TestServer, run, until};

async fn server(issued: &Issued, flags: &[&str]) -> TestServer {
    let (cert, key) = (issued.cert.to_str().unwrap(), issued.key.to_str().unwrap());
    TestServer::with(&[&["--tls-cert", cert, "--tls-key", key], flags].concat()).await
}

async fn shake_hands(server: &TestServer, ca: &Path) -> std::io::Result<TlsStream<TcpStream>> {
    let mut config = tls::client_config(Some(ca)).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = TcpStream::connect(server.addr).await.unwrap();
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(HERE).unwrap(), stream).await
}

const EVENT: &str = r#"{"event_type":"login","user_id":"u"}"#;

/// Sends an event and returns the answer.
async fn send(stream: &mut TlsStream<TcpStream>) -> String {
    let request = format!(
        "POST /events HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{EVENT}",
        EVENT.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it is closed in good order");
    answer
}

#[tokio::test]
async fn events_are_taken_over_tls_with_http_1_1_alone() {
    let ca = Authority::new();
    let server = server(&ca.issue(HERE), &[]).await;
    let mut stream = shake_hands(&server, &ca.file()).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let answer = send(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    assert!(shake_hands(&server, &Authority::new().file()).await.is_err(), "a client that trusts others");
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_without_a_restart_and_a_broken_one_is_not() {
    let ca = Authority::new();
    let (current, next) = (ca.issue(HERE), ca.issue_until(HERE, 3000));
    let server = server(&current, &[]).await;
    let shown = async || {
        shake_hands(&server, &ca.file()).await.unwrap().get_ref().1.peer_certificates().unwrap()[0].to_vec()
    };
    let first = shown().await;

    fs::write(&current.cert, "nonsense").unwrap();
    fs::copy(&next.key, &current.key).unwrap();
    assert_eq!(shown().await, first);
    fs::copy(&next.cert, &current.cert).unwrap();
    until("the next certificate is shown", DEADLINE, async || shown().await != first).await;
}

#[tokio::test]
async fn clients_that_do_not_shake_hands_hold_nobody_up_and_are_cut_off() {
    let ca = Authority::new();
    let server = server(&ca.issue(HERE), &["--header-timeout=2s"]).await;
    let mut silent = TcpStream::connect(server.addr).await.unwrap();
    let mut plain = TcpStream::connect(server.addr).await.unwrap();
    plain.write_all(b"GET /campaigns HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();

    let answer = send(&mut shake_hands(&server, &ca.file()).await.unwrap()).await;
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    for (who, stream) in [("the silent client", &mut silent), ("the one without TLS", &mut plain)] {
        let mut answer = Vec::new();
        // Reset or ended: it is gone.
        let ended = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "{who} is still there");
        assert!(!answer.starts_with(b"HTTP"), "{who} was answered");
    }
}

#[tokio::test]
async fn a_client_that_reads_no_answers_is_cut_off_over_tls_too() {
    let ca = Authority::new();
    let server = server(&ca.issue(HERE), &["--write-timeout=300ms", "--header-timeout=60s"]).await;
    let mut greedy = shake_hands(&server, &ca.file()).await.unwrap();
    let requests = b"GET /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(1000);
    let sending = async { while greedy.write_all(&requests).await.is_ok() {} };
    tokio::time::timeout(DEADLINE, sending).await.expect("it is cut off");
}

#[tokio::test]
async fn at_shutdown_a_handshake_that_has_not_ended_is_not_waited_for() {
    let ca = Authority::new();
    let mut server = server(&ca.issue(HERE), &[]).await;
    let _silent = TcpStream::connect(server.addr).await.unwrap();
    // It was accepted once the next one is.
    shake_hands(&server, &ca.file()).await.unwrap();
    server.begin_shutdown(Duration::from_secs(20));
    let drained = tokio::time::timeout(Duration::from_secs(5), server.drained()).await;
    assert_eq!(drained.expect("nobody is waited for").abandoned, 0);
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_refused_at_the_start() {
    let ca = Authority::new();
    let (one, other) = (ca.issue(HERE), ca.issue("other.example"));
    let load = |cert: &Path, key: &Path| {
        Identity::load(IdentityFiles { cert: cert.to_owned(), key: key.to_owned() })
            .err()
            .map(|error| error.to_string())
    };
    assert_eq!(load(&one.cert, &one.key), None);
    for (cert, key, reason) in [
        (&one.cert, &other.key, "cannot be used"),
        (&one.key, &one.key, "it holds none in PEM form"),
        (&one.cert, &one.cert, "cannot read the key"),
        (&one.cert, &"/no.key".into(), "/no.key: No such file"),
    ] {
        let error = load(cert, key).expect(reason);
        assert!(error.contains(reason), "{error}");
    }
    let stores = crate::support::TestStores::start().await;
    let ran = run(&stores, &["serve", "--tls-cert", one.cert.to_str().unwrap()]).await;
    assert!(ran.code != 0 && ran.err.contains("--tls-key"), "{ran:?}");
}
