//! A server and a worker with a client before them.
//!
//! Invariants: a client that hangs is ended, and what it said is shown when it fails.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use campaign_manager::store::keys::{self, ApiKey, NewKey, Scope};
use reqwest::RequestBuilder;
use serde_json::Value;

use crate::support::{Reply, Running, TestStores, Urls, until};

/// Where `install.sh` puts the clients.
const INSTALLED: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/../clients");
/// Where this file is, and the programs that use the clients.
pub(crate) const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients");
/// For a client that sends a thousand events; it takes seconds.
const PATIENCE: Duration = Duration::from_mins(2);

/// The system, as real processes. Fields drop in order: the stores last.
pub(crate) struct Scene {
    pub(crate) url: String,
    pub(crate) admin: ApiKey,
    pub(crate) ingest: ApiKey,
    _running: [Running; 2],
    pub(crate) stores: TestStores,
}

impl Scene {
    /// Starts it, with a key for each scope.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// As [`Self::start`], with these flags for the server.
    pub(crate) async fn with(flags: &[&str]) -> Self {
        let stores = TestStores::start().await;
        let pool = stores.pool();
        let key = async |name, scope| {
            keys::create(&pool, &NewKey { name, scope, rate_limit: None }).await.unwrap().0
        };
        let (admin, ingest) = (key("admin", Scope::Admin).await, key("client", Scope::Ingest).await);
        let urls = Urls::of(&stores);
        let (serve, addr) = Running::serve(&urls, &[&["--auth=keys"], flags].concat(), "").await;
        let worker = Running::worker(&urls, &[]).await;
        Self { url: format!("http://{addr}"), admin, ingest, _running: [serve, worker], stores }
    }

    /// Runs one of the drivers to its end, with the server's address, its key and a prefix for the users.
    pub(crate) async fn run(&self, interpreter: impl AsRef<OsStr>, driver: &str, more: &[&str]) {
        let said = self.stores.dir().join("client.log");
        let log = File::create(&said).unwrap();
        let mut command = Command::new(interpreter);
        command.arg(Path::new(HERE).join(driver)).args([&self.url, self.ingest.expose(), "u"]).args(more);
        command.env("NODE_PATH", installed("node_modules")).stdout(log.try_clone().unwrap()).stderr(log);
        let ended = to_its_end(command, PATIENCE).await;
        assert!(ended.success(), "{driver}: {ended}\n{}", std::fs::read_to_string(said).unwrap());
    }

    /// What the API answers an admin.
    pub(crate) async fn get(&self, path: &str) -> Value {
        Reply::of(self.request(reqwest::Method::GET, path)).await.expect(200)
    }

    /// A request of an admin.
    pub(crate) fn request(&self, method: reqwest::Method, path: &str) -> RequestBuilder {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        client.request(method, format!("{}{path}", self.url)).bearer_auth(self.admin.expose())
    }
}

/// Something that `install.sh` has installed.
pub(crate) fn installed(path: &str) -> PathBuf {
    let path = Path::new(INSTALLED).join(path);
    assert!(path.exists(), "{} is missing; make test-clients installs it", path.display());
    path
}

/// Runs a program; past the deadline it is ended.
pub(crate) async fn to_its_end(mut command: Command, deadline: Duration) -> ExitStatus {
    // It talks to this machine only.
    command.env("NO_PROXY", "*").stdin(Stdio::null());
    let mut client = Client(command.spawn().unwrap());
    until(&format!("the end of {command:?}"), deadline, async || client.0.try_wait().unwrap().is_some())
        .await;
    client.0.wait().unwrap()
}

/// A running program; dropping it kills it.
pub(crate) struct Client(Child);

impl Client {
    /// Starts one.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self(command.spawn().expect("make test-clients installs what the clients need"))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Ended already, where the test went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
