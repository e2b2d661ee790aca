//! One of the binary's roles as a process of its own.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, bail};
use procfs::process::Process;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A running role; dropping it ends it in good order.
pub(crate) struct Role {
    child: Child,
    /// Where it answers, if it is one that does.
    pub(crate) http: Option<SocketAddr>,
}

impl Role {
    /// Starts a role, and waits until it says that it runs.
    pub(crate) fn start(arguments: &[&str], environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_campaign-manager"))
            .args(arguments)
            .args(["--admin", "127.0.0.1:0", "--log-format", "json"])
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut log = BufReader::new(child.stderr.take().context("it was piped")?).lines();
        let http = loop {
            let line = log.next().with_context(|| format!("{arguments:?} ended"))??;
            let said: Value = serde_json::from_str(&line).with_context(|| line.clone())?;
            match said["message"].as_str() {
                Some("serving") => break Some(said["http"].as_str().unwrap_or_default().parse()?),
                Some("working") => break None,
                _ if said["level"] == "ERROR" => bail!("{line}"),
                _ => {}
            }
        };
        // It must not wait for a reader.
        std::thread::spawn(move || log.for_each(drop));
        Ok(Self { child, http })
    }

    /// The most memory that it has held, in MiB.
    pub(crate) fn most_memory(&self) -> anyhow::Result<f64> {
        let status = Process::new(self.child.id().try_into()?)?.status()?;
        let kib = status.vmhwm.context("the kernel does not tell")?;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        Ok(kib as f64 / 1024.0)
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // It may have ended already.
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.child.wait();
    }
}
