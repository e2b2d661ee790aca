//! A child process and the thread that keeps it.
//!
//! The death signal of Linux is sent when the *thread* that started the child ends, so each child has a thread that
//! starts it and then only waits for its end. The child is reaped under a lock: a signal never goes to a stranger who
//! got the pid of a child that is gone.

use std::{
    io,
    process::{Command, ExitStatus},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tokio::{sync::watch, time::timeout};

/// A running or ended child. Dropping it ends it at once, with the signal given at the start, and waits for that.
#[derive(Debug)]
pub(super) struct Child {
    pid: Pid,
    /// Whether the pid is still the child's.
    unreaped: Arc<Mutex<bool>>,
    ended: watch::Receiver<Option<ExitStatus>>,
    keeper: Option<JoinHandle<()>>,
    at_once: Signal,
}

impl Child {
    /// Starts the command; `at_once` is the signal that ends it without delay and without harm to its data.
    pub(super) fn start(mut command: Command, at_once: Signal) -> io::Result<Self> {
        let (tell_start, started) = crossbeam_channel::bounded(1);
        let (tell_end, ended) = watch::channel(None);
        let unreaped = Arc::new(Mutex::new(true));
        let keeper = thread::Builder::new().name("embedded".into()).spawn({
            let unreaped = Arc::clone(&unreaped);
            move || match command.spawn() {
                Ok(mut child) => {
                    let pid = Pid::from_child(&child);
                    let _ = tell_start.send(Ok(pid));
                    let status = wait(pid, &unreaped, || child.wait());
                    tell_end.send_replace(Some(status));
                }
                Err(error) => {
                    let _ = tell_start.send(Err(error));
                }
            }
        })?;
        let pid = started.recv().expect("the keeper answers before it ends")?;
        Ok(Self { pid, unreaped, ended, keeper: Some(keeper), at_once })
    }

    pub(super) fn pid(&self) -> Pid {
        self.pid
    }

    /// Waits for the end of the child.
    pub(super) fn ended(&self) -> impl Future<Output = ExitStatus> + use<> {
        let mut ended = self.ended.clone();
        async move {
            let status = ended.wait_for(Option::is_some).await.map(|status| *status);
            status.ok().flatten().expect("the keeper tells the end before it ends")
        }
    }

    /// Sends a signal, if the child is still there.
    pub(super) fn signal(&self, signal: Signal) {
        let unreaped = self.unreaped.lock().unwrap_or_else(PoisonError::into_inner);
        if *unreaped {
            // the only way to fail is a child that has just ended
            let _ = kill_process(self.pid, signal);
        }
    }

    /// Ends the child: each signal in turn, the next when the child is still there after the time, at last SIGKILL.
    pub(super) async fn end(&self, steps: &[(Signal, Duration)]) {
        for (signal, patience) in steps {
            self.signal(*signal);
            if timeout(*patience, self.ended()).await.is_ok() {
                return;
            }
            tracing::warn!(pid = self.pid.as_raw_nonzero(), ?signal, ?patience, "a server does not end");
        }
        self.signal(Signal::KILL);
        self.ended().await;
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.signal(self.at_once);
        // a stopped process would not see it
        self.signal(Signal::CONT);
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }
}

/// Waits for the end first, then takes the lock and reaps: signals can be sent all the while.
fn wait(pid: Pid, unreaped: &Mutex<bool>, reap: impl FnOnce() -> io::Result<ExitStatus>) -> ExitStatus {
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while matches!(waitid(WaitId::Pid(pid), ended), Err(rustix::io::Errno::INTR)) {}
    let mut unreaped = unreaped.lock().unwrap_or_else(PoisonError::into_inner);
    *unreaped = false;
    reap().expect("our own child, waited for nowhere else")
}
