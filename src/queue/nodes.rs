//! Which servers there are, and which of them has which shard: one that has all, or the nodes of a Redis Cluster, which say
//! so themselves. Each server says whether it is such a node when it is connected to.
//!
//! Invariant: what was found holds until something hints that it does not, a redirection or a lost connection; then it is
//! asked for anew before anything else is. No lock is held meanwhile: who finds out at the same time finds the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bb8_redis::bb8::{self, RunError};
use bb8_redis::redis::{self, RedisError, Value};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::connection::{Connection, Connector};
use super::slots::{self, Range, slot_of};
use super::{QueueError, Shard, address};
use crate::config::RedisUrl;
use crate::ops::metrics::{self, PoolState};

/// The servers behind `REDIS_URL`.
#[derive(Debug)]
pub(super) struct Nodes {
    /// Those that are named.
    seeds: Vec<Arc<Server>>,
    /// How many connections are kept to each; without it each is made anew.
    kept: Option<u32>,
    found: Mutex<Found>,
}

#[derive(Debug, Default)]
struct Found {
    /// What holds as far as is known.
    layout: Option<Arc<Layout>>,
    /// The nodes that were found last, which may know better than those that are named.
    servers: Vec<Arc<Server>>,
}

/// A server, and the connections that are kept to it.
#[derive(Debug)]
pub(super) struct Server {
    connector: Connector,
    pool: Option<bb8::Pool<Connector>>,
}

/// A connection that is lent out of a pool, or the borrower's own.
#[derive(Debug)]
pub(super) enum Lent {
    Pooled(bb8::PooledConnection<'static, Connector>),
    Own(Connection),
}

/// Which server has which slots.
#[derive(Debug)]
pub(super) struct Layout {
    servers: Vec<Arc<Server>>,
    /// All slots in order, with the place of each range's server; `None` where one server has everything.
    ranges: Option<Vec<(usize, Range)>>,
}

impl Nodes {
    pub(super) fn new(url: &RedisUrl, timeout: Duration, kept: Option<u32>) -> Result<Self, QueueError> {
        let connectors =
            address::of_each_server(url.expose()).into_iter().map(|url| Connector::new(&url, timeout));
        let seeds: Result<_, QueueError> =
            connectors.map(|connector| Ok(Arc::new(Server::new(connector?, kept)))).collect();
        Ok(Self { seeds: seeds?, kept, found: Mutex::default() })
    }

    /// Who has what, as far as is known; asked for where nothing is.
    pub(super) async fn layout(&self) -> Result<Arc<Layout>, QueueError> {
        if let Some(known) = &self.lock().layout {
            return Ok(Arc::clone(known));
        }
        let layout = Arc::new(self.find().await?);
        let mut found = self.lock();
        found.servers.clone_from(&layout.servers);
        found.layout = Some(Arc::clone(&layout));
        Ok(layout)
    }

    /// Forgets who has what, if that is still this.
    pub(super) fn forget(&self, layout: &Arc<Layout>) {
        let mut found = self.lock();
        if found.layout.as_ref().is_some_and(|known| Arc::ptr_eq(known, layout)) {
            found.layout = None;
        }
    }

    /// How many connections are kept.
    pub(super) fn state(&self) -> PoolState {
        let mut state = PoolState::default();
        for server in self.known() {
            let Some(pool) = &server.pool else { continue };
            let bb8::State { connections, idle_connections, statistics, .. } = pool.state();
            let (all, idle) = (connections as usize, idle_connections as usize);
            state.idle += idle;
            state.in_use += all.saturating_sub(idle);
            state.waiting += usize::try_from(statistics.pending_gets()).unwrap_or(usize::MAX);
        }
        state
    }

    /// Asks all servers that are known side by side; the first that knows decides.
    async fn find(&self) -> Result<Layout, QueueError> {
        let mut asked: FuturesUnordered<_> =
            self.known().into_iter().map(|server| self.ask(server)).collect();
        let mut failure = None;
        while let Some(answer) = asked.next().await {
            match answer {
                Ok(layout) => return Ok(layout),
                Err(error) if failure.as_ref().is_none_or(QueueError::will_pass) => failure = Some(error),
                Err(_) => {}
            }
        }
        Err(failure.expect("a URL names at least one server"))
    }

    async fn ask(&self, server: Arc<Server>) -> Result<Layout, QueueError> {
        let mut lent = server.lend().await?;
        let connection = lent.connection_mut();
        if !connection.is_of_cluster() {
            drop(lent);
            if self.seeds.len() > 1 {
                return Err(QueueError::NotACluster(server.connector.server().to_string()));
            }
            return Ok(Layout { servers: vec![server], ranges: None });
        }
        let failed = |error| server.failed(error);
        let slots: Value = connection.ask(redis::cmd("CLUSTER").arg("SLOTS")).await.map_err(failed)?;
        let ranges = slots::ranges(&slots, server.connector.host())?;
        let about: String = connection.ask(redis::cmd("CLUSTER").arg("INFO")).await.map_err(failed)?;
        // A node that is cut off from the others does not know what has become of their slots.
        if !about.lines().any(|line| line == "cluster_state:ok") {
            return Err(QueueError::ClusterDown(server.connector.server().to_string()));
        }
        self.layout_of(ranges)
    }

