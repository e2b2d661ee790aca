//! `GET /events/{event_id}/explain`: why a stored event did, or did not, trigger a campaign.
//!
//! What was recorded is what happened. Beside it stands what the version comes to that the campaign had when the event
//! was received, which may differ: a worker matches against the campaigns that it has loaded when it comes to the event.

use hyper::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::find;
use super::trial::{Verdict, hold_against};
use crate::api::parameters::{Parameters, invalid};
use crate::api::{Answer, Problem, events, json};
use crate::campaign::{Campaign, CampaignId, Status, Version};
use crate::store::{Pool, Searches, campaigns, triggers};

#[derive(Serialize)]
struct View<'a> {
    event_id: &'a str,
    user_id: &'a str,
    received_at: Timestamp,
    campaign_id: CampaignId,
    triggered: bool,
    triggered_version: Option<i32>,
    version: Option<i32>,
    status: Option<Status>,
    starts_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
    would_trigger: bool,
    matches: Option<bool>,
    sentence: String,
    explanation: Option<Box<RawValue>>,
    note: Option<String>,
}

/// `GET /events/{event_id}/explain?campaign_id=&user_id=`.
pub async fn explain(
    pool: &Pool,
    searches: &Searches,
    event_id: &str,
    query: Option<&str>,
) -> Result<Answer, Problem> {
    let mut parameters = Parameters::read(query, &["campaign_id", "user_id"])?;
    let id = parameters.take_number("campaign_id", "a campaign's number")?;
    let id = id.ok_or_else(|| invalid("campaign_id", "is required: the campaign to explain"))?;
    let user_id = parameters.take_text("user_id")?;
    let event = events::find(searches, event_id, user_id.as_deref(), parameters.note_on_nothing()).await?;
    let campaign = find(pool, &id.to_string()).await?;
    let recorded = triggers::version_triggered(searches, campaign.id, &event).await?;
    let version = campaigns::version_at(pool, campaign.id, event.received_at).await?;
    let mut view = View {
        event_id: &event.event_id,
        user_id: &event.user_id,
        received_at: event.received_at,
        campaign_id: campaign.id,
        triggered: recorded.is_some(),
        triggered_version: recorded,
        version: None,
        status: None,
        starts_at: None,
        ends_at: None,
        would_trigger: false,
        matches: None,
        sentence: before_creation(&campaign),
        explanation: None,
        note: None,
    };
    if let Some(Version { number, definition, .. }) = version {
        view.version = Some(number);
        (view.status, view.starts_at, view.ends_at) =
            (Some(definition.status), definition.starts_at, definition.ends_at);
        let payload = event.payload.clone().into_bytes();
        let verdict = hold_against(campaign.id, definition, payload, event.received_at).await?;
        view.would_trigger = verdict.would_trigger;
        (view.matches, view.sentence, view.explanation) = told(verdict);
    }
    view.note = note(recorded, view.version, view.would_trigger);
    Ok(json(StatusCode::OK, &view))
}

fn told(verdict: Verdict) -> (Option<bool>, String, Option<Box<RawValue>>) {
    (verdict.matches, verdict.sentence, Some(verdict.explanation))
}

fn before_creation(campaign: &Campaign) -> String {
    format!("the campaign was created only after the event was received, at {}", campaign.created_at)
}

/// Why what was recorded is not what the version valid at the time comes to; `None` where they agree.
fn note(recorded: Option<i32>, valid: Option<i32>, would_trigger: bool) -> Option<String> {
    const WHY: &str = "a worker matches with the campaigns that it has loaded when it comes to the event: up to a second \
                       after a change, and as much later than the event was received as it was queued";
    let differs = match (recorded, valid) {
        (None, Some(valid)) if would_trigger => {
            format!("version {valid} would have been triggered, but no trigger was recorded")
        }
        (None, _) => return None,
        (Some(recorded), None) => {
            format!(
                "version {recorded} was triggered, but there was no campaign yet when the event was received"
            )
        }
        (Some(recorded), Some(valid)) if recorded != valid => {
            format!(
                "version {recorded} was triggered, but version {valid} was valid when the event was received"
            )
        }
        (Some(_), Some(_)) if would_trigger => return None,
        (Some(recorded), Some(_)) => {
            return Some(format!(
                "version {recorded} was triggered, but comes to something else here; the worker may be of another release"
            ));
        }
    };
    Some(format!("{differs}; {WHY}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_says_how_the_record_differs_from_what_is_computed() {
        assert_eq!(note(Some(2), Some(2), true), None);
        assert_eq!(note(None, Some(2), false), None);
        assert_eq!(note(None, None, false), None);
        let notes = [
            note(None, Some(2), true),
            note(Some(2), Some(2), false),
            note(Some(1), Some(2), true),
            note(Some(1), Some(2), false),
            note(Some(1), None, false),
        ];
        insta::assert_snapshot!(notes.map(Option::unwrap_or_default).join("\n"));
    }
}
