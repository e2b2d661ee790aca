//! `GET /campaigns/{id}/triggers`: who triggered a campaign.

use hyper::StatusCode;
use jiff::Timestamp;
use serde::Serialize;

use super::{DEFAULT_PAGE, MAX_PAGE, find};
use crate::api::cursor::Cursor;
use crate::api::events::PATIENCE;
use crate::api::parameters::Parameters;
use crate::api::{Answer, Problem, json};
use crate::store::triggers::{self, Filter, Trigger};
use crate::store::{Page, Pool, Position, Searches};

#[derive(Serialize)]
struct View<'a> {
    event_id: &'a str,
    user_id: &'a str,
    received_at: Timestamp,
    campaign_version: i32,
    from_browser: bool,
}

#[derive(Serialize)]
struct List<'a> {
    triggers: Vec<View<'a>>,
    searched_from: Option<Timestamp>,
    next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
}

/// `GET /campaigns/{id}/triggers?user_id=&from=&to=&limit=&cursor=`, the newest first.
pub async fn triggers(
    pool: &Pool,
    searches: &Searches,
    id: &str,
    query: Option<&str>,
) -> Result<Answer, Problem> {
    let mut parameters = Parameters::read(query, &["user_id", "from", "to", "limit", "cursor"])?;
    let user_id = parameters.take_text("user_id")?;
    let (from, to) = parameters.take_range()?;
    let limit = parameters.take_limit(MAX_PAGE)?.unwrap_or(DEFAULT_PAGE);
    let after = parameters.take("cursor", "the next_cursor of a list of triggers", Position::decode)?;
    let filter = Filter { campaign_id: find(pool, id).await?.id, user_id, from, to };
    let page = triggers::search(searches, &filter, after.as_ref(), limit, PATIENCE).await?;
    let Page { found, searched_from, next } = &page;
    let triggers = found.iter().map(View::of).collect();
    let next_cursor = next.as_ref().map(Position::encode);
    let note = parameters.note_on_nothing().filter(|_| found.is_empty());
    Ok(json(StatusCode::OK, &List { triggers, searched_from: *searched_from, next_cursor, note }))
}

impl<'a> View<'a> {
    fn of(trigger: &'a Trigger) -> Self {
        Self {
            event_id: &trigger.event_id,
            user_id: &trigger.user_id,
            received_at: trigger.received_at,
            campaign_version: trigger.campaign_version,
            from_browser: trigger.from_browser,
        }
    }
}
