//! Dead letters: events that could not be stored, kept with the reason, and what is queued again when they are replayed.
//!
//! Invariant: only the transaction that stores a replayed frame marks its letter as replayed; that a letter was requeued
//! is noted for people and decides nothing.

use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::{Pool, StoreError};
use crate::ops::metrics::PostgresOperation;
use crate::queue::{EntryId, Sender, SenderClass};

/// All that is shown of a letter, but for its payload, which may be large.
const COLUMNS: &str = "id, created_at, reason, detail, shard, entry_ms, entry_seq, events, event_id, user_id,
    event_type, frame is not null, requeued_at, replayed_at, key_id, from_browser";
const WAITING: &str = "requeued_at is null and replayed_at is null";

/// Which dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LetterId(pub i64);

/// Why a dead letter was put aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Reason {
    /// Postgres refused the event
    Refused,
    /// The frame cannot be decoded
    #[value(name = "corrupt frame")]
    CorruptFrame,
    /// The frame ended each worker that tried it
    #[value(name = "poison frame")]
    PoisonFrame,
}

impl Reason {
    /// The reason with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Refused, Self::CorruptFrame, Self::PoisonFrame]
            .into_iter()
            .find(|reason| reason.name() == name)
    }

    /// Its name, as it is stored.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::CorruptFrame => "corrupt frame",
            Self::PoisonFrame => "poison frame",
        }
    }
}

/// How far a dead letter has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nobody has asked for it to be tried again
    Waiting,
    /// It was queued again, and no worker has finished it yet
    Requeued,
    /// It was tried again
    Replayed,
}

impl State {
    /// The state with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Waiting, Self::Requeued, Self::Replayed].into_iter().find(|state| state.name() == name)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Requeued => "requeued",
            Self::Replayed => "replayed",
        }
    }

    fn condition(state: Option<Self>) -> &'static str {
        match state {
            None => "true",
            Some(Self::Waiting) => WAITING,
            Some(Self::Requeued) => "requeued_at is not null and replayed_at is null",
            Some(Self::Replayed) => "replayed_at is not null",
        }
    }
}

/// Which dead letters are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those with this reason.
    pub reason: Option<Reason>,
    /// Only those that have come so far.
    pub state: Option<State>,
}

/// A dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its id; later letters have larger ones.
    pub id: LetterId,
    /// When it was put aside.
    pub created_at: Timestamp,
    /// The kind of reason.
    pub reason: String,
    /// The reason.
    pub detail: String,
    /// The number of the shard that its events came in.
    pub shard: u16,
    /// The entry that they came in first: their claims bear it.
    pub origin: EntryId,
    /// How many events it holds.
    pub events: u32,
    /// Of a single event, its id.
    pub event_id: Option<String>,
    /// Of a single event, its user.
    pub user_id: Option<String>,
    /// Of a single event, its type.
    pub event_type: Option<String>,
    /// Whether there is something that can be queued again.
    pub has_frame: bool,
    /// When it was queued again for the last time.
    pub requeued_at: Option<Timestamp>,
    /// When it left the pipeline again.
    pub replayed_at: Option<Timestamp>,
    /// Of a single event, who sent it.
    pub sender: Sender,
}

impl DeadLetter {
    /// How far it has come.
    #[must_use]
    pub fn state(&self) -> State {
        match (self.requeued_at, self.replayed_at) {
            (_, Some(_)) => State::Replayed,
            (Some(_), None) => State::Requeued,
            (None, None) => State::Waiting,
        }
    }
}

/// At most `limit` dead letters, the newest first, below `before` if that is given.
pub async fn list(
    pool: &Pool,
    filter: &Filter,
    before: Option<LetterId>,
    limit: u16,
) -> Result<Vec<DeadLetter>, StoreError> {
    let condition = State::condition(filter.state);
    let sql = format!(
        "select {COLUMNS} from dead_letters where {condition}
            and ($1::text is null or reason = $1) and ($2::bigint is null or id < $2) order by id desc limit $3"
    );
    let parameters: [(&(dyn ToSql + Sync), Type); 3] = [
        (&filter.reason.map(Reason::name), Type::TEXT),
        (&before.map(|id| id.0), Type::INT8),
        (&i64::from(limit), Type::INT8),
    ];
    let rows = pool.rows(PostgresOperation::Read, &sql, &parameters).await?;
    Ok(rows.iter().map(letter).collect::<Result<_, _>>()?)
}

