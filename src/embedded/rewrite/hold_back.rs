//! Gives the child that rewrites Redis' file only the CPU time that nobody else wants.
//!
//! It takes most of a core for seconds: where every core is in use, all events then wait. So it is put under the policy
//! `SCHED_IDLE`; a nice value, even 19, did not help. The policy is set by `chrt`, a program of util-linux; without it the
//! child is left alone.
//!
//! Invariant: no child is held back for ever. On a machine that is always busy it would never end, and the file would
//! grow without bound. So after [`PATIENCE`] it gets its normal policy back. Where the kernel refuses that, as it does
//! to users without rights, the child is ended, and those after it are left alone; another comes as long as the file is
//! too large.

use std::{
    fs,
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use tokio::{task::spawn_blocking, time::sleep};

use crate::embedded::binaries::on_path;

/// Between two looks at the children.
const LOOK: Duration = Duration::from_millis(200);
/// How long a child is held back.
const PATIENCE: Duration = Duration::from_secs(30);

/// Holds back the children of `redis`, one after the other, as it never has two.
pub(in crate::embedded) async fn hold_back(redis: Pid) {
    hold_back_each(redis, || sleep(PATIENCE)).await;
}

/// Ends where the children cannot be seen, or cannot be held back without harm.
async fn hold_back_each<P: Future<Output = ()>>(parent: Pid, patience: impl Fn() -> P) -> Option<()> {
    let children = Children::of(parent);
    children.now()?;
    let Some(chrt) = on_path("chrt") else {
        tracing::debug!("there is no chrt: the rewriting of Redis' file may hold up events");
        return None;
    };
    loop {
        let child = children.next().await?;
        if idle(&chrt, child).await {
            tokio::select! {
                ended = children.end_of(child) => ended?,
                () = patience() => let_go(&chrt, &children, child).await?,
            }
        }
        children.end_of(child).await?;
    }
}

/// Gives the child its normal policy back, or ends it.
async fn let_go(chrt: &Path, children: &Children, child: Pid) -> Option<()> {
    // the opposite of `idle`, but as ourselves: only root may
    if run(chrt_command(chrt, "--other", child)).await || !children.now()?.contains(&child) {
        return Some(());
    }
    tracing::debug!("may not let a child of Redis go on: it is ended, and no other is held back");
    // Redis' own way to end one; it may have ended in between
    let _ = kill_process(child, Signal::USR1);
    None
}

/// Whether the child is under `SCHED_IDLE` now.
async fn idle(chrt: &Path, child: Pid) -> bool {
    let mut command = chrt_command(chrt, "--idle", child);
    // whoever owns it may always do so; root in a container often may not
    if geteuid().is_root()
        && let Ok(owner) = fs::metadata(format!("/proc/{}", child.as_raw_nonzero()))
    {
        command.uid(owner.uid()).gid(owner.gid());
    }
    let done = run(command).await;
    tracing::debug!(pid = child.as_raw_nonzero(), done, "holding back a child of Redis");
    done
}

fn chrt_command(chrt: &Path, policy: &str, child: Pid) -> Command {
    let mut command = Command::new(chrt);
    command.args([policy, "--pid", "0", &child.as_raw_nonzero().to_string()]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

async fn run(mut command: Command) -> bool {
    let status = spawn_blocking(move || command.status()).await;
    status.is_ok_and(|status| status.is_ok_and(|status| status.success()))
}

/// The children of a process, as the kernel lists them. Each answer is `None` where there is no list: the process has
/// ended, or the kernel is not Linux.
struct Children(PathBuf);

impl Children {
    fn of(parent: Pid) -> Self {
        // those that its main thread has forked
        let pid = parent.as_raw_nonzero();
        Self(format!("/proc/{pid}/task/{pid}/children").into())
    }

    fn now(&self) -> Option<Vec<Pid>> {
        fs::read_to_string(&self.0).ok().map(|list| read(&list))
    }

    /// Waits until there is one.
    async fn next(&self) -> Option<Pid> {
        loop {
            if let Some(child) = self.now()?.first() {
                return Some(*child);
            }
            sleep(LOOK).await;
        }
    }

    /// Waits until this one has ended.
    async fn end_of(&self, child: Pid) -> Option<()> {
        while self.now()?.contains(&child) {
            sleep(LOOK).await;
        }
        Some(())
    }
}

/// Pids with a space behind each.
fn read(list: &str) -> Vec<Pid> {
    list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).filter_map(Pid::from_raw).collect()
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use rustix::process::kill_process_group;
    use tokio::{sync::Notify, time::timeout};

    use super::*;

    #[test]
    fn a_list_of_children_is_read_as_the_kernel_writes_it() {
        let pids = |list| read(list).into_iter().map(|pid| pid.as_raw_nonzero().get()).collect::<Vec<_>>();
        assert_eq!(pids("12495 "), [12495]);
        assert_eq!(pids("7 4194303 "), [7, 4_194_303]);
        assert_eq!(pids(""), [0; 0]);
    }

    #[tokio::test]
    async fn without_a_list_of_children_it_ends() {
        let mut gone = Command::new("true").spawn().unwrap();
        gone.wait().unwrap();
        assert_eq!(hold_back_each(Pid::from_child(&gone), || sleep(PATIENCE)).await, None);
    }

    #[tokio::test]
    async fn a_child_that_does_not_end_is_held_back_no_longer() {
        let parent = Parent::start();
        let pid = parent.pid();
        let children = Children::of(pid);
        let child = children.next().await.unwrap();
        let patience_is_over = Notify::new();

        let looking = async {
            until(|| policy(child) == Some(IDLE)).await;
            patience_is_over.notify_one();
            // where it may not have its policy back, it is ended
            until(|| policy(child) != Some(IDLE)).await;
            drop(parent);
        };
        let held_back = hold_back_each(pid, || patience_is_over.notified());
        assert_eq!(tokio::join!(held_back, looking).0, None, "it ends with the parent");
    }

    const IDLE: u32 = 5;

    /// The policy of a process that has not ended: the 41st field of what the kernel tells of it.
    fn policy(pid: Pid) -> Option<u32> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
        let mut from_third = stat.rsplit_once(')')?.1.split_ascii_whitespace();
        (from_third.next()? != "Z").then(|| from_third.nth(37))??.parse().ok()
    }

    async fn until(holds: impl Fn() -> bool) {
        let waiting = async {
            while !holds() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(20), waiting).await.unwrap();
    }

    /// A process with a child that does not end.
    struct Parent(std::process::Child);

    impl Parent {
        fn start() -> Self {
            let mut command = Command::new("sh");
            Self(command.args(["-c", "sleep 600 & wait"]).process_group(0).spawn().unwrap())
        }

        fn pid(&self) -> Pid {
            Pid::from_child(&self.0)
        }
    }

    impl Drop for Parent {
        fn drop(&mut self) {
            kill_process_group(self.pid(), Signal::KILL).unwrap();
            self.0.wait().unwrap();
        }
    }
}
