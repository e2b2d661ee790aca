//! `/events`, the reading half: what was stored, and which campaigns it triggered.

use std::time::Duration;

use hyper::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::cursor::Cursor;
use super::parameters::{Parameters, invalid};
use super::{Answer, Kind, Problem, json};
use crate::campaign::CampaignId;
use crate::store::events::{self, Filter, StoredEvent};
use crate::store::{Page, Pool, Position, Searches, campaigns};

const MAX_PAGE: u16 = 200;
const DEFAULT_PAGE: u16 = 50;
/// A search that has taken so long goes no further back; the client can go on from there.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// A stored event in the API.
#[derive(Serialize)]
struct View<'a> {
    event_id: &'a str,
    user_id: &'a str,
    event_type: &'a str,
    received_at: Timestamp,
    campaign_ids: &'a [i64],
    key_id: Option<i64>,
    from_browser: bool,
    event: &'a RawValue,
}

#[derive(Serialize)]
struct List<'a> {
    events: Vec<View<'a>>,
    searched_from: Option<Timestamp>,
    next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
}

/// `GET /events/{event_id}?user_id=`.
pub async fn read(searches: &Searches, event_id: &str, query: Option<&str>) -> Result<Answer, Problem> {
    let mut parameters = Parameters::read(query, &["user_id"])?;
    let user_id = parameters.take_text("user_id")?;
    let event = find(searches, event_id, user_id.as_deref(), parameters.note_on_nothing()).await?;
    Ok(json(StatusCode::OK, &View::of(&event)))
}

/// The event with this id; where several users have one, that of `user_id`, or else the newest. `note` is for whoever finds
/// none.
pub(super) async fn find(
    searches: &Searches,
    event_id: &str,
    user_id: Option<&str>,
    note: Option<&str>,
) -> Result<StoredEvent, Problem> {
    events::find(searches, event_id, user_id).await?.ok_or_else(|| {
        let whose = user_id.map(|user_id| format!(" of user {user_id:?}")).unwrap_or_default();
        let note = note.map(|note| format!(" ({note})")).unwrap_or_default();
        let detail = format!(
            "no event {event_id:?}{whose} is stored; one that was just accepted takes a moment to be{note}"
        );
        Problem::new(Kind::NotFound, detail)
    })
}

/// `GET /events?user_id=&event_type=&campaign_id=&from=&to=&limit=&cursor=`, the newest first.
pub async fn search(pool: &Pool, searches: &Searches, query: Option<&str>) -> Result<Answer, Problem> {
    let known = ["user_id", "event_type", "campaign_id", "from", "to", "limit", "cursor"];
    let mut parameters = Parameters::read(query, &known)?;
    let (from, to) = parameters.take_range()?;
    let filter = Filter {
        event_id: None,
        class: None,
        user_id: parameters.take_text("user_id")?,
        event_type: parameters.take_text("event_type")?,
        campaign_id: parameters.take_number("campaign_id", "a campaign's number")?.map(CampaignId),
        from,
        to,
    };
    let limit = parameters.take_limit(MAX_PAGE)?.unwrap_or(DEFAULT_PAGE);
    let after = parameters.take("cursor", "the next_cursor of a list of events", Position::decode)?;
    if let Some(id) = filter.campaign_id
        && campaigns::find(pool, id).await?.is_none()
    {
        return Err(invalid("campaign_id", &format!("there is no campaign {id}")));
    }
    let page = events::search(searches, &filter, after.as_ref(), limit, PATIENCE).await?;
    let Page { found, searched_from, next } = &page;
    let events = found.iter().map(View::of).collect();
    let next_cursor = next.as_ref().map(Position::encode);
    let note = parameters.note_on_nothing().filter(|_| found.is_empty());
    Ok(json(StatusCode::OK, &List { events, searched_from: *searched_from, next_cursor, note }))
}

impl<'a> View<'a> {
    fn of(stored: &'a StoredEvent) -> Self {
        Self {
            event_id: &stored.event_id,
            user_id: &stored.user_id,
            event_type: &stored.event_type,
            received_at: stored.received_at,
            campaign_ids: &stored.campaign_ids,
            key_id: stored.sender.key,
            from_browser: stored.sender.class.is_browser(),
            event: serde_json::from_str(&stored.payload).expect("the column holds JSON"),
        }
    }
}
