//! Sealing: a partition that has closed is vacuumed once and for all and gets its btree indexes, each built in one go.
//!
//! Invariants:
//! - Nobody waits: indexes are built concurrently, so that late events are still written; whoever finds a partition taken,
//!   by another sealer or for being dropped, leaves it.
//! - The lock of a partition is the session's, since no transaction can vacuum or build an index concurrently. It goes with the
//!   connection, which therefore never returns to a pool.
//! - Any step may be the last one: what is frozen is not vacuumed again, what is valid is not built again, what a death left
//!   unfinished is dropped and built anew, and a partition is marked sealed only when all its indexes are valid.
//! - The index on what tells events apart is unique, or its violation was counted: Postgres' own proof that nothing was
//!   stored twice.
//! - What an older release has sealed, with an index that does not tell users apart, gets the index of this one beside it
//!   first, and loses the other then.

use deadpool_postgres::ClientWrapper;
use jiff::Timestamp;
use tokio_postgres::{Client, Transaction};

use super::indexes::{self, Index};
use super::vacuum::vacuum;
use super::{Span, TABLES};
use crate::store::{Pool, StoreError};

/// How many events that were stored more than once are named; all are counted.
const NAMED: i64 = 20;
/// What the unique index is on in this release; partitions sealed by others are sealed anew.
const FORM: i16 = 2;

/// What came of an attempt to seal a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sealing {
    /// It is sealed now.
    Done(Duplicates),
    /// Somebody else is sealing it, or dropping it.
    Taken,
    /// It was sealed, or dropped, before.
    Over,
}

/// Events that a partition holds more than once: there should be none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Duplicates {
    /// How many there are.
    pub ids: i64,
    /// The first of them.
    pub named: Vec<Duplicate>,
}

/// An event that was stored more than once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// Its id.
    pub event_id: String,
    /// Its user.
    pub user_id: String,
    /// Whether a browser sent it.
    pub from_browser: bool,
    /// In how many rows.
    pub rows: i64,
}

/// The partitions to be sealed, the oldest first: they ended before `closed_before`, and after `kept_from`. Those that an
/// older release has sealed come last.
pub async fn unsealed(
    client: &Client,
    closed_before: Timestamp,
    kept_from: Timestamp,
) -> Result<Vec<Span>, StoreError> {
    const SELECT: &str = "select lower_bound, upper_bound from partitions
        where sealed_at is null or seal_form is distinct from $1 order by sealed_at is not null, 1";
    let rows = client.query(SELECT, &[&FORM]).await?;
    let spans = rows.iter().map(|row| Span { lower: row.get(0), upper: row.get(1) });
    // Compared here, since Postgres would refuse times as far away as these may be.
    Ok(spans.filter(|span| span.upper <= closed_before && span.upper > kept_from).collect())
}

/// A connection to seal on; the pool may open another in its place.
pub async fn sealing_connection(pool: &Pool) -> Result<ClientWrapper, StoreError> {
    let client = pool.get().await?.take();
    // A build takes what it takes, but no more than one core of the server. A vacuum rests as an autovacuum does, but after five
    // times as much: it has to keep up with what is stored.
    client
        .batch_execute(
            "set statement_timeout = 0; set lock_timeout = 0; set max_parallel_maintenance_workers = 0;
            set vacuum_cost_delay = '2ms'; set vacuum_cost_limit = 1000",
        )
        .await?;
    // Whoever dies meanwhile must not leave a partition locked by work that goes on for hours. Not every system can tell.
    if let Err(error) = client.batch_execute("set client_connection_check_interval = '10s'").await {
        tracing::debug!(%error, "Postgres notices only at the end of a build or a vacuum that its client is gone");
    }
    Ok(client)
}

/// Seals a partition. `client` must be in no transaction, and is to be closed after an error.
pub async fn seal(client: &Client, span: Span) -> Result<Sealing, StoreError> {
    let suffix = span.suffix();
    if !lock(client, &suffix).await? {
        return Ok(Sealing::Taken);
    }
    let sealing = seal_locked(client, &suffix).await?;
    client.execute("select pg_advisory_unlock(hashtext('seal'), hashtext($1))", &[&suffix]).await?;
    Ok(sealing)
}

/// Takes the partition for this session, unless somebody has it.
async fn lock(client: &Client, suffix: &str) -> Result<bool, StoreError> {
    const LOCK: &str = "select pg_try_advisory_lock(hashtext('seal'), hashtext($1))";
    Ok(client.query_one(LOCK, &[&suffix]).await?.get(0))
}

/// Keeps sealers away from the partition until the transaction ends, unless one is at it.
pub(super) async fn keep_away(transaction: &Transaction<'_>, suffix: &str) -> Result<bool, StoreError> {
    const LOCK: &str = "select pg_try_advisory_xact_lock(hashtext('seal'), hashtext($1))";
    Ok(transaction.query_one(LOCK, &[&suffix]).await?.get(0))
}

