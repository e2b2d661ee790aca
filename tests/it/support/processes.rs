//! `serve` and `worker` as real processes: the program as it is built, with signals, exit codes and logs.
//!
//! Each logs in to Postgres and Redis as its part, so whatever is tested here is tested with no more rights than that has.
//!
//! Invariants: no process outlives its test; what it logged is kept in a file, and shown when the test fails.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use campaign_manager::embedded::Part;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{DEADLINE, TestStores, until};

/// Where logs are kept, from run to run.
const LOGS: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/process-logs");
/// How much of a log is shown when a test fails, in lines.
const SHOWN: usize = 60;
/// Waits that do not hold up a test; flags given by the test come later and win.
const WORKER_FLAGS: [&str; 5] = [
    "--transaction-timeout=1s",
    "--fetch-wait=50ms",
    "--catalog-poll=100ms",
    "--redis-timeout=1s",
    "--database-timeout=1s",
];
const SERVE_FLAGS: [&str; 4] =
    ["--http=127.0.0.1:0", "--auth=none", "--redis-timeout=1s", "--database-timeout=1s"];

/// Where a process finds its servers: the servers themselves, or a proxy before one of them.
#[derive(Clone, Debug)]
pub(crate) struct Urls {
    pub(crate) redis: String,
    pub(crate) database: String,
}

/// A running `serve` or `worker`; dropping it kills it.
pub(crate) struct Running {
    role: &'static str,
    child: Child,
    log: PathBuf,
}

impl Urls {
    /// The test's own servers, without anything between.
    pub(crate) fn of(stores: &TestStores) -> Self {
        Self { redis: stores.redis_url().to_owned(), database: stores.database_url().to_owned() }
    }
}

impl Running {
    /// A server that answers, and its address.
    pub(crate) async fn serve(urls: &Urls, flags: &[&str], fail_points: &str) -> (Self, SocketAddr) {
        let mut serve = Self::unready_serve(urls, flags, fail_points);
        let addr = serve.serving().await.expect("it serves");
        (serve, addr)
    }

    /// A server that may end before it answers.
    pub(crate) fn unready_serve(urls: &Urls, flags: &[&str], fail_points: &str) -> Self {
        Self::launch("serve", &[&SERVE_FLAGS, flags].concat(), urls, fail_points)
    }

    /// Waits until it answers, and returns where; `None` where it ends before that.
    pub(crate) async fn serving(&mut self) -> Option<SocketAddr> {
        let started = self.logged_before_its_end("serving").await.ok()?;
        Some(started["http"].as_str().unwrap().parse().unwrap())
    }

    /// Waits until its pipeline runs; `false` where it ends before that.
    #[allow(dead_code, reason = "tests/chaos uses it")]
    pub(crate) async fn working(&mut self) -> bool {
        self.logged_before_its_end("working").await.is_ok()
    }

    /// A worker whose pipeline runs.
    pub(crate) async fn worker(urls: &Urls, flags: &[&str]) -> Self {
        let mut worker = Self::doomed_worker(urls, flags, "");
        worker.until_logged("working").await;
        worker
    }

    /// A worker that ends at one of these fail points, perhaps before it says that it works.
    pub(crate) fn doomed_worker(urls: &Urls, flags: &[&str], fail_points: &str) -> Self {
        Self::launch("worker", &[&WORKER_FLAGS, flags].concat(), urls, fail_points)
    }

    /// A server whose log cannot be written.
    #[allow(dead_code, reason = "tests/chaos does not use it")]
    pub(crate) fn unlogged_serve(urls: &Urls, http: SocketAddr) -> Self {
        let (log, _) = log_file("serve");
        let full = File::options().write(true).open("/dev/full").unwrap();
        let http = format!("--http={http}");
        let flags = [&SERVE_FLAGS[..], &[http.as_str()]].concat();
        Self::launch_with("serve", &flags, urls, "", (log, full))
    }

    fn launch(role: &'static str, flags: &[&str], urls: &Urls, fail_points: &str) -> Self {
        Self::launch_with(role, flags, urls, fail_points, log_file(role))
    }

    fn launch_with(
        role: &'static str,
        flags: &[&str],
        urls: &Urls,
        fail_points: &str,
        (log, file): (PathBuf, File),
    ) -> Self {
        let out = file.try_clone().unwrap();
        let mut command = that_ends_with_us(env!("CARGO_BIN_EXE_campaign-manager"));
        command.arg(role).args(["--admin=127.0.0.1:0", "--log-format=json"]).args(last_of_each(flags));
        let part = if role == "serve" { Part::Serve } else { Part::Worker };
        command.env("REDIS_URL", part.redis_url(&urls.redis));
        // A test may have made a role of its own.
        let is_superuser = urls.database.starts_with("postgres://campaigns:");
        let database = if is_superuser { part.database_url(&urls.database) } else { urls.database.clone() };
        command.env("DATABASE_URL", database);
        // A Ctrl-C is for the test; what it starts ends by its word.
        command.process_group(0);
        command.env("FAILPOINTS", fail_points).stdin(Stdio::null()).stdout(out).stderr(file);
        Self { role, child: command.spawn().unwrap(), log }
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Ends it as a crash would.
    pub(crate) async fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.until_killed().await;
    }

