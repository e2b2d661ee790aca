//! `campaign-manager up` as a real process, on a folder of its own.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};

use super::{DEADLINE, program, until};

/// Enough for an `initdb` that syncs what it writes, on a machine that does much else.
pub(crate) const START_DEADLINE: std::time::Duration = std::time::Duration::from_mins(3);

/// A running `campaign-manager up` on a folder of its own.
pub(crate) struct Up {
    child: Child,
    /// What `run.env` holds.
    pub(crate) env: HashMap<String, String>,
}

impl Up {
    /// Starts it on `data`, with ports of its own.
    pub(crate) async fn start(data: &Path, flags: &[&str]) -> Self {
        let mut command = program();
        command
            .args(["up", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(flags);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let file = data.join("run.env");
        until("run.env", START_DEADLINE, async || file.exists()).await;
        let text = std::fs::read_to_string(&file).unwrap();
        let env = text.lines().map(|line| line.split_once('=').unwrap());
        Self { child, env: env.map(|(name, value)| (name.to_owned(), value.to_owned())).collect() }
    }

    pub(crate) fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(self.pid(), signal).unwrap();
    }

    pub(crate) async fn ended(&mut self) -> ExitStatus {
        until("the end", DEADLINE, async || self.child.try_wait().unwrap().is_some()).await;
        self.child.wait().unwrap()
    }

    /// What it printed.
    pub(crate) fn said(&mut self) -> String {
        let mut text = String::new();
        std::io::Read::read_to_string(self.child.stdout.as_mut().unwrap(), &mut text).unwrap();
        text
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // Ended already, where the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
