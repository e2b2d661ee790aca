//! The clocks of Postgres and Redis, read again and again, and how far this machine's is from them.

use std::time::Duration;

use super::RoleError;
use crate::ops::metrics::{self, Server};
use crate::ops::{Condition, Periodic, Status, clock};
use crate::queue::Shards;
use crate::{queue, store};

/// Between two readings.
const PERIOD: Duration = Duration::from_secs(5);
/// How long a start waits for the servers to say what time it is.
const START_TIMEOUT: Duration = Duration::from_secs(1);

/// The servers whose clocks are read.
#[derive(Clone, Debug)]
pub(super) struct Clocks {
    pub(super) postgres: store::Pool,
    pub(super) redis: queue::Pool,
    pub(super) shards: Shards,
}

impl Clocks {
    /// Reads both, before the first event is stamped. Starts without a server that does not answer.
    pub(super) async fn read_at_start(&self) {
        // What fails is read again soon, and logged then.
        let _ = tokio::time::timeout(START_TIMEOUT, Box::pin(self.read())).await;
    }

    /// Reads both again and again until it is dropped, and warns while this machine's clock differs.
    pub(super) async fn watch(self, condition: Condition) {
        let mut readings = Periodic::every(PERIOD);
        loop {
            readings.next().await;
            readings.note(self.read().await);
            for server in [Server::Postgres, Server::Redis] {
                if let Some(ahead) = clock::difference(server) {
                    metrics::clock_difference(server, ahead);
                }
            }
            condition.set(clock::check().map_or_else(Status::Warning, |()| Status::Ok));
        }
    }

    /// Reads both. A clock that cannot be read is carried on.
    async fn read(&self) -> Result<(), RoleError> {
        let postgres = async { store::clock(&self.postgres).await.map(clock::follow_postgres) };
        let redis = async { queue::clocks(&self.redis, self.shards).await.map(clock::follow_redis) };
        let (postgres, redis) = tokio::join!(postgres, redis);
        postgres?;
        Ok(redis?)
    }
}