/// The letter with this id, and its payload: the event, or the bytes that are no frame.
pub async fn find(pool: &Pool, id: LetterId) -> Result<Option<(DeadLetter, Vec<u8>)>, StoreError> {
    let found = find_with(pool, id, "payload").await?;
    Ok(found.map(|(letter, payload)| (letter, payload.unwrap_or_default())))
}

/// The letter with this id, and its frame where it has one.
pub async fn find_frame(
    pool: &Pool,
    id: LetterId,
) -> Result<Option<(DeadLetter, Option<Vec<u8>>)>, StoreError> {
    find_with(pool, id, "frame").await
}

async fn find_with(
    pool: &Pool,
    id: LetterId,
    bytes: &str,
) -> Result<Option<(DeadLetter, Option<Vec<u8>>)>, StoreError> {
    let sql = format!("select {COLUMNS}, {bytes} from dead_letters where id = $1");
    let row = pool.row(PostgresOperation::Read, &sql, &[(&id.0, Type::INT8)]).await?;
    row.map(|row| Ok((letter(&row)?, row.try_get(16)?))).transpose()
}

/// At most `limit` waiting letters that have a frame, with it; the newest first, below `before` if that is given.
pub async fn waiting_frames(
    pool: &Pool,
    reason: Option<Reason>,
    before: Option<LetterId>,
    limit: u16,
) -> Result<Vec<(DeadLetter, Vec<u8>)>, StoreError> {
    let sql = format!(
        "select {COLUMNS}, frame from dead_letters where {WAITING} and frame is not null
            and ($1::text is null or reason = $1) and ($2::bigint is null or id < $2) order by id desc limit $3"
    );
    let parameters: [(&(dyn ToSql + Sync), Type); 3] = [
        (&reason.map(Reason::name), Type::TEXT),
        (&before.map(|id| id.0), Type::INT8),
        (&i64::from(limit), Type::INT8),
    ];
    let rows = pool.rows(PostgresOperation::Read, &sql, &parameters).await?;
    let letters = rows.iter().map(|row| Ok((letter(row)?, row.try_get(16)?)));
    Ok(letters.collect::<Result<_, tokio_postgres::Error>>()?)
}

/// How many letters wait that have a frame, and how many that have none.
pub async fn count_waiting(pool: &Pool, reason: Option<Reason>) -> Result<(u64, u64), StoreError> {
    let sql = format!(
        "select count(frame), count(*) - count(frame) from dead_letters
            where {WAITING} and ($1::text is null or reason = $1)"
    );
    let counted = pool.row(PostgresOperation::Read, &sql, &[(&reason.map(Reason::name), Type::TEXT)]).await?;
    let row = counted.expect("a count without groups is one row");
    let count = |count: i64| u64::try_from(count).unwrap_or(0);
    Ok((count(row.try_get(0)?), count(row.try_get(1)?)))
}

/// Notes that these letters are in the queue again.
pub async fn mark_requeued(pool: &Pool, ids: &[LetterId]) -> Result<(), StoreError> {
    const MARK: &str = "update dead_letters set requeued_at = now() where id = any($1)";
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    pool.rows(PostgresOperation::Write, MARK, &[(&ids, Type::INT8_ARRAY)]).await?;
    Ok(())
}

fn letter(row: &Row) -> Result<DeadLetter, tokio_postgres::Error> {
    let number = |part: i64| u64::try_from(part).unwrap_or(0);
    let (shard, events): (i16, i32) = (row.try_get(4)?, row.try_get(7)?);
    Ok(DeadLetter {
        id: LetterId(row.try_get(0)?),
        created_at: row.try_get(1)?,
        reason: row.try_get(2)?,
        detail: row.try_get(3)?,
        shard: shard.unsigned_abs(),
        origin: EntryId { milliseconds: number(row.try_get(5)?), sequence: number(row.try_get(6)?) },
        events: events.unsigned_abs(),
        event_id: row.try_get(8)?,
        user_id: row.try_get(9)?,
        event_type: row.try_get(10)?,
        has_frame: row.try_get(11)?,
        requeued_at: row.try_get(12)?,
        replayed_at: row.try_get(13)?,
        sender: Sender { key: row.try_get(14)?, class: SenderClass::of(row.try_get(15)?) },
    })
}
