//! Senders that hold as much room for bodies as they can, beside good ones with another key: they slow nobody but themselves.

use std::net::SocketAddr;

use campaign_manager::store::keys::{ApiKey, NewKey, Scope, create};
use reqwest::{Client, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::crowd::allow_open_files;
use crate::support::{DEADLINE, Exposition, Running, TestStores, Urls, scrape, until};

/// Bodies arrive as slowly as they like, and the servers behind are waited for: what is refused is refused for want of room.
const FLAGS: [&str; 4] = ["--auth=keys", "--body-timeout=10m", "--redis-timeout=1m", "--database-timeout=1m"];
const EVENT: &str = r#"{"event_type":"login","user_id":"u"}"#;
const TRACK: &str = r#"{"event":"login","userId":"u"}"#;

/// A server that asks for keys.
struct Scene {
    stores: TestStores,
    serve: Running,
    addr: SocketAddr,
    admin: String,
    client: Client,
}

impl Scene {
    async fn with(flags: &[&str]) -> Self {
        let stores = TestStores::start().await;
        let (mut serve, addr) = Running::serve(&Urls::of(&stores), &[&FLAGS, flags].concat(), "").await;
        let admin = serve.until_logged("serving").await["admin"].as_str().unwrap().to_owned();
        let client = Client::builder().no_proxy().build().unwrap();
        Self { stores, serve, addr, admin, client }
    }

    async fn key(&self, scope: Scope) -> ApiKey {
        let new = NewKey { name: "test", scope, rate_limit: None };
        create(&self.stores.pool(), &new).await.unwrap().0
    }

    async fn send(&self, key: &ApiKey, path: &str, body: String) -> StatusCode {
        let request = self.client.post(format!("http://{}{path}", self.addr)).bearer_auth(key.expose());
        request.header("content-type", "application/json").body(body).send().await.unwrap().status()
    }

    /// A body of `announced` bytes of which only some are sent.
    async fn unfinished(&self, key: &ApiKey, announced: usize, sent: usize) -> TcpStream {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        let head = format!(
            "POST /events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nauthorization: Bearer {}\r\n\
             content-length: {announced}\r\n\r\n",
            key.expose()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&vec![b' '; sent]).await.unwrap();
        stream
    }

    async fn shown(&self) -> Exposition {
        scrape(&self.admin).await
    }

    async fn until_in_flight(&self, requests: f64) {
        until("the requests are under way", DEADLINE, async || {
            self.shown().await.get("http_requests_in_flight") >= requests
        })
        .await;
    }
}

/// An event in a body of so many bytes.
fn padded(bytes: usize) -> String {
    format!("{EVENT}{}", " ".repeat(bytes - EVENT.len()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_a_byte_short_hold_up_no_other_key_and_no_management_and_give_way_in_the_end() {
    let scene = Scene::with(&[]).await;
    let attacker = scene.key(Scope::Ingest).await;
    let (good, manager) = (scene.key(Scope::Ingest).await, scene.key(Scope::Admin).await);
    let mut slow = Vec::new();
    for size in [5 << 20, 3 << 20, 2 << 20] {
        slow.push(scene.unfinished(&attacker, size, size.min(1 << 20)).await);
    }
    scene.until_in_flight(3.0).await;

    for _ in 0..3 {
        assert_eq!(scene.send(&good, "/events", EVENT.into()).await, 202);
        assert_eq!(scene.send(&good, "/v1/track", TRACK.into()).await, 200);
        assert_eq!(scene.send(&good, "/events", padded(5 << 20)).await, 202);
        let campaign = r#"{"name": "c", "rules": {"event_type": ["login"]}}"#;
        assert_eq!(scene.send(&manager, "/campaigns", campaign.into()).await, 201);
        assert_eq!(scene.send(&manager, "/keys", r#"{"name": "k", "scope": "ingest"}"#.into()).await, 201);
        assert_eq!(
            scene.send(&attacker, "/events", EVENT.into()).await,
            202,
            "small ones have room of their own"
        );
    }
    let shown = scene.shown().await;
    assert!(shown.get("http_bodies_refused_total{reason=\"no_room\"}") < 1.0);

    let mine = async { scene.send(&attacker, "/events", padded(5 << 20)).await };
    assert_eq!(mine.await, 202, "what does not arrive gives way to what does");
    let mut told = Vec::new();
    for stream in &mut slow {
        let mut status = [0; 12];
        if tokio::time::timeout(std::time::Duration::from_millis(10), stream.read_exact(&mut status))
            .await
            .is_ok()
        {
            told.push(String::from_utf8_lossy(&status).into_owned());
        }
    }
    let shown = scene.shown().await;
    let slow_bodies = shown.get("http_bodies_refused_total{reason=\"too_slow\"}");
    assert!(slow_bodies >= 1.0, "{told:?}");
    assert!(shown.get("ingest_refused_requests_total{reason=\"buffer_full\"}") >= slow_bodies);
    drop(slow);
    scene.serve.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_announced_and_not_sent_holds_up_no_other_key() {
    allow_open_files(1000);
    let scene = Scene::with(&["--buffer-patience=300ms"]).await;
    let (attacker, good) = (scene.key(Scope::Ingest).await, scene.key(Scope::Ingest).await);
    let mut announced = Vec::new();
    for _ in 0..200 {
        announced.push(scene.unfinished(&attacker, 1 << 20, 0).await);
        announced.push(scene.unfinished(&attacker, 60_000, 0).await);
    }
    for _ in 0..5 {
        assert_eq!(scene.send(&good, "/events", padded(4 << 20)).await, 202);
        assert_eq!(scene.send(&good, "/events", EVENT.into()).await, 202);
    }
    drop(announced);
    scene.serve.drain().await;
}
