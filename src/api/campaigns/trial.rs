//! Trying out: would an event trigger a campaign, and why?
//!
//! `POST /rules/test` and `POST /campaigns/{id}/test` take a sample event, which is checked as `POST /events` would.

use hyper::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::Semaphore;
use tokio::task::JoinError;
use uuid::Uuid;

use super::definition::{review, warnings};
use super::{MAX_BODY, find};
use crate::api::members::Members;
use crate::api::{Answer, Kind, Problem, json};
use crate::campaign::{CampaignId, Definition, Status, Trial, TrialError};
use crate::event::{Arrival, EnvelopeReader, Limits, Refusal};
use crate::ops::{clock, fail_point};
use crate::rules::RuleError;
use crate::store::Pool;

/// So many events are held against rules at the same time: each takes a core.
static ROOM: Semaphore = Semaphore::const_new(2);

/// How an event fares with a rule.
#[derive(Serialize)]
pub(super) struct Verdict {
    /// `None` if the rule takes more steps for the event than a rule may.
    pub(super) matches: Option<bool>,
    pub(super) sentence: String,
    pub(super) explanation: Box<RawValue>,
    #[serde(skip)]
    pub(super) would_trigger: bool,
}

#[derive(Serialize)]
struct Tested {
    campaign_id: CampaignId,
    version: i32,
    status: Status,
    starts_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
    at: Timestamp,
    would_trigger: bool,
    #[serde(flatten)]
    verdict: Verdict,
}

#[derive(Serialize)]
struct RulesTested {
    #[serde(flatten)]
    verdict: Verdict,
    warnings: Vec<RuleError>,
}

/// The largest body of a test, in bytes.
#[must_use]
pub fn max_body(limits: &Limits) -> usize {
    MAX_BODY.saturating_add(limits.max_event_bytes as usize)
}

/// `POST /rules/test`.
pub async fn test_rules(limits: &Limits, body: &[u8]) -> Result<Answer, Problem> {
    let mut members = Members::read(body)?;
    let rules = members.take_raw("rules");
    let now = clock::now();
    match rules {
        None => members.fault("/rules", "rules is required: an event pattern"),
        Some(rules) => {
            review(rules, &mut members);
        }
    }
    let event = take_event(&mut members, limits, now);
    members.finish("rules, event")?;
    let definition = Definition {
        name: String::new(),
        description: String::new(),
        status: Status::Active,
        rules: rules.unwrap_or_default().to_owned(),
        starts_at: None,
        ends_at: None,
    };
    let verdict = hold_against(CampaignId(0), definition, event, now).await?;
    let warnings = warnings(rules.unwrap_or_default());
    Ok(json(StatusCode::OK, &RulesTested { verdict, warnings }))
}

/// `POST /campaigns/{id}/test`.
pub async fn test(pool: &Pool, limits: &Limits, id: &str, body: &[u8]) -> Result<Answer, Problem> {
    let mut members = Members::read(body)?;
    let at = members.take_time("at").unwrap_or_else(|| Arrival::at(clock::now()).time());
    let event = take_event(&mut members, limits, at);
    members.finish("event, at")?;
    let campaign = find(pool, id).await?;
    let (campaign_id, version) = (campaign.id, campaign.version);
    let Definition { status, starts_at, ends_at, .. } = campaign.definition;
    let verdict = hold_against(campaign_id, campaign.definition, event, at).await?;
    let would_trigger = verdict.would_trigger;
    let tested = Tested { campaign_id, version, status, starts_at, ends_at, at, would_trigger, verdict };
    Ok(json(StatusCode::OK, &tested))
}

/// Holds an event against a campaign, aside from the threads that serve requests.
pub(super) async fn hold_against(
    id: CampaignId,
    definition: Definition,
    event: Vec<u8>,
    at: Timestamp,
) -> Result<Verdict, Problem> {
    let trying = aside(&ROOM, move || {
        let trial = Trial::of(id.0, &definition, &event, at)?;
        let explanation = to_raw_value(trial.explanation.rule()).expect("it has text keys only");
        let (matches, would_trigger) = (trial.explanation.verdict(), trial.would_trigger);
        Ok(Verdict { matches, sentence: trial.sentence, explanation, would_trigger })
    });
    trying.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a request was answered with 500: explaining was interrupted");
        Err(Problem::new(Kind::Internal, "the server's log says more"))
    })
}

/// Does work on a thread of its own once there is room. The room stays taken until the work is done, even if nobody waits
/// for it any more.
async fn aside<T: Send + 'static>(
    room: &'static Semaphore,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    let permit = room.acquire().await.expect("it is never closed");
    let holding = move || {
        let _permit = permit;
        fail_point::reached("trying");
        work()
    };
    tokio::task::spawn_blocking(holding).await
}

/// Takes the event, as it would be stored; empty where something is wrong with it.
fn take_event(members: &mut Members<'_>, limits: &Limits, at: Timestamp) -> Vec<u8> {
    let Some(event) = members.take_raw("event") else {
        members.fault("/event", "event is required: an event as it would be sent to POST /events");
        return Vec::new();
    };
    let mut reader = EnvelopeReader::new(limits.clone());
    let arrival = Arrival::at(at);
    let read = reader.read(event.as_bytes(), &arrival, Uuid::now_v7, |envelope| envelope.payload.to_vec());
    read.unwrap_or_else(|error| {
        let Refusal { pointer, detail, .. } = error.into();
        members.fault(&format!("/event{pointer}"), &detail);
        Vec::new()
    })
}

impl From<TrialError> for Problem {
    fn from(error: TrialError) -> Self {
        match error {
            TrialError::Rule(error) => Self::new(Kind::Conflict, error.to_string()),
            error @ (TrialError::Event(_) | TrialError::Disagreement) => {
                tracing::error!(%error, "a request was answered with 500");
                Self::new(Kind::Internal, "the server's log says more")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_nobody_waits_for_any_more_keeps_its_room_until_it_is_done() {
        static ROOM: Semaphore = Semaphore::const_new(1);
        let (began, has_begun) = crossbeam_channel::bounded(1);
        let (end, may_end) = crossbeam_channel::bounded::<()>(1);
        let work = tokio::spawn(aside(&ROOM, move || {
            let _ = began.send(());
            let _ = may_end.recv();
        }));
        tokio::task::spawn_blocking(move || has_begun.recv())
            .await
            .expect("not cancelled")
            .expect("it begins");
        work.abort();
        assert!(work.await.is_err_and(|error| error.is_cancelled()));
        assert_eq!(ROOM.available_permits(), 0);
        drop(end);
        aside(&ROOM, || ()).await.expect("there is room again");
    }
}
