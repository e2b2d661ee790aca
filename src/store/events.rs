//! Stored events, found again: newest first, page by page.
//!
//! The hot partition has no btree, and BRIN gives no order. So a search goes back in time through windows, each eight
//! times as long as the one before, and stops as soon as it has enough: what is recent is found at once, and what is
//! old or rare costs a few windows more. A search that runs out of patience says how far it got, and where to go on.

use std::time::{Duration, Instant};

use deadpool_postgres::{Pool, Transaction};
use jiff::{SignedDuration, Timestamp};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::StoreError;
use crate::campaign::CampaignId;

/// The first window of a search that the bloom indexes narrow, and of one that they do not.
const FIRST_WINDOW_BY_ID: SignedDuration = SignedDuration::from_hours(24);
const FIRST_WINDOW: SignedDuration = SignedDuration::from_secs(1);
const GROWTH: i32 = 8;

/// An event as it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its id.
    pub event_id: String,
    /// To whom it happened.
    pub user_id: String,
    /// What happened.
    pub event_type: String,
    /// When ingest accepted it.
    pub received_at: Timestamp,
    /// The campaigns that it triggered.
    pub campaign_ids: Vec<i64>,
    /// Its JSON text, byte for byte.
    pub payload: String,
}

/// Which events are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only the one with this id.
    pub event_id: Option<String>,
    /// Only those of this user.
    pub user_id: Option<String>,
    /// Only those of this type.
    pub event_type: Option<String>,
    /// Only those that triggered this campaign.
    pub campaign_id: Option<CampaignId>,
    /// Only those received at this time or later.
    pub from: Option<Timestamp>,
    /// Only those received before this time.
    pub to: Option<Timestamp>,
}

/// A place in the order of events: by time, and by id within one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// To the microsecond.
    pub received_at: Timestamp,
    /// Empty for the place before all events of that time.
    pub event_id: String,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The newest first.
    pub events: Vec<StoredEvent>,
    /// Every wanted event since then is in this page or an earlier one; `None` when nothing was ever stored.
    pub searched_from: Option<Timestamp>,
    /// Where the next page begins; `None` when all was searched.
    pub next: Option<Position>,
}

/// Finds the event with this id.
pub async fn find(pool: &Pool, event_id: &str) -> Result<Option<StoredEvent>, StoreError> {
    if event_id.contains('\0') {
        // Postgres would refuse the question; no event has such an id.
        return Ok(None);
    }
    let filter = Filter { event_id: Some(event_id.to_owned()), ..Filter::default() };
    let page = search(pool, &filter, None, 1, Duration::MAX).await?;
    Ok(page.events.into_iter().next())
}

/// Finds at most `limit` events beyond `after`, in no more than about `patience`.
pub async fn search(
    pool: &Pool,
    filter: &Filter,
    after: Option<&Position>,
    limit: u16,
    patience: Duration,
) -> Result<Page, StoreError> {
    let started = Instant::now();
    let mut client = pool.get().await?;
    let transaction = client.build_transaction().read_only(true).start().await?;
    // BRIN looks dear to the planner, and is what finds anything here; a statement has its own end in any case.
    transaction
        .batch_execute(
            "set local enable_seqscan = off; set local jit = off; set local statement_timeout = '10s'",
        )
        .await?;
    let mut page = Page { events: Vec::new(), searched_from: None, next: None };
    let Some((span, now)) = stored_span(&transaction).await? else { return Ok(page) };
    let wanted = span.narrowed(filter, after);
    page.searched_from = Some(wanted.from);
    let first_window = match filter {
        Filter { event_id: None, user_id: None, .. } => FIRST_WINDOW,
        _ => FIRST_WINDOW_BY_ID,
    };
    for window in wanted.windows(now, first_window) {
        let room = usize::from(limit) - page.events.len();
        page.events.extend(query(&transaction, filter, after, window, room).await?);
        if let Some(last) = page.events.last().filter(|_| page.events.len() >= usize::from(limit)) {
            let last = Position { received_at: last.received_at, event_id: last.event_id.clone() };
            return Ok(Page { searched_from: Some(last.received_at), next: Some(last), ..page });
        }
        if started.elapsed() >= patience && window.from > wanted.from {
            let reached = Position { received_at: window.from, event_id: String::new() };
            return Ok(Page { searched_from: Some(window.from), next: Some(reached), ..page });
        }
    }
    Ok(page)
}

/// A span of time, its end excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    from: Timestamp,
    to: Timestamp,
}

/// The span that has partitions, and what time it is; `None` without partitions.
async fn stored_span(transaction: &Transaction<'_>) -> Result<Option<(Span, Timestamp)>, StoreError> {
    let row = transaction
        .query_typed_one("select min(lower_bound), max(upper_bound), now() from partitions", &[])
        .await?;
    let (from, to): (Option<Timestamp>, Option<Timestamp>) = (row.try_get(0)?, row.try_get(1)?);
    let now = row.try_get(2)?;
    Ok(from.zip(to).map(|(from, to)| (Span { from, to }, now)))
}

impl Span {
    fn narrowed(self, filter: &Filter, after: Option<&Position>) -> Self {
        let from = filter.from.map_or(self.from, |from| from.max(self.from));
        let to = filter.to.map_or(self.to, |to| to.min(self.to));
        let microsecond = SignedDuration::from_micros(1);
        let to =
            after.map_or(to, |after| to.min(after.received_at.saturating_add(microsecond).unwrap_or(to)));
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

async fn query(
    transaction: &Transaction<'_>,
    filter: &Filter,
    after: Option<&Position>,
    window: Span,
    limit: usize,
) -> Result<Vec<StoredEvent>, StoreError> {
    let campaign_id = filter.campaign_id.map(|id| id.0);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut sql = String::from(
        "select event_id, user_id, event_type, received_at, campaign_ids, payload::text from events
        where received_at >= $1 and received_at < $2",
    );
    let mut parameters: Vec<(&(dyn ToSql + Sync), Type)> =
        vec![(&window.from, Type::TIMESTAMPTZ), (&window.to, Type::TIMESTAMPTZ)];
    let mut and = |condition: &str, parameter, kind| {
        parameters.push((parameter, kind));
        sql.push_str(&condition.replace('?', &format!("${}", parameters.len())));
    };
    if let Some(event_id) = &filter.event_id {
        and(" and event_id = ?", event_id, Type::TEXT);
    }
    if let Some(user_id) = &filter.user_id {
        and(" and user_id = ?", user_id, Type::TEXT);
    }
    if let Some(event_type) = &filter.event_type {
        and(" and event_type = ?", event_type, Type::TEXT);
    }
    if let Some(campaign_id) = &campaign_id {
        and(" and ? = any(campaign_ids)", campaign_id, Type::INT8);
    }
    if let Some(Position { received_at, event_id }) = after {
        and(" and (received_at, event_id) < (?", received_at, Type::TIMESTAMPTZ);
        and(", ?)", event_id, Type::TEXT);
    }
    and(" order by received_at desc, event_id desc limit ?", &limit, Type::INT8);
    let rows = transaction.query_typed(&sql, &parameters).await?;
    Ok(rows.iter().map(stored_event).collect::<Result<_, _>>()?)
}

fn stored_event(row: &Row) -> Result<StoredEvent, tokio_postgres::Error> {
    Ok(StoredEvent {
        event_id: row.try_get(0)?,
        user_id: row.try_get(1)?,
        event_type: row.try_get(2)?,
        received_at: row.try_get(3)?,
        campaign_ids: row.try_get(4)?,
        payload: row.try_get(5)?,
    })
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