    /// In the order of their addresses, so that all connections are taken in the same one, whoever has which slots.
    fn layout_of(&self, ranges: Vec<Range>) -> Result<Layout, QueueError> {
        let address = |range: &Range| (range.host.clone(), range.port);
        let addresses: BTreeSet<_> = ranges.iter().map(address).collect();
        let servers: Result<Vec<_>, _> =
            addresses.iter().map(|(host, port)| self.server_at(host, *port)).collect();
        let places: BTreeMap<_, _> = addresses.into_iter().zip(0..).collect();
        let ranges = ranges.into_iter().map(|range| (places[&address(&range)], range)).collect();
        Ok(Layout { servers: servers?, ranges: Some(ranges) })
    }

    /// One that is known already keeps its connections.
    fn server_at(&self, host: &str, port: u16) -> Result<Arc<Server>, QueueError> {
        let connector = self.seeds[0].connector.at(host.to_owned(), port)?;
        let known = self.known().into_iter().find(|known| known.connector.server() == connector.server());
        Ok(known.unwrap_or_else(|| Arc::new(Server::new(connector, self.kept))))
    }

    /// Those that are named, and those that were found last.
    fn known(&self) -> Vec<Arc<Server>> {
        let mut known = self.seeds.clone();
        for server in &self.lock().servers {
            if !known.iter().any(|other| Arc::ptr_eq(other, server)) {
                known.push(Arc::clone(server));
            }
        }
        known
    }

    fn lock(&self) -> MutexGuard<'_, Found> {
        // Each change is a single step, so a panic elsewhere leaves it whole.
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Layout {
    /// Whether these are the nodes of a cluster. There no command may name keys of two shards.
    pub(super) fn is_cluster(&self) -> bool {
        self.ranges.is_some()
    }

    /// How many servers there are.
    pub(super) fn len(&self) -> usize {
        self.servers.len()
    }

    /// The place of the server that has this shard.
    pub(super) fn place_of(&self, shard: Shard) -> usize {
        let Some(ranges) = &self.ranges else { return 0 };
        let slot = slot_of(shard);
        ranges[ranges.partition_point(|(_, range)| range.is_before(slot))].0
    }

    /// A connection to the server at this place.
    pub(super) async fn lend(&self, place: usize) -> Result<Lent, QueueError> {
        self.servers[place].lend().await
    }

    /// A new connection to it, which nobody else will be lent.
    pub(super) async fn connect(&self, place: usize) -> Result<Lent, QueueError> {
        self.servers[place].connect().await
    }

    /// Whether this answer is a hint that it does not hold any more.
    pub(super) fn is_doubted(&self, error: &RedisError) -> bool {
        self.is_cluster() && (error.is_cluster_error() || error.is_io_error())
    }

    /// Where the server at this place is.
    pub(super) fn address(&self, place: usize) -> Arc<str> {
        self.servers[place].connector.server()
    }
}

impl Server {
    fn new(connector: Connector, kept: Option<u32>) -> Self {
        let pool = kept.map(|size| connector.pool(size));
        Self { connector, pool }
    }

    async fn lend(&self) -> Result<Lent, QueueError> {
        let Some(pool) = &self.pool else { return self.connect().await };
        let asked = Instant::now();
        let lent = pool.get_owned().await;
        metrics::redis_pool_wait(asked.elapsed(), lent.is_err());
        match lent {
            Ok(lent) => Ok(Lent::Pooled(lent)),
            Err(RunError::User(error)) => Err(self.failed(error)),
            Err(RunError::TimedOut) => Err(self.connector.failure()),
        }
    }

    async fn connect(&self) -> Result<Lent, QueueError> {
        self.connector.connection().await.map(Lent::Own).map_err(|error| self.failed(error))
    }

    /// The error, with the server that it is of.
    fn failed(&self, error: RedisError) -> QueueError {
        QueueError::Server { server: self.connector.server(), error }
    }
}

impl Lent {
    pub(super) fn connection(&self) -> &Connection {
        match self {
            Self::Pooled(lent) => lent,
            Self::Own(connection) => connection,
        }
    }

    pub(super) fn connection_mut(&mut self) -> &mut Connection {
        match self {
            Self::Pooled(lent) => lent,
            Self::Own(connection) => connection,
        }
    }
}