    /// Asks it to drain, and expects that it does, with exit code 0.
    pub(crate) async fn drain(mut self) {
        self.drain_in_place().await;
    }

    /// As [`Self::drain`], where another is started in its place.
    pub(crate) async fn drain_in_place(&mut self) {
        self.signal(Signal::TERM);
        assert_eq!(self.ended_within(DEADLINE).await.code(), Some(0), "{}", self.role);
    }

    /// Waits until SIGKILL has ended it: the test's, or a fail point's.
    pub(crate) async fn until_killed(&mut self) {
        let status = self.ended_within(DEADLINE).await;
        assert_eq!(status.signal(), Some(Signal::KILL.as_raw()), "{}: {status}", self.role);
    }

    /// How it ended, if it has.
    #[allow(dead_code, reason = "tests/chaos uses it")]
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Its resident memory in bytes; `None` where it has ended, or the system does not tell.
    #[allow(dead_code, reason = "tests/chaos uses it")]
    pub(crate) fn resident(&self) -> Option<u64> {
        self.memory("VmRSS:")
    }

    /// The most memory that it ever had resident, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.memory("VmHWM:").expect("it runs, and Linux says it")
    }

    fn memory(&self, line: &str) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let kibibytes = status.lines().find_map(|text| text.strip_prefix(line))?;
        Some(kibibytes.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
    }

    /// Where it shows how it fares, once it has said so.
    pub(crate) fn admin(&self) -> String {
        let started = ["serving", "working"].map(|message| self.logged(message)).concat();
        started[0]["admin"].as_str().unwrap().to_owned()
    }

    /// Waits for its end.
    pub(crate) async fn ended_within(&mut self, deadline: Duration) -> ExitStatus {
        let end = format!("the end of {}", self.role);
        until(&end, deadline, async || self.ended().is_some()).await;
        self.child.wait().unwrap()
    }

    /// Waits for a log line with this message, and returns it.
    pub(crate) async fn until_logged(&mut self, message: &str) -> Value {
        let logged = self.logged_before_its_end(message).await;
        assert!(logged.is_ok(), "{} ended: {logged:?}", self.role);
        logged.unwrap()
    }

    async fn logged_before_its_end(&mut self, message: &str) -> Result<Value, ExitStatus> {
        let mut found = None;
        until(&format!("{message:?} in the log of {}", self.role), DEADLINE, async || {
            let ended = self.child.try_wait().unwrap();
            found = self.logged(message).into_iter().next().map(Ok).or(ended.map(Err));
            found.is_some()
        })
        .await;
        found.unwrap()
    }

    /// All that it said, on standard output and in its log.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Every log line whose message begins so.
    pub(crate) fn logged(&self, message: &str) -> Vec<Value> {
        let text = fs::read_to_string(&self.log).unwrap();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["message"].as_str().is_some_and(|said| said.starts_with(message))).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Ended already, where the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            show(self.role, &self.log);
        }
    }
}

/// A program; where the system can do it, it ends with the thread that starts it.
pub(super) fn that_ends_with_us(program: &str) -> Command {
    const SETPRIV: &str = "/usr/bin/setpriv";
    if !Path::new(SETPRIV).exists() {
        return Command::new(program);
    }
    let mut command = Command::new(SETPRIV);
    command.args(["--pdeathsig", "KILL", "--", program]);
    command
}

/// Of flags given twice, as `--name=value`, the last.
fn last_of_each<'a>(flags: &[&'a str]) -> Vec<&'a str> {
    let name = |flag: &'a str| flag.split_once('=').map_or(flag, |(name, _)| name);
    let is_last = |index: usize| flags[index + 1..].iter().all(|later| name(later) != name(flags[index]));
    (0..flags.len()).filter(|index| is_last(*index)).map(|index| flags[index]).collect()
}

fn log_file(role: &str) -> (PathBuf, File) {
    static STARTED: AtomicUsize = AtomicUsize::new(0);
    let started = STARTED.fetch_add(1, Ordering::Relaxed);
    let test = std::thread::current().name().unwrap_or("test").replace("::", "-");
    fs::create_dir_all(LOGS).unwrap();
    let path = Path::new(LOGS).join(format!("{test}-{started}-{role}.log"));
    (path.clone(), File::create(path).unwrap())
}

#[expect(clippy::print_stderr, reason = "the test runner shows it with the failed test")]
fn show(role: &str, log: &Path) {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines[lines.len().saturating_sub(SHOWN)..].join("\n");
    eprintln!("--- the last lines of {role}, all in {}:\n{tail}", log.display());
}
