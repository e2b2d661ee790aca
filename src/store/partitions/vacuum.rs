//! When a partition is vacuumed: not while it is open, and once and for all when it is sealed.
//!
//! Invariants:
//! - An open partition is only inserted into. Postgres would vacuum it for that alone as it grows, and keep
//!   [summaries](super::summaries) waiting meanwhile. It still analyzes it, and vacuums it for rows that rollbacks leave and
//!   against wraparound.
//! - Nobody who writes or reads waits for a vacuum. Only other maintenance of the table does.
//! - Afterwards all is frozen that was stored before the oldest open transaction began, so no vacuum reads those pages again;
//!   and Postgres looks after the table as after any, for the sake of late events.

use tokio_postgres::Client;

use crate::store::StoreError;

/// The storage parameter that says after how many inserted rows Postgres vacuums a table.
const THRESHOLD: &str = "autovacuum_vacuum_insert_threshold";

/// What an open partition is made with.
pub(super) fn unvacuumed() -> String {
    format!("with ({THRESHOLD} = -1)")
}

/// Vacuums a table that has closed, however much of it was vacuumed before: what is frozen is not read again.
pub(super) async fn vacuum(client: &Client, table: &str) -> Result<(), StoreError> {
    // Alone in its message, since several share a transaction. To truncate would lock everybody out for a moment.
    client.batch_execute(&format!("vacuum (freeze, analyze, truncate false) {table}")).await?;
    Ok(client.batch_execute(&format!("alter table {table} reset ({THRESHOLD})")).await?)
}
