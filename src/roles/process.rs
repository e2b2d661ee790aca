//! A process from its start to its end: its parts, the port that shows how it fares, and the drain.
//!
//! The end has an order that loses nothing: readiness goes first, then ingest answers what it accepted, then the worker
//! finishes what it fetched, then private servers stop. A second signal, or the deadline, cuts it short; what is not
//! finished then stays in the queue.

use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::time::Instant;

use super::{RoleError, Serve, Worker};
use crate::config::{AdminConfig, ShutdownConfig};
use crate::embedded::Stores;
use crate::ops::metrics::Exporter;
use crate::ops::{Admin, Background, Condition, Readiness, Signals};

/// So many connections wait at a port until they are accepted, or as many as `net.core.somaxconn` allows. One more is not
/// heard, and its client tries again after a second, or finds that it was reset.
const BACKLOG: u32 = 4096;

/// The most bytes of answers that the kernel keeps for a connection whose client does not read them.
const SEND_BUFFER: u32 = 64 * 1024;

/// The parts that a process runs.
#[derive(Debug, Default)]
pub struct Process {
    /// Ingest and API.
    pub serve: Option<Serve>,
    /// The pipeline.
    pub worker: Option<Worker>,
    /// Servers of its own.
    pub stores: Option<Stores>,
    /// What must hold for the parts to do their work.
    pub readiness: Readiness,
}

impl Process {
    /// Opens the admin port; it closes when what is returned is dropped, along with its address.
    pub fn open_admin(&mut self, config: &AdminConfig, metrics: Exporter) -> Result<AdminPort, RoleError> {
        let listener = listen(config.addr, "--admin")?;
        let addr = listener.local_addr()?;
        let mut readiness = std::mem::take(&mut self.readiness);
        let running = readiness.condition("running");
        let mut background = Background::default();
        background.spawn("admin port", Admin { metrics, readiness }.serve(listener));
        Ok(AdminPort { addr, running, background })
    }

    /// Runs until a signal comes or a part fails, then drains.
    pub async fn run(
        mut self,
        signals: &mut Signals,
        mut admin: Option<AdminPort>,
        shutdown: &ShutdownConfig,
    ) -> Result<(), RoleError> {
        let failure = tokio::select! {
            () = signals.next() => None,
            failure = self.failed() => Some(failure),
            ended = part(admin.as_mut().map(|admin| admin.background.ended())) => Some(ended.into()),
        };
        if let Some(failure) = &failure {
            tracing::error!(%failure, "ending");
        }
        if let Some(admin) = &admin {
            let why = |failure| format!("shutting down: {failure}");
            admin.running.fail(failure.as_ref().map_or_else(|| "shutting down".to_owned(), why));
        }
        // Without its servers nothing can be finished; the queue keeps what was fetched.
        let shutdown = match failure {
            Some(RoleError::Embedded(_)) => {
                &ShutdownConfig { shutdown_timeout: Duration::ZERO, ..shutdown.clone() }
            }
            _ => shutdown,
        };
        let drained = tokio::select! {
            drained = self.drain(shutdown, failure.is_none()) => drained,
            () = signals.next() => {
                tracing::warn!("second signal: ending at once; what is not finished stays in the queue");
                Ok(())
            }
        };
        // Its readiness checks hold connections to the servers.
        drop(admin);
        let stopped = match self.stores.take() {
            Some(stores) => stop(stores, signals).await,
            None => Ok(()),
        };
        failure.map_or(drained.and(stopped), Err)
    }

    /// Waits until a part has failed.
    async fn failed(&mut self) -> RoleError {
        let Self { serve, worker, stores, .. } = self;
        tokio::select! {
            failure = part(serve.as_mut().map(Serve::failed)) => failure,
            failure = part(worker.as_mut().map(Worker::failed)) => failure,
            failure = part(stores.as_ref().map(Stores::failed)) => failure.into(),
        }
    }

    async fn drain(&mut self, shutdown: &ShutdownConfig, graceful: bool) -> Result<(), RoleError> {
        if graceful && !shutdown.shutdown_delay.is_zero() {
            tracing::info!(delay = ?shutdown.shutdown_delay, "no longer ready; still serving");
            tokio::time::sleep(shutdown.shutdown_delay).await;
        }
        tracing::info!("draining");
        // One deadline for all parts: whoever waits for the process need not know how many there are.
        let deadline = Instant::now() + shutdown.shutdown_timeout;
        if let Some(serve) = self.serve.take() {
            serve.drain(deadline.saturating_duration_since(Instant::now())).await;
        }
        if let Some(worker) = self.worker.take() {
            worker.drain(deadline.saturating_duration_since(Instant::now())).await?;
        }
        tracing::info!("drained");
        Ok(())
    }
}

/// The open admin port.
#[derive(Debug)]
pub struct AdminPort {
    addr: SocketAddr,
    running: Condition,
    /// Closes the port when it is dropped.
    background: Background,
}

impl AdminPort {
    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

/// Makes sure that all of these ports can be opened, before anything is made for a process that could not start. Nothing
/// listens on them afterwards.
pub fn check_ports(ports: &[(SocketAddr, &'static str)]) -> Result<(), RoleError> {
    let open = |&(addr, flag): &(SocketAddr, _)| {
        std::net::TcpListener::bind(addr).map_err(|source| RoleError::Bind { addr, flag, source })
    };
    // All of them are held until the last one is open, so that two flags cannot name one port.
    ports.iter().map(open).collect::<Result<Vec<_>, _>>().map(drop)
}

/// Opens a port, or says which flag changes it.
pub(super) fn listen(addr: SocketAddr, flag: &'static str) -> Result<TcpListener, RoleError> {
    open(addr).map_err(|source| RoleError::Bind { addr, flag, source })
}

fn open(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A port whose last connections have only just ended can be opened again.
    socket.set_reuseaddr(true)?;
    // What a client does not read waits in the kernel, which else lets it grow to megabytes.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

/// Ends private servers, but not before Redis has written all that it acknowledged; a signal cuts that short.
async fn stop(stores: Stores, signals: &mut Signals) -> Result<(), RoleError> {
    let written = tokio::select! {
        () = stores.until_written() => Ok(()),
        () = signals.next() => Err(RoleError::Unwritten),
    };
    stores.stop().await;
    written
}

/// What a part says when it fails; a part that is not there never does.
async fn part<T>(failure: Option<impl Future<Output = T>>) -> T {
    match failure {
        Some(failure) => failure.await,
        None => pending().await,
    }
}
