//! `/dead-letters`: the events that could not be stored, why, and the request to try one again.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::cursor::Cursor;
use super::parameters::{Parameters, whole};
use super::{Answer, Kind, Problem, json};
use crate::queue::{self, Shards};
use crate::replay::{self, ReplayError};
use crate::store::Pool;
use crate::store::dead_letters::{self, DeadLetter, Filter, LetterId, Reason, State};

const MAX_PAGE: u16 = 200;
const DEFAULT_PAGE: u16 = 50;
const REASONS: &str = "a reason; use refused, corrupt frame or poison frame";

/// A dead letter in the API.
#[derive(Debug, Serialize)]
pub struct View<'a> {
    id: i64,
    created_at: Timestamp,
    state: State,
    reason: &'a str,
    detail: &'a str,
    events: u32,
    event_id: Option<&'a str>,
    user_id: Option<&'a str>,
    event_type: Option<&'a str>,
    shard: u16,
    entry: String,
    replayable: bool,
    requeued_at: Option<Timestamp>,
    replayed_at: Option<Timestamp>,
    key_id: Option<i64>,
    from_browser: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
}

#[derive(Serialize)]
struct List<'a> {
    dead_letters: Vec<View<'a>>,
    next_cursor: Option<String>,
}

/// `GET /dead-letters?reason=&state=&limit=&cursor=`, the newest first, without their payloads.
pub async fn list(pool: &Pool, query: Option<&str>) -> Result<Answer, Problem> {
    let mut parameters = Parameters::read(query, &["reason", "state", "limit", "cursor"])?;
    let filter = Filter {
        reason: parameters.take("reason", REASONS, Reason::named)?,
        state: parameters.take("state", "a state; use waiting, requeued or replayed", State::named)?,
    };
    let limit = parameters.take_limit(MAX_PAGE)?.unwrap_or(DEFAULT_PAGE);
    let before = parameters.take("cursor", "the next_cursor of a list of dead letters", LetterId::decode)?;
    let letters = dead_letters::list(pool, &filter, before, limit).await?;
    let full = letters.len() == usize::from(limit);
    let next_cursor = letters.last().filter(|_| full).map(|letter| letter.id.encode());
    let dead_letters = letters.iter().map(View::of).collect();
    Ok(json(StatusCode::OK, &List { dead_letters, next_cursor }))
}

/// `GET /dead-letters/{id}`.
pub async fn read(pool: &Pool, id: &str) -> Result<Answer, Problem> {
    shown(StatusCode::OK, pool, number(id)?).await
}

/// `POST /dead-letters/{id}/replay`.
pub async fn replay(
    redis: &queue::Pool,
    postgres: &Pool,
    shards: Shards,
    id: &str,
) -> Result<Answer, Problem> {
    let id = number(id)?;
    replay::replay(redis, postgres, shards, id).await?;
    shown(StatusCode::ACCEPTED, postgres, id).await
}

async fn shown(status: StatusCode, pool: &Pool, id: LetterId) -> Result<Answer, Problem> {
    let (letter, payload) = dead_letters::find(pool, id).await?.ok_or(ReplayError::Missing(id.0))?;
    Ok(json(status, &View::of(&letter).with_payload(&payload)))
}

fn number(id: &str) -> Result<LetterId, Problem> {
    let missing = || Problem::new(Kind::NotFound, format!("there is no dead letter {id:?}"));
    whole(id).map(LetterId).ok_or_else(missing)
}

impl<'a> View<'a> {
    /// The letter without its payload.
    #[must_use]
    pub fn of(letter: &'a DeadLetter) -> Self {
        Self {
            id: letter.id.0,
            created_at: letter.created_at,
            state: letter.state(),
            reason: &letter.reason,
            detail: &letter.detail,
            events: letter.events,
            event_id: letter.event_id.as_deref(),
            user_id: letter.user_id.as_deref(),
            event_type: letter.event_type.as_deref(),
            shard: letter.shard,
            entry: letter.origin.to_string(),
            replayable: letter.has_frame && letter.replayed_at.is_none(),
            requeued_at: letter.requeued_at,
            replayed_at: letter.replayed_at,
            key_id: letter.sender.key,
            from_browser: letter.sender.class.is_browser(),
            payload: None,
            payload_base64: None,
        }
    }

    /// Adds the payload: as it is where it is JSON, else in base64.
    #[must_use]
    pub fn with_payload(mut self, payload: &'a [u8]) -> Self {
        match serde_json::from_slice(payload) {
            Ok(json) => self.payload = Some(json),
            Err(_) if payload.is_empty() => {}
            Err(_) => self.payload_base64 = Some(STANDARD.encode(payload)),
        }
        self
    }
}

impl From<ReplayError> for Problem {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Queue(error) => error.into(),
            ReplayError::Store(error) => error.into(),
            ReplayError::Missing(_) => Self::new(Kind::NotFound, error.to_string()),
            refused => Self::new(Kind::Conflict, refused.to_string()),
        }
    }
}
