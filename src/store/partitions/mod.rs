//! Partitions of `events`, `triggers` and `frames`: made before they are needed, sealed when they have closed, dropped when
//! they are past retention.
//!
//! The three tables are cut alike; the table `partitions` records the bounds. All changes happen under one lock, so any
//! number of workers may maintain them.

mod indexes;
mod plan;
mod retention;
mod seal;
mod summaries;
mod vacuum;

use std::time::Duration;

use jiff::Timestamp;
use tokio_postgres::{Client, Transaction};

pub(in crate::store) use indexes::{keeps_event_ids_unique, keeps_identities_unique};
pub use plan::{Span, cutoff, missing, missing_at};
pub use retention::{drop_before, expired_until};
pub use seal::{Duplicate, Duplicates, Sealing, seal, sealing_connection, unsealed};
pub use summaries::Summaries;

use super::StoreError;

pub(in crate::store) const TABLES: [&str; 3] = ["events", "triggers", "frames"];

/// The partitions that this process knows to exist.
#[derive(Debug)]
pub struct Partitions {
    interval: Duration,
    known: Vec<Span>,
}

impl Partitions {
    /// Knows of none yet; new ones will cover `interval` each.
    #[must_use]
    pub fn new(interval: Duration) -> Self {
        Self { interval, known: Vec::new() }
    }

    /// Makes the partitions for `from` to `to` where they are missing. Without a query if all are known.
    pub async fn ensure(
        &mut self,
        client: &mut Client,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<(), StoreError> {
        let interval = self.interval;
        self.add(client, |known| missing(known, from, to, interval)).await
    }

    /// Makes the partitions for these moments where they are missing. Without a query if all are known.
    pub async fn ensure_at(
        &mut self,
        client: &mut Client,
        moments: impl Iterator<Item = Timestamp> + Clone,
    ) -> Result<(), StoreError> {
        let interval = self.interval;
        self.add(client, |known| missing_at(known, moments.clone(), interval)).await
    }

    async fn add(
        &mut self,
        client: &mut Client,
        missing: impl Fn(&[Span]) -> Vec<Span>,
    ) -> Result<(), StoreError> {
        if missing(&self.known).is_empty() {
            return Ok(());
        }
        let transaction = client.transaction().await?;
        let mut spans = locked(&transaction).await?;
        for span in missing(&spans) {
            create(&transaction, span).await?;
            spans.push(span);
        }
        transaction.commit().await?;
        self.known = spans;
        Ok(())
    }

    /// Forgets what is known; the next [`Self::ensure`] looks again. For after an error: a partition may have been dropped.
    pub fn forget(&mut self) {
        self.known.clear();
    }
}

/// The partitions there are. Nobody changes them until the transaction ends.
async fn locked(transaction: &Transaction<'_>) -> Result<Vec<Span>, StoreError> {
    transaction.execute("select pg_advisory_xact_lock(hashtext('partitions'))", &[]).await?;
    let rows = transaction.query("select lower_bound, upper_bound from partitions order by 1", &[]).await?;
    Ok(rows.iter().map(|row| Span { lower: row.get(0), upper: row.get(1) }).collect())
}

async fn create(transaction: &Transaction<'_>, span: Span) -> Result<(), StoreError> {
    let suffix = span.suffix();
    transaction
        .execute(
            "insert into partitions (lower_bound, upper_bound, suffix) values ($1, $2, $3)",
            &[&span.lower, &span.upper, &suffix],
        )
        .await?;
    for table in TABLES {
        // Bounds cannot be parameters; they are times that we write ourselves.
        let statement = format!(
            "create table {table}_{suffix} partition of {table} for values from ('{}') to ('{}') {}",
            span.lower,
            span.upper,
            vacuum::unvacuumed()
        );
        transaction.batch_execute(&statement).await?;
        give_to_owner_of(transaction, table, &suffix).await?;
    }
    Ok(())
}

/// A partition belongs to whom its table belongs to, whoever makes it, so that any worker may seal and drop it.
async fn give_to_owner_of(
    transaction: &Transaction<'_>,
    table: &str,
    suffix: &str,
) -> Result<(), StoreError> {
    const OTHER: &str = "select quote_ident(pg_get_userbyid(relowner)) from pg_class
        where oid = to_regclass($1) and pg_get_userbyid(relowner) <> current_user";
    let Some(owner) = transaction.query_opt(OTHER, &[&table]).await? else { return Ok(()) };
    let statement = format!("alter table {table}_{suffix} owner to {}", owner.get::<_, String>(0));
    Ok(transaction.batch_execute(&statement).await?)
}
