//! A server that outlived the process which started it: end it before the next one starts on its data.
//!
//! It happens where there is no death signal, or when both are still on their way. A pid file alone proves nothing, as
//! the pid may be somebody else's by now; our orphan is the process of that pid, of the server's name, that works in
//! the very folder of the data.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{sleep, timeout};

use super::{EmbeddedError, hand_over::shown};

/// Between two looks at whether it has ended.
const LOOK: Duration = Duration::from_millis(10);
/// What the kernel may need to clear away a killed process.
const AFTER_KILL: Duration = Duration::from_secs(5);

/// Ends the process `program` that `pid_file` names, if it still works in `folder`, with each signal in turn, at last
/// with SIGKILL; the pid file goes too.
pub(super) async fn end(
    program: &str,
    pid_file: &Path,
    folder: &Path,
    steps: &[(Signal, Duration)],
) -> Result<(), EmbeddedError> {
    let Ok(text) = fs::read_to_string(pid_file) else { return Ok(()) };
    let pid = text.lines().next().and_then(|line| line.trim().parse().ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        let lives = || works_in(pid).is_some_and(|(name, cwd)| name == program && cwd == shown(folder));
        for &(signal, patience) in steps.iter().chain(&[(Signal::KILL, AFTER_KILL)]) {
            if !lives() {
                break;
            }
            tracing::warn!(
                program,
                pid = pid.as_raw_nonzero(),
                ?signal,
                "ending a server left by a killed run"
            );
            // it may have ended in between
            let _ = kill_process(pid, signal);
            let _ = timeout(patience, async {
                while lives() {
                    sleep(LOOK).await;
                }
            })
            .await;
        }
        if lives() {
            return Err(EmbeddedError::Orphan { pid: pid.as_raw_nonzero().get(), folder: folder.into() });
        }
    }
    match fs::remove_file(pid_file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(EmbeddedError::io("remove", pid_file)(error))
        }
        _ => Ok(()),
    }
}

/// A process' name and working folder.
#[cfg(target_os = "linux")]
fn works_in(pid: Pid) -> Option<(String, PathBuf)> {
    let process = PathBuf::from(format!("/proc/{}", pid.as_raw_nonzero()));
    let name = fs::read_to_string(process.join("comm")).ok()?;
    Some((name.trim().to_owned(), fs::read_link(process.join("cwd")).ok()?))
}

/// A process' name and working folder.
#[cfg(not(target_os = "linux"))]
fn works_in(pid: Pid) -> Option<(String, PathBuf)> {
    let pid = pid.as_raw_nonzero().to_string();
    let lsof =
        std::process::Command::new("lsof").args(["-a", "-d", "cwd", "-F", "cn", "-p", &pid]).output().ok()?;
    let said = String::from_utf8(lsof.stdout).ok()?;
    // one field a line, its kind first
    let field = |kind| said.lines().find_map(|line| line.strip_prefix(kind));
    Some((field('c')?.to_owned(), PathBuf::from(field('n')?)))
}
