//! Searches of what is stored by time, from the newest back.
//!
//! The hot partition has no btree, and BRIN gives no order. So a search goes back in time through windows, each eight
//! times as long as the one before, and stops as soon as it has enough: what is recent is found at once, and what is
//! old or rare costs a few windows more. A search that runs out of patience says how far it got, and where to go on.

use std::time::{Duration, Instant};

use deadpool_postgres::Transaction;
use jiff::{SignedDuration, Timestamp};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::searches::Connection;
use super::{Searches, StoreError};
use crate::ops::metrics::{PostgresOperation, timed};

/// The first window of a search that no index narrows.
pub(super) const FIRST_WINDOW: SignedDuration = SignedDuration::from_secs(1);
const GROWTH: i32 = 8;

/// A place in the order of events: by time, within one time by id, within one id (of several users) by user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// To the microsecond.
    pub received_at: Timestamp,
    /// Empty for the place before all events of that time.
    pub event_id: String,
    /// Empty like the id.
    pub user_id: String,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The newest first.
    pub found: Vec<T>,
    /// Everything that is wanted since then is in this page or an earlier one; `None` when nothing was ever stored.
    pub searched_from: Option<Timestamp>,
    /// Where the next page begins; `None` when all was searched.
    pub next: Option<Position>,
}

/// Where a search looks, and for how much.
#[derive(Debug)]
pub(super) struct Search<'a> {
    /// The earliest time wanted.
    pub(super) from: Option<Timestamp>,
    /// The time at which what is wanted ends.
    pub(super) to: Option<Timestamp>,
    /// Where the page before ended.
    pub(super) after: Option<&'a Position>,
    /// How long the first window is.
    pub(super) first_window: SignedDuration,
    /// The most that is wanted.
    pub(super) limit: u16,
    /// When so much time has passed, no further window is looked into.
    pub(super) patience: Duration,
}

/// A parameter of a statement, and its type.
type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// What is looked for: a statement up to its conditions, of a table with the columns of a [`Position`].
#[derive(Clone)]
pub(super) struct Selection<'a> {
    sql: String,
    parameters: Vec<Parameter<'a>>,
}

impl<'a> Selection<'a> {
    /// All rows of `select`, which ends with `where` and a condition.
    pub(super) fn of(select: &str) -> Self {
        Self { sql: select.to_owned(), parameters: Vec::new() }
    }

    /// Narrows it; the condition has `?` in the place of its parameter.
    pub(super) fn add(&mut self, condition: &str, parameter: &'a (dyn ToSql + Sync), kind: Type) {
        self.parameters.push((parameter, kind));
        self.sql.push_str(&condition.replace('?', &format!("${}", self.parameters.len())));
    }
}

/// Looks for the selection in one window after another.
pub(super) async fn search<T>(
    searches: &Searches,
    search: &Search<'_>,
    selection: &Selection<'_>,
    read: fn(&Row) -> Result<T, tokio_postgres::Error>,
) -> Result<Page<T>, StoreError> {
    let started = Instant::now();
    let mut connection = searches.connection().await?;
    timed(PostgresOperation::Search, search_on(&mut connection, started, search, selection, read)).await
}

async fn search_on<T>(
    connection: &mut Connection,
    started: Instant,
    search: &Search<'_>,
    selection: &Selection<'_>,
    read: fn(&Row) -> Result<T, tokio_postgres::Error>,
) -> Result<Page<T>, StoreError> {
    let transaction = connection.begin().await?;
    let mut page = Page { found: Vec::new(), searched_from: None, next: None };
    let Some((span, now)) = stored_span(&transaction).await? else { return Ok(page) };
    let wanted = span.narrowed(search);
    page.searched_from = Some(wanted.from);
    for window in wanted.windows(now, search.first_window) {
        let room = usize::from(search.limit) - page.found.len();
        let rows = query(&transaction, selection, search.after, window, room).await?;
        for row in &rows {
            page.found.push(read(row)?);
        }
        if let Some(last) = rows.last().filter(|_| page.found.len() >= usize::from(search.limit)) {
            let last = position(last)?;
            return Ok(Page { searched_from: Some(last.received_at), next: Some(last), ..page });
        }
        if started.elapsed() >= search.patience && window.from > wanted.from {
            let reached =
                Position { received_at: window.from, event_id: String::new(), user_id: String::new() };
            return Ok(Page { searched_from: Some(window.from), next: Some(reached), ..page });
        }
    }
    Ok(page)
}

