//! Stored events, found again: newest first, page by page.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::windows::{self, Page, Position, Search, Selection};
use super::{Pool, Searches, StoreError};
use crate::campaign::CampaignId;
use crate::ops::metrics::PostgresOperation;
use crate::queue::{Identity, Sender, SenderClass};

/// The first window of a search that the bloom indexes narrow.
const FIRST_WINDOW_BY_ID: SignedDuration = SignedDuration::from_hours(24);

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
    /// Who sent it.
    pub sender: Sender,
}

/// Which events are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only the one with this id.
    pub event_id: Option<String>,
    /// Only those of this user.
    pub user_id: Option<String>,
    /// Only those of this class of senders.
    pub class: Option<SenderClass>,
    /// Only those of this type.
    pub event_type: Option<String>,
    /// Only those that triggered this campaign.
    pub campaign_id: Option<CampaignId>,
    /// Only those received at this time or later.
    pub from: Option<Timestamp>,
    /// Only those received before this time.
    pub to: Option<Timestamp>,
}

/// Finds the event with this id; where several users have one, that of `user_id`, or else the newest. What a browser sent
/// hides no server's event.
pub async fn find(
    searches: &Searches,
    event_id: &str,
    user_id: Option<&str>,
) -> Result<Option<StoredEvent>, StoreError> {
    if event_id.contains('\0') {
        // Postgres would refuse the question; no event has such an id.
        return Ok(None);
    }
    let (event_id, user_id) = (Some(event_id.to_owned()), user_id.map(str::to_owned));
    let mut filter = Filter { event_id, user_id, ..Filter::default() };
    for class in [SenderClass::Server, SenderClass::Browser] {
        filter.class = Some(class);
        let page = search(searches, &filter, None, 1, Duration::MAX).await?;
        if let Some(found) = page.found.into_iter().next() {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Whether this partition of `events` holds an event. Its indexes may be those of an older release.
pub async fn is_in(pool: &Pool, partition: &str, identity: &Identity<'_>) -> Result<bool, StoreError> {
    let Identity { class, user_id, event_id } = identity;
    let sql =
        format!("select from {partition} where event_id = $1 and user_id = $2 and from_browser = $3 limit 1");
    let parameters: [(&(dyn ToSql + Sync), Type); 3] =
        [(event_id, Type::TEXT), (user_id, Type::TEXT), (&class.is_browser(), Type::BOOL)];
    Ok(pool.row(PostgresOperation::Read, &sql, &parameters).await?.is_some())
}

/// Finds at most `limit` events beyond `after`, in no more than about `patience`.
pub async fn search(
    searches: &Searches,
    filter: &Filter,
    after: Option<&Position>,
    limit: u16,
    patience: Duration,
) -> Result<Page<StoredEvent>, StoreError> {
    let first_window = match filter {
        Filter { event_id: None, user_id: None, .. } => windows::FIRST_WINDOW,
        _ => FIRST_WINDOW_BY_ID,
    };
    let search = Search { from: filter.from, to: filter.to, after, first_window, limit, patience };
    let campaign_id = filter.campaign_id.map(|id| id.0);
    let mut selection = Selection::of(
        "select event_id, user_id, event_type, received_at, campaign_ids, payload::text, key_id, from_browser
            from events where true",
    );
    if let Some(event_id) = &filter.event_id {
        selection.add(" and event_id = ?", event_id, Type::TEXT);
    }
    if let Some(user_id) = &filter.user_id {
        selection.add(" and user_id = ?", user_id, Type::TEXT);
    }
    let from_browser = filter.class.map(SenderClass::is_browser);
    if let Some(from_browser) = &from_browser {
        selection.add(" and from_browser = ?", from_browser, Type::BOOL);
    }
    if let Some(event_type) = &filter.event_type {
        selection.add(" and event_type = ?", event_type, Type::TEXT);
    }
    if let Some(campaign_id) = &campaign_id {
        selection.add(" and ? = any(campaign_ids)", campaign_id, Type::INT8);
    }
    windows::search(searches, &search, &selection, stored_event).await
}

fn stored_event(row: &Row) -> Result<StoredEvent, tokio_postgres::Error> {
    Ok(StoredEvent {
        event_id: row.try_get(0)?,
        user_id: row.try_get(1)?,
        event_type: row.try_get(2)?,
        received_at: row.try_get(3)?,
        campaign_ids: row.try_get(4)?,
        payload: row.try_get(5)?,
        sender: Sender { key: row.try_get(6)?, class: SenderClass::of(row.try_get(7)?) },
    })
}
