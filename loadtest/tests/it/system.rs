//! A system of a test's own, with a private Redis and Postgres, and the real tool run against it.

use std::num::NonZeroU32;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use campaign_manager::config::{Auth, QueueConfig, ServerUrls, StoreConfig};
use campaign_manager::embedded::{Profile, Stores};
use campaign_manager::ops::Readiness;
use campaign_manager::roles::{Addresses, Serve, ServeSettings, Worker, WorkerSettings};
use campaign_manager::store::keys::{self, NewKey, Rate, Scope};
use campaign_manager::store::{self, migrate::migrate};
use clap::Parser as _;
use serde_json::Value;
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

/// The settings, read as the command line is.
#[derive(clap::Parser)]
struct Settings {
    #[command(flatten)]
    queue: QueueConfig,
    #[command(flatten)]
    store: StoreConfig,
    #[command(flatten)]
    serve: ServeSettings,
    #[command(flatten)]
    worker: WorkerSettings,
}

/// A running system. It ends with the test.
pub(crate) struct System {
    serve: Serve,
    _worker: Worker,
    pub(crate) urls: ServerUrls,
    // After those who use them, as fields drop in order.
    stores: Stores,
    dir: TempDir,
}

/// How a run of the tool ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
    /// What `--json` wrote.
    pub(crate) report: Value,
}

impl System {
    /// Starts a server and a worker, with settings as on their command lines.
    pub(crate) async fn start(auth: Auth, settings: &[&str]) -> Self {
        let dir = TempDir::new().unwrap();
        let stores = Stores::start(dir.path(), Profile::Throwaway).await.unwrap();
        stores.make_roles().await.unwrap();
        let urls = Addresses::of_stores(&stores).urls;
        migrate(urls.database_url.expose()).await.unwrap();
        let fixed = ["test", "--http=127.0.0.1:0", "--fetch-wait=50ms", "--catalog-poll=100ms"];
        let Settings { queue, store, serve, worker } = Settings::parse_from(fixed.iter().chain(settings));
        let mut ready = Readiness::default();
        let serve = Serve::start(&urls, auth, &queue, &store, &serve, &mut ready).await.unwrap();
        let worker = Worker::start(&urls, &queue, &store, &worker, &mut ready).await.unwrap();
        Self { serve, _worker: worker, urls, stores, dir }
    }

    /// Starts one that lets everybody in.
    pub(crate) async fn open() -> Self {
        Self::start(Auth::None, &[]).await
    }

    /// A new connection to the database, as its superuser.
    pub(crate) async fn postgres(&self) -> Client {
        let urls = self.stores.superuser_urls();
        let (client, connection) = tokio_postgres::connect(urls.database_url.expose(), NoTls).await.unwrap();
        tokio::spawn(async { drop(connection.await) });
        client
    }

    /// A new API key.
    pub(crate) async fn key(&self, scope: Scope, rate_limit: Option<u32>) -> String {
        let pool = store::connect(&self.urls.database_url, &StoreConfig::for_one_command()).unwrap();
        let rate_limit = rate_limit.and_then(NonZeroU32::new).map(Rate::per_second);
        let (key, _) = keys::create(&pool, &NewKey { name: "load", scope, rate_limit }).await.unwrap();
        key.expose().to_owned()
    }

    /// The first column of the only row of the answer.
    pub(crate) async fn count(&self, query: &str) -> i64 {
        self.postgres().await.query_one(query, &[]).await.unwrap().get(0)
    }

    /// Where the server is.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}", self.serve.scheme(), self.serve.addr())
    }

    /// The tool, told where this system is, and to write its report beside it.
    pub(crate) fn tool(&self, arguments: &[&str]) -> Command {
        let mut command = tool(self.dir.path());
        command.args(["--url", &self.url(), "--database-url", self.urls.database_url.expose()]);
        command.args(["--json", "report.json"]).args(arguments);
        command
    }

    /// Runs the tool to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        let (code, out, err) = output(self.tool(arguments)).await;
        Ran { code, out, err, report: self.report() }
    }

    /// What the latest run has written.
    pub(crate) fn report(&self) -> Value {
        let report = std::fs::read(self.dir.path().join("report.json")).unwrap_or_default();
        serde_json::from_slice(&report).unwrap_or_default()
    }
}

/// The tool in a folder, without what the surroundings say.
pub(crate) fn tool(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    command.current_dir(dir).env_remove("DATABASE_URL").env_remove("API_KEY");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Exit code, standard output, standard error.
pub(crate) async fn output(mut command: Command) -> (Option<i32>, String, String) {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Waits until `condition` holds; past the deadline the test fails, naming `what` it waited for.
pub(crate) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    const DEADLINE: Duration = Duration::from_mins(1);
    const LOOK: Duration = Duration::from_millis(20);
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(LOOK).await;
        }
    };
    assert!(tokio::time::timeout(DEADLINE, waiting).await.is_ok(), "waited {DEADLINE:?} in vain: {what}");
}
