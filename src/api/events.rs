//! `/events`, the reading half: what was stored, and which campaigns it triggered.

use std::time::Duration;

use deadpool_postgres::Pool;
use hyper::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::cursor::Cursor;
use super::parameters::Parameters;
use super::{Answer, Kind, Problem, json};
use crate::campaign::CampaignId;
use crate::store::events::{self, Filter, Page, Position, StoredEvent};

const MAX_PAGE: u16 = 200;
const DEFAULT_PAGE: u16 = 50;
/// A search that has taken so long goes no further back; the client can go on from there.
const PATIENCE: Duration = Duration::from_secs(2);

/// A stored event in the API.
#[derive(Serialize)]
struct View<'a> {
    event_id: &'a str,
    user_id: &'a str,
    event_type: &'a str,
    received_at: Timestamp,
    campaign_ids: &'a [i64],
    event: &'a RawValue,
}

#[derive(Serialize)]
struct List<'a> {
    events: Vec<View<'a>>,
    searched_from: Option<Timestamp>,
    next_cursor: Option<String>,
}

/// `GET /events/{event_id}`.
pub async fn read(pool: &Pool, event_id: &str) -> Result<Answer, Problem> {
    match events::find(pool, event_id).await? {
        Some(event) => Ok(json(StatusCode::OK, &View::of(&event))),
        None => Err(Problem::new(
            Kind::NotFound,
            format!("no event {event_id:?} is stored; one that was just accepted takes a moment to be"),
        )),
    }
}

/// `GET /events?user_id=&event_type=&campaign_id=&from=&to=&limit=&cursor=`, the newest first.
pub async fn search(pool: &Pool, query: Option<&str>) -> Result<Answer, Problem> {
    let known = ["user_id", "event_type", "campaign_id", "from", "to", "limit", "cursor"];
    let mut parameters = Parameters::read(query, &known)?;
    let filter = Filter {
        event_id: None,
        user_id: parameters.take_text("user_id")?,
        event_type: parameters.take_text("event_type")?,
        campaign_id: parameters
            .take("campaign_id", "a campaign's number", |text| text.parse().ok().map(CampaignId))?,
        from: parameters.take_time("from")?,
        to: parameters.take_time("to")?,
    };
    let limit = parameters.take_limit(MAX_PAGE)?.unwrap_or(DEFAULT_PAGE);
    let after = parameters.take("cursor", "the next_cursor of a list of events", Position::decode)?;
    let page = events::search(pool, &filter, after.as_ref(), limit, PATIENCE).await?;
    let Page { events, searched_from, next } = &page;
    let events = events.iter().map(View::of).collect();
    let next_cursor = next.as_ref().map(Position::encode);
    Ok(json(StatusCode::OK, &List { events, searched_from: *searched_from, next_cursor }))
}

impl<'a> View<'a> {
    fn of(stored: &'a StoredEvent) -> Self {
        Self {
            event_id: &stored.event_id,
            user_id: &stored.user_id,
            event_type: &stored.event_type,
            received_at: stored.received_at,
            campaign_ids: &stored.campaign_ids,
            event: serde_json::from_str(&stored.payload).expect("the column holds JSON"),
        }
    }
}
