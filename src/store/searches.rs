//! Connections for searches. What is quick, such as looking up an API key, must not wait until what is slow has ended.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Transaction;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::{Lent, Pool, StoreError};

/// How long a search waits until others have ended.
const PATIENCE: Duration = Duration::from_secs(5);

/// Lends connections of a pool, no more than half of them at a time.
#[derive(Clone, Debug)]
pub struct Searches {
    pool: Pool,
    room: Arc<Semaphore>,
}

/// A connection to search on.
pub(super) struct Connection {
    client: Lent,
    _room: OwnedSemaphorePermit,
}

impl Searches {
    /// Searches on this pool.
    #[must_use]
    pub fn on(pool: Pool) -> Self {
        let room = (pool.most() / 2).max(1);
        Self { pool, room: Arc::new(Semaphore::new(room)) }
    }

    pub(super) async fn connection(&self) -> Result<Connection, StoreError> {
        let room = timeout(PATIENCE, Arc::clone(&self.room).acquire_owned()).await;
        let room = room.map_err(|_| StoreError::Searching)?.expect("it is never closed");
        Ok(Connection { client: self.pool.get().await?, _room: room })
    }
}

impl Connection {
    /// Begins to look things up among what is stored.
    pub(super) async fn begin(&mut self) -> Result<Transaction<'_>, StoreError> {
        let transaction = self.client.build_transaction().read_only(true).start().await?;
        // BRIN looks dear to the planner, and is what finds anything here; a statement has its own end in any case.
        transaction
            .batch_execute(
                "set local enable_seqscan = off; set local jit = off; set local statement_timeout = '10s'",
            )
            .await?;
        Ok(transaction)
    }
}
