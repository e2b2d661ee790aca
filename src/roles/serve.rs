//! The role `serve`: ingest and the management API.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::RoleError;
use super::clocks::Clocks;
use super::pools::watch_pools;
use super::process::listen;
use crate::config::{Auth, HttpConfig, IngestConfig, QueueConfig, ServerUrls, StoreConfig};
use crate::http::Drained;
use crate::ingest::{self, Accumulator, Queue, ServerRun, Service};
use crate::ops::{Background, Readiness, allow_open_files};
use crate::tls::Identity;
use crate::{queue, store};

/// The settings of a server.
#[derive(Clone, Debug, clap::Args)]
pub struct ServeSettings {
    /// The HTTP edge
    #[command(flatten)]
    pub http: HttpConfig,
    /// Frames
    #[command(flatten)]
    pub ingest: IngestConfig,
}

impl ServeSettings {
    /// Refuses settings that contradict each other.
    pub fn check(&self, auth: Auth) -> Result<(), RoleError> {
        auth.check(self.http.addr)?;
        Ok(self.ingest.marks.check()?)
    }
}

/// A running server.
#[derive(Debug)]
pub struct Serve {
    addr: SocketAddr,
    scheme: &'static str,
    accumulator: Accumulator,
    /// Sends frames until the accumulator is closed and empty.
    sender: JoinHandle<()>,
    server: JoinHandle<Drained>,
    stop: oneshot::Sender<Duration>,
    /// Where and as whom it reports what it acknowledged.
    ledger: (ServerRun, store::Pool),
    /// Ends with the server.
    background: Background,
}

impl Serve {
    /// Opens the port and answers. Adds to `readiness` what the server needs to do its work.
    pub async fn start(
        urls: &ServerUrls,
        auth: Auth,
        queue: &QueueConfig,
        store: &StoreConfig,
        settings: &ServeSettings,
        readiness: &mut Readiness,
    ) -> Result<Self, RoleError> {
        let ServeSettings { http, ingest } = settings;
        settings.check(auth)?;
        let identity = http.identity().map(Identity::load).transpose()?;
        let scheme = if identity.is_some() { "https" } else { "http" };
        allow_open_files(http.max_connections + queue.redis_connections + store.database_connections);
        let postgres = store::connect(&urls.database_url, store)?;
        let redis = queue::pool(&urls.redis_url, queue)?;
        queue::check(&redis, queue.shards).await?;
        let (probed, shards) = (redis.clone(), queue.shards);
        readiness.require("redis", move || queue::answers(probed.clone(), shards));

        let clocks = Clocks { postgres: postgres.clone(), redis: redis.clone(), shards };
        clocks.read_at_start().await;

        let listener = listen(http.addr, "--http")?;
        let addr = listener.local_addr()?;
        let accumulator = Accumulator::new(queue.shards, ingest);
        let gate = accumulator.gate().clone();
        let watched = gate.clone();
        readiness.add(accumulator.writes());
        readiness.require("queue", move || std::future::ready(watched.ready()));
        readiness.add(gate.disk());
        let mut background = Background::default();
        let pool = redis.clone();
        background.spawn("gate", async move { gate.watch(pool, shards).await });
        background.spawn("clocks", clocks.watch(readiness.condition("clock")));
        let (probing, pool) = (accumulator.clone(), redis.clone());
        background.spawn("writes", async move { probing.probe_writes(pool).await });
        background.spawn("pools", watch_pools(redis.clone(), postgres.clone()));
        let ledger = (ServerRun::new(), postgres.clone());
        let (run, reported) = ledger.clone();
        background.spawn("ledger", accumulator.reports().clone().run(run, reported));
        let queue = Queue { pool: redis.clone(), shards };
        let service = Service::new(http.clone(), auth, accumulator.clone(), queue, postgres);
        let (stop, stopped) = oneshot::channel();
        let sending = accumulator.clone();
        Ok(Self {
            addr,
            scheme,
            accumulator,
            sender: tokio::spawn(async move { sending.run(redis).await }),
            server: tokio::spawn(ingest::serve(listener, Arc::new(service), identity, stopped)),
            stop,
            ledger,
            background,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `https`, or `http` without TLS.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// Waits until a part of the server has ended though nobody asked it to.
    pub async fn failed(&mut self) -> RoleError {
        tokio::select! {
            _ = &mut self.server => RoleError::Ended("server"),
            _ = &mut self.sender => RoleError::Ended("sender of frames"),
            ended = self.background.ended() => ended.into(),
        }
    }

    /// Stops accepting, answers what is in flight, and sends every frame that is left, all within `timeout`: connections
    /// have half of it, so that a client that does not read leaves time for the frames and the report.
    pub async fn drain(self, timeout: Duration) {
        let reports = self.accumulator.reports().clone();
        let deadline = Instant::now() + timeout;
        // Nobody listens where the server has ended already.
        let _ = self.stop.send(timeout / 2);
        if let Ok(Drained { abandoned: connections @ 1.. }) = self.server.await {
            tracing::warn!(
                connections,
                timeout = ?timeout / 2,
                "some connections were cut: a request was not answered in time, or its answer not read; clients may send \
                such requests again"
            );
        }
        self.accumulator.close();
        let sent = tokio::time::timeout_at(deadline - timeout / 4, self.sender).await.is_ok();
        if !sent && self.accumulator.held_bytes() > 0 {
            tracing::warn!(
                "Redis did not take the last frames in time; none of their events was answered as accepted"
            );
        }
        let (run, postgres) = &self.ledger;
        if !matches!(tokio::time::timeout_at(deadline, reports.send(run, postgres)).await, Ok(Ok(()))) {
            tracing::warn!(
                "Postgres was not told of the last events that were acknowledged; the ledger does not know of them"
            );
        }
    }
}