async fn seal_locked(client: &Client, suffix: &str) -> Result<Sealing, StoreError> {
    const DUE: &str = "select sealed_at is not null from partitions
        where suffix = $1 and (sealed_at is null or seal_form is distinct from $2)";
    const SEALED: &str =
        "update partitions set sealed_at = coalesce(sealed_at, now()), seal_form = $2, duplicate_ids = $3
        where suffix = $1";
    let Some(due) = client.query_opt(DUE, &[&suffix, &FORM]).await? else { return Ok(Sealing::Over) };
    let duplicates = if due.get(0) {
        index_anew(client, suffix).await?
    } else {
        // Before there are more indexes, which a vacuum would go through too.
        for table in TABLES {
            vacuum(client, &format!("{table}_{suffix}")).await?;
        }
        index_identities(client, suffix).await?
    };
    for index in indexes::lookups(suffix) {
        build(client, &index).await?;
    }
    client.execute(SEALED, &[&suffix, &FORM, &duplicates.ids]).await?;
    Ok(Sealing::Done(duplicates))
}

/// Builds the index on what tells events apart: the unique one, or, where an event is there more than once, the other.
async fn index_identities(client: &Client, suffix: &str) -> Result<Duplicates, StoreError> {
    // A worker of an older release may have begun. Not valid, it would still refuse what is written.
    client.batch_execute(&indexes::unique_event_ids(suffix).removal()).await?;
    // The plain one is there if an earlier attempt found an event more than once, and went no further.
    let is_clean = state(client, &indexes::repeated_event_ids(suffix)).await? == State::Missing;
    if is_clean && build_unique(client, suffix).await? {
        return Ok(Duplicates::default());
    }
    index_repeated(client, suffix).await
}

/// The same where an older release has built its own indexes, which go when those of this one are there.
async fn index_anew(client: &Client, suffix: &str) -> Result<Duplicates, StoreError> {
    let plain = indexes::repeated_event_ids(suffix);
    let duplicates = if build_unique(client, suffix).await? {
        client.batch_execute(&plain.removal()).await?;
        Duplicates::default()
    } else {
        index_repeated(client, suffix).await?
    };
    client.batch_execute(&indexes::unique_event_ids(suffix).removal()).await?;
    Ok(duplicates)
}

/// Builds the unique index; `false` if an event is there more than once.
async fn build_unique(client: &Client, suffix: &str) -> Result<bool, StoreError> {
    match build(client, &indexes::identities(suffix)).await {
        Err(error) if error.is_stored_already() => Ok(false),
        built => built.map(|()| true),
    }
}

/// Builds the index that stands for the unique one, and finds what is there more than once.
async fn index_repeated(client: &Client, suffix: &str) -> Result<Duplicates, StoreError> {
    let plain = indexes::repeated_event_ids(suffix);
    // Not valid, it would still refuse what is written.
    client.batch_execute(&indexes::identities(suffix).removal()).await?;
    build(client, &plain).await?;
    find_duplicates(client, &plain.table).await
}

/// Builds an index, unless it is there.
async fn build(client: &Client, index: &Index) -> Result<(), StoreError> {
    match state(client, index).await? {
        State::Valid => return Ok(()),
        State::Missing => {}
        State::Unfinished => {
            tracing::info!(index = index.name, "an index was left unfinished; building it anew");
            client.batch_execute(&index.removal()).await?;
        }
    }
    Ok(client.batch_execute(&index.creation()).await?)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Missing,
    Unfinished,
    Valid,
}

async fn state(client: &Client, index: &Index) -> Result<State, StoreError> {
    const SELECT: &str = "select i.indisvalid from pg_index i join pg_class c on c.oid = i.indexrelid
        where c.relname = $1 and i.indrelid = to_regclass($2)";
    Ok(match client.query_opt(SELECT, &[&index.name, &index.table]).await? {
        None => State::Missing,
        Some(row) if row.get(0) => State::Valid,
        Some(_) => State::Unfinished,
    })
}

async fn find_duplicates(client: &Client, table: &str) -> Result<Duplicates, StoreError> {
    let repeated = format!(
        "with repeated as materialized (
            select event_id, user_id, from_browser, count(*) as times from {table} group by 1, 2, 3 having count(*) > 1
        )"
    );
    let count = format!("{repeated} select count(*) from repeated");
    let first = format!("{repeated} select * from repeated order by 1, 2, 3 limit {NAMED}");
    let ids = client.query_one(&count, &[]).await?.get(0);
    let rows = client.query(&first, &[]).await?;
    let named = rows
        .iter()
        .map(|row| Duplicate {
            event_id: row.get(0),
            user_id: row.get(1),
            from_browser: row.get(2),
            rows: row.get(3),
        })
        .collect();
    Ok(Duplicates { ids, named })
}
