//! The HTTP edge, served in the test's own process on servers of the test's own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bb8_redis::redis;
use campaign_manager::config::{Auth, HttpConfig, IngestConfig, QueueConfig, ServerUrls, StoreConfig};
use campaign_manager::http::Drained;
use campaign_manager::ingest::{Accumulator, Queue, Service, serve};
use campaign_manager::queue::{self, EventRecord, Frame};
use campaign_manager::store::{self, Pool};
use campaign_manager::tls::Identity;
use clap::Parser;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Proxy, TestStores, contract};

/// The settings, read as the command line is.
#[derive(Parser)]
struct Settings {
    #[arg(long, value_enum, default_value_t = Auth::None)]
    auth: Auth,
    #[command(flatten)]
    http: HttpConfig,
    #[command(flatten)]
    ingest: IngestConfig,
    #[command(flatten)]
    urls: ServerUrls,
    #[command(flatten)]
    queue: QueueConfig,
    #[command(flatten)]
    store: StoreConfig,
}

/// A running server.
pub(crate) struct TestServer {
    pub(crate) stores: TestStores,
    pub(crate) accumulator: Accumulator,
    pub(crate) pool: Pool,
    pub(crate) addr: SocketAddr,
    client: Client,
    shutdown: Option<oneshot::Sender<Duration>>,
    serving: JoinHandle<Drained>,
}

impl TestServer {
    /// Starts with the default settings, but for a port of its own and no keys.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// Starts with settings as on the command line.
    pub(crate) async fn with(settings: &[&str]) -> Self {
        Self::with_stores(TestStores::start().await, settings).await
    }

    /// Starts on these stores with settings as on the command line.
    pub(crate) async fn with_stores(stores: TestStores, settings: &[&str]) -> Self {
        let database_url = stores.database_url().to_owned();
        Self::on(stores, &database_url, settings).await
    }

    /// Starts with a proxy before the database.
    pub(crate) async fn behind_proxy(settings: &[&str]) -> (Self, Proxy) {
        let stores = TestStores::start().await;
        let proxy = Proxy::before(stores.database_url()).await;
        let database_url = proxy.url(stores.database_url());
        (Self::on(stores, &database_url, settings).await, proxy)
    }

    async fn on(stores: TestStores, database_url: &str, settings: &[&str]) -> Self {
        let fixed =
            ["test", "--http=127.0.0.1:0", "--database-url", database_url, "--redis-url", stores.redis_url()];
        let settings = Settings::parse_from(fixed.iter().chain(settings));
        let listener = TcpListener::bind(settings.http.addr).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let accumulator = Accumulator::new(settings.queue.shards, &settings.ingest);
        let redis = queue::pool(&settings.urls.redis_url, &settings.queue).unwrap();
        tokio::spawn({
            let (accumulator, redis) = (accumulator.clone(), redis.clone());
            async move { accumulator.run(redis).await }
        });
        let (gate, shards) = (accumulator.gate().clone(), settings.queue.shards);
        let queue = Queue { pool: redis.clone(), shards };
        tokio::spawn(async move { gate.watch(redis, shards).await });
        let pool = store::connect(&settings.urls.database_url, &settings.store).unwrap();
        let identity = settings.http.identity().map(|files| Identity::load(files).unwrap());
        let service = Service::new(settings.http, settings.auth, accumulator.clone(), queue, pool.clone());
        let (shutdown, stopped) = oneshot::channel();
        let serving = tokio::spawn(serve(listener, Arc::new(service), identity, stopped));
        let client = Client::builder().no_proxy().build().unwrap();
        Self { stores, accumulator, pool, addr, client, shutdown: Some(shutdown), serving }
    }

    /// Asks for an end, with so much time for requests in flight. The server goes on until [`Self::drained`].
    pub(crate) fn begin_shutdown(&mut self, timeout: Duration) {
        self.shutdown.take().unwrap().send(timeout).unwrap();
    }

    /// Creates an active campaign with these rules and returns its id.
    pub(crate) async fn activate(&self, rules: &Value) -> i64 {
        let campaign = serde_json::json!({"name": "a campaign", "status": "active", "rules": rules});
        self.post("/campaigns", campaign.to_string()).await.expect(201)["id"].as_i64().unwrap()
    }

    /// How serving ended.
    pub(crate) async fn drained(&mut self) -> Drained {
        (&mut self.serving).await.unwrap()
    }

    /// A request to `path`.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.addr))
    }

    /// `GET path`.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        Reply::of(self.request(Method::GET, path)).await
    }

    /// `POST path` with a JSON body.
    pub(crate) async fn post(&self, path: &str, json: impl Into<String>) -> Reply {
        Reply::of(self.posting(path, json)).await
    }

    /// `POST path` with a JSON body, not sent yet.
    pub(crate) fn posting(&self, path: &str, json: impl Into<String>) -> RequestBuilder {
        self.request(Method::POST, path).header("content-type", "application/json").body(json.into())
    }

    /// `POST /events` with a body of lines.
    pub(crate) async fn post_lines(&self, lines: impl Into<String>) -> Reply {
        let request = self.request(Method::POST, "/events").header("content-type", "application/x-ndjson");
        Reply::of(request.body(lines.into())).await
    }

    /// Every event in the streams, by id.
    pub(crate) async fn queued(&self) -> Vec<QueuedEvent> {
        let mut redis = self.stores.redis().await;
        let streams: Vec<String> = redis::cmd("KEYS").arg("events:*").query_async(&mut redis).await.unwrap();
        let mut events = Vec::new();
        for stream in streams {
            let range = redis::cmd("XRANGE").arg(&stream).arg("-").arg("+").to_owned();
            let entries: Vec<Entry> = range.query_async(&mut redis).await.unwrap();
            for frame in entries.into_iter().flat_map(|(_, fields)| fields).filter(|(name, _)| name == "f") {
                let frame = Frame::decode(frame.1.into()).unwrap();
                events.extend(frame.events().map(|event| QueuedEvent::of(&event)));
            }
        }
        events.sort();
        events
    }
}

/// An entry of a stream: its id and its fields.
type Entry = (String, Vec<(String, Vec<u8>)>);

/// An event as it lies in a stream.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct QueuedEvent {
    pub(crate) event_id: String,
    pub(crate) event_type: String,
    pub(crate) user_id: String,
    pub(crate) payload: String,
}

impl QueuedEvent {
    fn of(event: &EventRecord<'_>) -> Self {
        Self {
            event_id: event.event_id.to_owned(),
            event_type: event.event_type.to_owned(),
            user_id: event.user_id.to_owned(),
            payload: String::from_utf8(event.payload.to_vec()).unwrap(),
        }
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    /// Sends the request and reads the answer, which has to be as documented.
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let (client, request) = request.build_split();
        let request = request.unwrap();
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let reply = Self::from(client.execute(request).await.unwrap()).await;
        contract::hold(&method, &path, &reply);
        reply
    }

    async fn from(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    /// The body.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// A header, as text; empty if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body, if the status is as expected.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.json()
    }

    /// The detail of the problem, if it is one of that status.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16) -> String {
        let body = self.expect(status);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(body["status"], status);
        body["detail"].as_str().unwrap().to_owned()
    }
}
