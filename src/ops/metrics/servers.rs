//! What is reported of Redis and Postgres: round trips, pools, and the queue that lies in Redis.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use metrics::Gauge;

use super::catalogue::Handles;
use super::exporter::handles;
use super::float;
use super::label::{ConnectionState, Labels, Mark, PostgresOperation, RedisOperation, Server};
use super::metric;
use crate::ops::clock;
use crate::queue::{Depth, Disk, Memory};

/// What a server is asked for.
pub trait Operation: Labels {
    /// Notes an operation that has ended.
    fn note(self, took: Duration, failed: bool);
}

impl Operation for RedisOperation {
    fn note(self, took: Duration, failed: bool) {
        handles().redis_round_trip_seconds.of(self).record(took);
        if failed {
            handles().redis_failures_total.of(self).increment(1);
        }
    }
}

impl Operation for PostgresOperation {
    fn note(self, took: Duration, failed: bool) {
        handles().postgres_round_trip_seconds.of(self).record(took);
        if failed {
            handles().postgres_failures_total.of(self).increment(1);
        }
    }
}

/// What a question can end in that has no answer.
pub trait Failure {
    /// Whether the server has failed. Otherwise it does its work, and what was asked for cannot be done.
    fn is_of_server(&self) -> bool {
        true
    }
}

/// Notes how long `asked` takes to be answered, and whether the server fails. What is given up by its caller is not noted.
pub async fn timed<T, E: Failure>(
    operation: impl Operation,
    asked: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let started = Instant::now();
    let answer = asked.await;
    operation.note(started.elapsed(), answer.as_ref().is_err_and(E::is_of_server));
    answer
}

/// A wait for a connection to Redis, and whether there was none.
pub fn redis_pool_wait(took: Duration, failed: bool) {
    handles().redis_pool_wait_seconds.record(took);
    handles().redis_pool_failures_total.increment(failed.into());
}

/// A wait for a connection to Postgres, and whether there was none.
pub fn postgres_pool_wait(took: Duration, failed: bool) {
    handles().postgres_pool_wait_seconds.record(took);
    handles().postgres_pool_failures_total.increment(failed.into());
}

/// What lies in the streams, how old the oldest of it is, and how full Redis is.
pub fn queue_looked_at(depth: Depth, oldest: Option<Duration>, memory: Memory) {
    let now = clock::now().duration_since(Timestamp::UNIX_EPOCH);
    handles().queue_look_timestamp_seconds.set(now.as_secs_f64());
    handles().queue_events.set(float(depth.events));
    handles().queue_bytes.set(float(depth.bytes));
    handles().queue_oldest_seconds.set(oldest.unwrap_or_default().as_secs_f64());
    handles().redis_memory_bytes.set(float(memory.used));
    handles().redis_memory_max_bytes.set(float(memory.max.unwrap_or(0)));
}

/// How Redis' disk fares.
pub fn redis_disk(disk: Disk) {
    handles().redis_delayed_fsyncs.set(float(disk.delayed_fsyncs));
    handles().redis_unwritten_bytes.set(float(disk.unwritten));
}

/// How far this machine's clock is ahead of the server's.
pub fn clock_difference(server: Server, ahead: SignedDuration) {
    handles().clock_difference_seconds.of(server).set(ahead.as_secs_f64());
}

/// The marks that close and open ingest, in bytes.
pub fn queue_marks(low: u64, high: u64) {
    handles().queue_marks_bytes.of(Mark::Low).set(float(low));
    handles().queue_marks_bytes.of(Mark::High).set(float(high));
}

/// How many connections a pool has, and how many wait for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolState {
    /// Connections to be lent.
    pub idle: usize,
    /// Connections that are lent.
    pub in_use: usize,
    /// Who waits for one.
    pub waiting: usize,
}

/// What a pool adds to the gauges, which show the sum of all pools of the process. Dropping it takes its part off.
#[derive(Debug)]
pub struct PoolGauges {
    connections: fn(&Handles) -> &metric::Gauge<ConnectionState>,
    waiting: Option<fn(&Handles) -> &Gauge>,
    shown: PoolState,
}

impl PoolGauges {
    /// Those of a pool of connections to Redis.
    #[must_use]
    pub fn redis() -> Self {
        Self {
            connections: |handles| &handles.redis_pool_connections,
            waiting: None,
            shown: PoolState::default(),
        }
    }

    /// Those of a pool of connections to Postgres.
    #[must_use]
    pub fn postgres() -> Self {
        Self {
            connections: |handles| &handles.postgres_pool_connections,
            waiting: Some(|handles| &handles.postgres_pool_waiting),
            shown: PoolState::default(),
        }
    }

    /// Shows what the pool is like now.
    pub fn show(&mut self, state: PoolState) {
        let connections = (self.connections)(handles());
        let add = |gauge: &Gauge, before: usize, now: usize| gauge.increment(float(now) - float(before));
        add(connections.of(ConnectionState::Idle), self.shown.idle, state.idle);
        add(connections.of(ConnectionState::InUse), self.shown.in_use, state.in_use);
        if let Some(waiting) = self.waiting {
            add(waiting(handles()), self.shown.waiting, state.waiting);
        }
        self.shown = state;
    }
}

impl Drop for PoolGauges {
    fn drop(&mut self) {
        self.show(PoolState::default());
    }
}
