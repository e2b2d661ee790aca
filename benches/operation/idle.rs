//! What `up` costs with nothing to do.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use procfs::process::{Process, all_processes};
use rustix::process::{Pid, Signal, kill_process};

/// After the start it has things to do for some time.
const SETTLE: Duration = Duration::from_secs(5);

/// Shares of one core.
pub(crate) struct Idle {
    /// Of the process itself.
    pub(crate) own: f64,
    /// Redis and Postgres included.
    pub(crate) all: f64,
}

/// Watches `up` for so long.
pub(crate) fn measure(time: Duration) -> anyhow::Result<Idle> {
    let folder = tempfile::tempdir()?;
    let mut up = Command::new(env!("CARGO_BIN_EXE_campaign-manager"))
        .args(["up", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data"])
        .arg(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let pid = i32::try_from(up.id())?;
    // It greets once everything runs.
    let mut greeting = [0];
    up.stdout.take().context("it was piped")?.read_exact(&mut greeting)?;
    sleep(SETTLE);
    let (before, started) = (cpu_times(pid)?, Instant::now());
    sleep(time);
    let (after, took) = (cpu_times(pid)?, started.elapsed().as_secs_f64());
    if let Some(pid) = Pid::from_raw(pid) {
        kill_process(pid, Signal::TERM)?;
    }
    up.wait()?;
    Ok(Idle { own: (after.0 - before.0) / took, all: (after.1 - before.1) / took })
}

/// CPU seconds of the process, and of it with all that descend from it and live.
fn cpu_times(pid: i32) -> anyhow::Result<(f64, f64)> {
    let mut stats: Vec<_> = all_processes()?.filter_map(|process| process.ok()?.stat().ok()).collect();
    let mut family = vec![pid];
    stats.sort_unstable_by_key(|stat| stat.starttime);
    for stat in &stats {
        if family.contains(&stat.ppid) {
            family.push(stat.pid);
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let seconds = |ticks: u64| ticks as f64 / procfs::ticks_per_second() as f64;
    let own = Process::new(pid)?.stat()?;
    let all = stats.iter().filter(|stat| family.contains(&stat.pid));
    let all = all.map(|stat| stat.utime + stat.stime).sum();
    Ok((seconds(own.utime + own.stime), seconds(all)))
}
