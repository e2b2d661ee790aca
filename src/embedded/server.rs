//! What Redis and Postgres have in common as child processes: start, become ready, end.

use std::{ffi::OsString, path::PathBuf, process::ExitStatus, time::Duration};

use rustix::process::{Pid, Signal};
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    EmbeddedError, Profile, child::Child, data_dir::DataDir, home::Home, log::Log, orphan, port::Port,
};

/// Enough for reading back the log of a crash of long ago. Who tells that it reads what it has kept may take longer.
const START_LIMIT: Duration = Duration::from_mins(2);
/// Between two looks at whether a server is ready.
const LOOK: Duration = Duration::from_millis(3);
/// How long programs of a killed run may go on: an `initdb` without a death signal makes its cluster to the end.
const LEFT_BEHIND_LIMIT: Duration = Duration::from_mins(2);
/// Between two looks at whether they have ended.
const LEFT_BEHIND_LOOK: Duration = Duration::from_millis(20);

/// What a server that starts has told of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Nothing, yet.
    Nothing,
    /// It reads what it has kept.
    Reading,
    /// It can be used.
    Ready,
}

/// How a kind of server is run and ended.
#[derive(Debug)]
pub(super) struct Kind {
    /// The name of its folder and its log.
    pub(super) name: &'static str,
    /// The name of its process.
    pub(super) process: &'static str,
    /// Where in its folder it writes its pid, and where in it it works.
    pub(super) pid_file: &'static str,
    pub(super) works_in: &'static str,
    /// Sent by the kernel when this process dies; the server then ends in good order.
    pub(super) on_death: &'static str,
    /// The signals that end it in good order, and how long each may take.
    pub(super) stop: &'static [(Signal, Duration)],
    /// The signal that ends it without delay; what it has committed stays.
    pub(super) at_once: Signal,
}

/// One server: its folder, its log, and its process while it runs.
#[derive(Debug)]
pub(super) struct Server {
    kind: &'static Kind,
    home: Home,
    log: Log,
    child: Option<Child>,
}

impl Server {
    /// Takes over the folder, also from programs that a killed run has left there: servers are ended, and whatever else
    /// there is, such as an `initdb` and what it has started, is waited for.
    pub(super) async fn new(kind: &'static Kind, data: &DataDir) -> Result<Self, EmbeddedError> {
        let home = data.home(kind.name)?;
        let mut log = Log::open(data.log(kind.name))?;
        let (pid_file, folder) = (home.path(kind.pid_file), home.path(kind.works_in));
        let give_up = Instant::now() + LEFT_BEHIND_LIMIT;
        loop {
            // each time, as a server that has only just been started writes its pid later
            orphan::end(kind.process, &pid_file, &folder, kind.stop).await?;
            if log.take()? {
                return Ok(Self { kind, home, log, child: None });
            }
            if Instant::now() >= give_up {
                let seconds = LEFT_BEHIND_LIMIT.as_secs();
                return Err(EmbeddedError::LeftBehind { log: log.path().to_owned(), seconds });
            }
            sleep(LEFT_BEHIND_LOOK).await;
        }
    }

    /// The port to listen on: the same at each start where the data lasts.
    pub(super) fn port(&self, data: &DataDir, profile: Profile) -> Result<Port, EmbeddedError> {
        match profile {
            Profile::Durable(_) => Port::take_lasting(self.kind.name, data.port(self.kind.name)),
            Profile::Throwaway => Port::take(),
        }
    }

    pub(super) fn home(&self) -> &Home {
        &self.home
    }

    /// Starts a program of this server in its folder, writing to its log.
    pub(super) fn spawn(
        &mut self,
        program: PathBuf,
        args: impl IntoIterator<Item = OsString>,
    ) -> Result<(), EmbeddedError> {
        let (log, errors) = (self.log.begin()?, self.log.begin()?);
        let mut command = self.home.command(program.clone(), self.kind.on_death)?;
        command.args(args).stdout(log).stderr(errors);
        let child = Child::start(command, self.kind.at_once).map_err(EmbeddedError::io("start", program))?;
        self.child = Some(child);
        Ok(())
    }

    /// Waits until the process with this pid is ready by what `told` says of it, or ends, or has told nothing for too long.
    pub(super) async fn until_ready(&self, told: impl AsyncFn(Pid) -> Told) -> Result<(), EmbeddedError> {
        let child = self.child.as_ref().expect("called after spawn");
        tokio::select! {
            status = child.ended() => Err(self.ended(status)),
            is_ready = becomes_ready(START_LIMIT, async || told(child.pid()).await) => is_ready.then_some(()).ok_or_else(|| EmbeddedError::NotReady {
                program: self.kind.name,
                seconds: START_LIMIT.as_secs(),
                log: self.log.path().to_owned(),
                tail: self.log.tail(),
            }),
        }
    }

    /// Has `work` on the process with this pid done on the side; it is dropped when the process ends.
    pub(super) fn meanwhile<W: Future<Output = ()> + Send + 'static>(&self, work: impl FnOnce(Pid) -> W) {
        let child = self.child.as_ref().expect("called after spawn");
        let (work, ended) = (work(child.pid()), child.ended());
        tokio::spawn(async move {
            tokio::select! {
                () = work => {}
                _ = ended => {}
            }
        });
    }

    /// Waits until the program has done its work and ended with success.
    pub(super) async fn until_done(&mut self) -> Result<(), EmbeddedError> {
        let child = self.child.as_ref().expect("called after spawn");
        let status = child.ended().await;
        if !status.success() {
            return Err(self.ended(status));
        }
        self.child = None;
        Ok(())
    }

    /// Waits until the server has ended without having been asked to.
    pub(super) async fn failed(&self) -> EmbeddedError {
        match &self.child {
            Some(child) => self.ended(child.ended().await),
            None => std::future::pending().await,
        }
    }

    /// Ends it in good order.
    pub(super) async fn stop(&mut self) {
        if let Some(child) = self.child.take() {
            child.end(self.kind.stop).await;
        }
    }

    /// Ends it as a crash would.
    pub(super) async fn kill(&mut self) {
        if let Some(child) = self.child.take() {
            child.end(&[]).await;
        }
    }

    fn ended(&self, status: ExitStatus) -> EmbeddedError {
        EmbeddedError::Ended {
            program: self.kind.name,
            status,
            log: self.log.path().to_owned(),
            tail: self.log.tail(),
        }
    }
}

/// Waits until `told` says that the server is ready; `false` where it has told nothing for as long as `limit`.
async fn becomes_ready(limit: Duration, told: impl AsyncFn() -> Told) -> bool {
    let mut give_up = Instant::now() + limit;
    loop {
        match timeout_at(give_up, told()).await.unwrap_or(Told::Nothing) {
            Told::Ready => return true,
            Told::Reading => give_up = Instant::now() + limit,
            Told::Nothing if Instant::now() >= give_up => return false,
            Told::Nothing => {}
        }
        sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn who_reads_what_it_has_kept_is_waited_for_however_long_that_takes() {
        let start = Instant::now();
        let told = async || if start.elapsed() < 5 * LIMIT { Told::Reading } else { Told::Ready };
        assert!(becomes_ready(LIMIT, told).await);
        assert!(start.elapsed() >= 5 * LIMIT);
    }

    #[tokio::test]
    async fn who_tells_nothing_is_given_up() {
        assert!(!becomes_ready(LIMIT, async || Told::Nothing).await);
        assert!(!becomes_ready(LIMIT, async || pending().await).await, "nor answers");
    }
}
