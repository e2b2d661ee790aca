//! `Content-Encoding`: packed bodies are taken as what they stand for, within the same limits.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::{Client, Method};
use serde_json::json;

use crate::support::{Reply, Running, TestServer, TestStores, Urls};

fn event(id: &str) -> String {
    format!(
        r#"{{"event_id":"{id}","event_type":"t","user_id":"u","timestamp":"2026-11-23T05:00:00Z","context":{{}}}}"#
    )
}

fn gzip(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: impl AsRef<[u8]>) -> Vec<u8> {
    zstd::encode_all(text.as_ref(), 3).unwrap()
}

async fn post_to(server: &TestServer, path: &str, encoding: &str, body: Vec<u8>) -> Reply {
    let request = server.request(Method::POST, path).header("content-type", "application/json");
    Reply::of(request.header("content-encoding", encoding).body(body)).await
}

async fn post(server: &TestServer, encoding: &str, body: Vec<u8>) -> Reply {
    post_to(server, "/events", encoding, body).await
}

#[tokio::test]
async fn packed_bodies_are_taken_on_every_route() {
    let server = TestServer::start().await;
    let events = ["a", "b", "c", "d"].map(event);
    post(&server, "gzip", gzip(&events[0])).await.expect(202);
    post(&server, "x-gzip", [gzip(&events[1][..20]), gzip(&events[1][20..])].concat()).await.expect(202);
    post(&server, "zstd", [zstd(&events[2][..20]), zstd(&events[2][20..])].concat()).await.expect(202);
    post(&server, "identity", events[3].clone().into()).await.expect(202);
    let queued = server.queued().await;
    assert_eq!(
        queued.iter().map(|event| &event.payload).collect::<Vec<_>>(),
        events.iter().collect::<Vec<_>>()
    );

    let message = r#"{"userId":"u","event":"e","messageId":"m"}"#;
    post_to(&server, "/v1/track", "gzip", gzip(message)).await.expect(200);
    let campaign = r#"{"name":"n","rules":{"event_type":["t"]}}"#;
    post_to(&server, "/campaigns", "zstd", zstd(campaign)).await.expect(201);
}

#[tokio::test]
async fn another_encoding_is_refused_with_those_that_are_read() {
    let server = TestServer::start().await;
    for encoding in ["br", "deflate", "gzip, gzip"] {
        let reply = post(&server, encoding, gzip(event("a"))).await;
        assert!(reply.problem(415).contains("gzip or zstd"), "{}", reply.text);
        assert_eq!(reply.header("accept-encoding"), "gzip, zstd");
    }
}

#[tokio::test]
async fn what_cannot_be_unpacked_is_refused_with_the_reason() {
    let server = TestServer::start().await;
    let whole = [("gzip", gzip(event("a"))), ("zstd", zstd(event("a")))];
    for (encoding, body) in whole {
        let cut = post(&server, encoding, body[..body.len() - 3].to_vec()).await;
        assert!(cut.problem(400).contains("breaks off"), "{}", cut.text);
        assert!(cut.json()["type"].as_str().unwrap().ends_with("not-decodable"));
        let plain = post(&server, encoding, event("a").into()).await;
        assert!(plain.problem(400).contains(encoding), "{}", plain.text);
        post(&server, encoding, [&body[..], b"garbage"].concat()).await.problem(400);
        post(&server, encoding, [&body[..], &body].concat()).await.problem(400);
    }
    assert!(server.queued().await.is_empty());
}

#[tokio::test]
async fn the_limit_of_a_body_holds_packed_and_unpacked() {
    let server = TestServer::with(&["--max-body=2KiB", "--body-buffer=2KiB"]).await;
    let padded = |bytes: usize| format!("{}{}", event("a"), " ".repeat(bytes - event("a").len()));
    for (encoding, pack) in [("gzip", gzip as fn(String) -> Vec<u8>), ("zstd", zstd)] {
        post(&server, encoding, pack(padded(2048))).await.expect(202);
        assert!(post(&server, encoding, pack(padded(2049))).await.problem(413).contains("2048 bytes"));
    }
    let noise: Vec<u8> = (0..600_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let packed = gzip(noise);
    assert!(packed.len() > 2048);
    post(&server, "gzip", packed).await.problem(413);
    // What was taken for all of these is free again.
    post(&server, "gzip", gzip(padded(2048))).await.expect(202);
}

/// Bodies that stand for a gibibyte each, and are smaller than the limit.
fn bombs() -> [(&'static str, Vec<u8>); 3] {
    let zeros = || io::repeat(0).take(1 << 30);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    io::copy(&mut zeros(), &mut encoder).unwrap();
    [
        ("gzip", encoder.finish().unwrap()),
        ("gzip", gzip(vec![0; 1 << 20]).repeat(1 << 10)),
        ("zstd", zstd::encode_all(zeros(), 3).unwrap()),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bombs_are_refused_and_cost_no_more_than_the_limit() {
    // Far less than the texts of 16 requests at once (80 MiB), with what the allocator holds back for a while.
    const MORE: u64 = 64 << 20;
    let stores = TestStores::start().await;
    let (serve, addr) = Running::serve(&Urls::of(&stores), &[], "").await;
    let before = serve.peak_memory();
    let client = Client::builder().no_proxy().build().unwrap();
    for (encoding, bomb) in bombs() {
        let sends = (0..16).map(|_| send(&client, addr, encoding, bomb.clone()));
        for reply in futures_util::future::join_all(sends).await {
            assert!(reply.problem(413).contains("longer than 5242880 bytes"));
        }
    }
    let more = serve.peak_memory() - before;
    assert!(more < MORE, "{more} bytes");
    let good = send(&client, addr, "gzip", gzip(event("good"))).await;
    assert_eq!(good.expect(202), json!({"accepted": 1, "event_ids": ["good"]}));
}

async fn send(client: &Client, addr: SocketAddr, encoding: &str, body: Vec<u8>) -> Reply {
    let request = client.post(format!("http://{addr}/events")).header("content-type", "application/json");
    Reply::of(request.header("content-encoding", encoding).body(body)).await
}
