//! The servers that `up` starts for itself, as an operator sees them: where they are, what they are set to, and what
//! becomes of what they acknowledged when a start or an end does not go well.

mod full_disk;
mod killed_starts;
mod ports;
mod slow_disk;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use bb8_redis::redis::{self, FromRedisValue};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{DEADLINE, START_DEADLINE, migrated_folder, program, until};

/// A running `up --stores-only`; dropping it kills it.
struct StoresOnly {
    child: Child,
    data: PathBuf,
    log: PathBuf,
}

impl StoresOnly {
    /// Begins a start on `data`, which ends as it may.
    fn launch(data: &Path, flags: &[&str], env: &[(&str, &Path)]) -> Self {
        let mut command = program();
        command.arg("up");
        Self::launch_by(command, data, flags, env)
    }

    /// As [`Self::launch`], by a command that ends in `up`.
    fn launch_by(mut command: Command, data: &Path, flags: &[&str], env: &[(&str, &Path)]) -> Self {
        fs::create_dir_all(data).unwrap();
        let log = data.join("up.log");
        let file = File::options().create(true).append(true).open(&log).unwrap();
        command.args(["--stores-only", "--data"]).arg(data).args(flags).envs(env.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
        Self { child: command.spawn().unwrap(), data: data.to_owned(), log }
    }

    async fn start(data: &Path, flags: &[&str]) -> Self {
        Self::launch(data, flags, &[]).ready().await
    }

    /// Waits until both servers can be used.
    async fn ready(mut self) -> Self {
        let env = self.data.join("run.env");
        until("run.env", START_DEADLINE, async || {
            assert!(self.ended().is_none(), "the start failed: {}", self.said());
            env.exists()
        })
        .await;
        self
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for its end.
    async fn end(&mut self) -> ExitStatus {
        until("the end", DEADLINE, async || self.ended().is_some()).await;
        self.child.wait().unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    async fn stop(mut self) {
        self.signal(Signal::TERM);
        let status = self.end().await;
        assert!(status.success(), "{status}: {}", self.said());
    }

    /// Its log.
    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    fn env(&self) -> String {
        fs::read_to_string(self.data.join("run.env")).unwrap()
    }

    fn redis_pid(&self) -> Pid {
        let pid = fs::read_to_string(self.data.join("redis/redis.pid")).unwrap();
        Pid::from_raw(pid.trim().parse().unwrap()).unwrap()
    }

    /// Asks its Redis.
    async fn ask<T: FromRedisValue>(&self, command: &[&str]) -> T {
        let env = self.env();
        let url = env.lines().find_map(|line| line.strip_prefix("REDIS_URL=")).unwrap();
        let patient = redis::AsyncConnectionConfig::new().set_response_timeout(None);
        let client = redis::Client::open(url).unwrap();
        let mut connection = client.get_multiplexed_async_connection_with_config(&patient).await.unwrap();
        redis::cmd(command[0]).arg(&command[1..]).query_async(&mut connection).await.unwrap()
    }

    async fn setting(&self, name: &str) -> String {
        let pair: Vec<String> = self.ask(&["CONFIG", "GET", name]).await;
        pair[1].clone()
    }
}

impl Drop for StoresOnly {
    fn drop(&mut self) {
        // Ended already, where the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn the_budget_and_the_syncing_that_were_chosen_are_those_of_redis() {
    let data = migrated_folder().await;
    let stores = StoresOnly::start(data.path(), &["--queue-budget=96MiB", "--redis-fsync=always"]).await;
    assert_eq!(stores.setting("maxmemory").await, (96 << 20).to_string());
    assert_eq!(stores.setting("maxmemory-policy").await, "volatile-ttl");
    assert_eq!(stores.setting("appendfsync").await, "always");
    stores.stop().await;
}