/// The place of a row.
fn position(row: &Row) -> Result<Position, tokio_postgres::Error> {
    Ok(Position {
        received_at: row.try_get("received_at")?,
        event_id: row.try_get("event_id")?,
        user_id: row.try_get("user_id")?,
    })
}

/// The rows of one window, at most `limit`, the newest first.
async fn query(
    transaction: &Transaction<'_>,
    selection: &Selection<'_>,
    after: Option<&Position>,
    window: Span,
    limit: usize,
) -> Result<Vec<Row>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut selection = selection.clone();
    selection.add(" and received_at >= ?", &window.from, Type::TIMESTAMPTZ);
    selection.add(" and received_at < ?", &window.to, Type::TIMESTAMPTZ);
    if let Some(Position { received_at, event_id, user_id }) = after {
        selection.add(" and (received_at, event_id, user_id) < (?", received_at, Type::TIMESTAMPTZ);
        selection.add(", ?", event_id, Type::TEXT);
        selection.add(", ?)", user_id, Type::TEXT);
    }
    selection.add(" order by received_at desc, event_id desc, user_id desc limit ?", &limit, Type::INT8);
    Ok(transaction.query_typed(&selection.sql, &selection.parameters).await?)
}

/// A span of time, its end excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

/// The span that has partitions, and what time it is; `None` without partitions.
pub(super) async fn stored_span(
    transaction: &Transaction<'_>,
) -> Result<Option<(Span, Timestamp)>, StoreError> {
    let row = transaction
        .query_typed_one("select min(lower_bound), max(upper_bound), now() from partitions", &[])
        .await?;
    let (from, to): (Option<Timestamp>, Option<Timestamp>) = (row.try_get(0)?, row.try_get(1)?);
    let now = row.try_get(2)?;
    Ok(from.zip(to).map(|(from, to)| (Span { from, to }, now)))
}

impl Span {
    fn narrowed(self, search: &Search<'_>) -> Self {
        let from = search.from.map_or(self.from, |from| from.max(self.from));
        let to = search.to.map_or(self.to, |to| to.min(self.to));
        let microsecond = SignedDuration::from_micros(1);
        let to = search
            .after
            .map_or(to, |after| to.min(after.received_at.saturating_add(microsecond).unwrap_or(to)));
        Self { from, to }
    }

    /// The windows of a search: the newest first, one beside the other, all of the span. The first reaches back `length`
    /// from now, or from the span's end if that is earlier.
    fn windows(self, now: Timestamp, length: SignedDuration) -> impl Iterator<Item = Self> {
        let (mut to, mut length) = (self.to, length);
        std::iter::from_fn(move || {
            if to <= self.from {
                return None;
            }
            let from = to.min(now).saturating_sub(length).map_or(self.from, |from| from.max(self.from));
            let window = Self { from, to };
            length = length.saturating_mul(GROWTH);
            to = from;
            Some(window)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    fn windows(from: i64, to: i64, now: i64) -> Vec<(i64, i64)> {
        Span { from: at(from), to: at(to) }
            .windows(at(now), SignedDuration::from_secs(60))
            .map(|window| (window.from.as_second(), window.to.as_second()))
            .collect()
    }

    #[test]
    fn windows_go_back_in_time_and_grow() {
        assert_eq!(windows(0, 1000, 1000), [(940, 1000), (460, 940), (0, 460)]);
    }

    #[test]
    fn the_first_window_takes_in_what_lies_ahead_of_the_clock() {
        assert_eq!(windows(0, 5000, 1000), [(940, 5000), (460, 940), (0, 460)]);
    }

    #[test]
    fn an_empty_span_has_no_windows() {
        assert_eq!(windows(10, 10, 10), []);
        assert_eq!(windows(20, 10, 10), []);
    }

    proptest! {
        #[test]
        fn windows_cover_the_span_once(from in 0..1_000_000_000_i64, to in 0..1_000_000_000_i64, now in 0..1_000_000_000_i64) {
            let windows = windows(from, to, now);
            prop_assert!(windows.len() < 12);
            if from < to {
                prop_assert_eq!(windows.first().map(|window| window.1), Some(to));
                prop_assert_eq!(windows.last().map(|window| window.0), Some(from));
                prop_assert!(windows.windows(2).all(|pair| pair[0].0 == pair[1].1));
            }
        }
    }
}
