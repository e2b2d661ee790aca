//! A real Prometheus that runs the project's own configuration, on a copy in which only the intervals differ, and with
//! targets of its own: those in the folder are for whoever runs the system.
//!
//! Invariant: it ends with the test, and its data with it.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Client;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::GRAFANA;
use crate::support::{DEADLINE, folder, until};

/// In the configuration, for scrapes as for rules.
const INTERVAL: &str = "interval: 15s";

/// The server. Dropping it ends it.
pub(crate) struct Prometheus {
    child: Child,
    /// `http://host:port`.
    pub(crate) url: String,
    client: Client,
}

impl Prometheus {
    /// Starts one in `dir` that scrapes the admin port `target` so often.
    pub(crate) async fn start(dir: &Path, target: &str, every: Duration) -> Self {
        lay_out(Path::new(GRAFANA), dir, target, every);
        let log = dir.join("prometheus.log");
        let file = File::create(&log).unwrap();
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", dir.join("prometheus.yml").display()));
        command.arg(format!("--storage.tsdb.path={}", dir.join("data").display()));
        command.args(["--web.listen-address=127.0.0.1:0", "--log.format=json"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
        let child = command.spawn().expect("infra/setup.sh monitoring installs Prometheus");
        let client = Client::builder().no_proxy().build().unwrap();
        let mut prometheus = Self { child, url: String::new(), client };
        until("Prometheus' address", DEADLINE, async || {
            prometheus.url = address(&fs::read_to_string(&log).unwrap()).unwrap_or_default();
            !prometheus.url.is_empty()
        })
        .await;
        until("Prometheus is ready", DEADLINE, async || {
            prometheus.get("/-/ready", &[]).await.status().is_success()
        })
        .await;
        prometheus
    }

    /// What a query returned within the last so many seconds, as series of samples, a second apart.
    pub(crate) async fn range(&self, query: &str, seconds: i64) -> Vec<Value> {
        let now = Timestamp::now().as_second();
        let (start, end) = ((now - seconds).to_string(), now.to_string());
        let parameters = [("query", query), ("start", &start), ("end", &end), ("step", "1")];
        self.ask("/api/v1/query_range", &parameters).await["result"].as_array().unwrap().clone()
    }

    /// The answer of its API.
    pub(crate) async fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let answer: Value = self.get(path, parameters).await.json().await.unwrap();
        assert_eq!(answer["status"], "success", "{path} {parameters:?}: {answer}");
        answer["data"].clone()
    }

    async fn get(&self, path: &str, parameters: &[(&str, &str)]) -> reqwest::Response {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        self.client.get(format!("{}{path}?{query}", self.url)).send().await.unwrap()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // Its folder is removed next, so it must have ended.
        let _ = kill_process(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

/// The configuration in `from`, with this target and interval, in `dir`.
pub(crate) fn lay_out(from: &Path, dir: &Path, target: &str, every: Duration) {
    let config = fs::read_to_string(from.join("prometheus.yml")).unwrap();
    assert_eq!(config.matches(INTERVAL).count(), 2, "scrape_interval and evaluation_interval");
    let config = config.replace(INTERVAL, &format!("interval: {}ms", every.as_millis()));
    fs::write(dir.join("prometheus.yml"), config).unwrap();
    let copied = Command::new("cp").arg("-r").arg(from.join("alerts")).arg(dir).status().unwrap();
    assert!(copied.success(), "cp -r {}: {copied}", from.join("alerts").display());
    fs::create_dir(dir.join("targets")).unwrap();
    fs::write(dir.join("targets/test.yml"), format!("- targets: [\"{target}\"]\n")).unwrap();
}

#[test]
fn targets_that_somebody_has_added_are_not_scraped() {
    let (own, dir) = (folder(), folder());
    let copied = Command::new("cp").arg("-r").arg(format!("{GRAFANA}/.")).arg(own.path()).status().unwrap();
    assert!(copied.success(), "{copied}");
    fs::write(own.path().join("targets/local.yml"), "- targets: [shop.example:8081]\n").unwrap();
    lay_out(own.path(), dir.path(), "127.0.0.1:1", Duration::from_secs(1));
    let targets = fs::read_dir(dir.path().join("targets")).unwrap();
    let targets: Vec<_> = targets.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    assert_eq!(targets, ["- targets: [\"127.0.0.1:1\"]\n"]);
}

/// Where it listens, as its log says.
fn address(log: &str) -> Option<String> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut listening = lines.filter(|line| line["msg"] == "Listening on");
    Some(format!("http://{}", listening.next()?["address"].as_str()?))
}
