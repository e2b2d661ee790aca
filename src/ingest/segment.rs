//! Segment's routes: the messages of its official libraries, with the answers that these understand.
//!
//! Some libraries take only `200` for a success, and all drop a batch that is answered with `4xx`, but for `408` and `429`. So
//! a batch of which a part was refused is a success, and what was refused stands in it.

use std::borrow::Cow;
use std::time::Duration;

use hyper::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use super::auth::OpenKey;
use super::body::{Body, Purpose, Upload, is_of_type, is_plain_text, types_for_events, unsupported};
use super::intake::{self, Form, Intake};
use super::line::Owner;
use super::rate::Allowance;
use super::service::Service;
use crate::api::{Answer, Caller, Kind, Problem, Rejected, json};
use crate::config::{Bytes, HttpConfig};
use crate::event::SegmentCall;

/// What the paths of these routes begin with, after their slashes.
const PREFIX: &str = "v1/";

/// The largest body that may hold the key of its request, in bytes: as large as Segment takes.
const MAX_KEYED_BODY: Bytes = Bytes::new(512 * 1024);
/// The room for all such bodies. They have their own, so that nobody without a key takes that of those who have one.
const KEYED_BUFFER: Bytes = Bytes::new(8 * 1024 * 1024);
/// How long such a body may take to arrive.
const KEYED_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Serialize)]
struct Success {
    success: bool,
    #[serde(flatten)]
    rejected: Option<Rejected>,
}

/// Takes the message or the batch of a request; a batch where no call is named.
pub(super) async fn accept(
    service: &Service,
    caller: &Caller,
    allowance: &mut Allowance,
    call: Option<SegmentCall>,
    headers: &HeaderMap,
    body: &mut Upload<'_>,
) -> Result<Answer, Problem> {
    if !is_plain_text(headers, caller)? && !is_of_type(headers, "application/json") {
        return Err(unsupported(headers, &types_for_events(&["application/json"], caller)));
    }
    let (body, stage) = intake::receive(service, caller, headers, body).await?;
    Ok(answered(intake::take(service, allowance, Form::Segment(call), body, stage).await?))
}

fn answered(Intake { rejected, .. }: Intake) -> Answer {
    let rejected = (!rejected.is_empty()).then(|| rejected.into());
    json(StatusCode::OK, &Success { success: true, rejected })
}

/// A request whose key is in its body, where some libraries send it as `writeKey`.
pub(super) struct Keyed<'a> {
    pub(super) key: OpenKey,
    pub(super) message: Message<'a>,
}

/// A message or a batch that was received before anybody was let in.
pub(super) struct Message<'a> {
    call: Option<SegmentCall>,
    body: Body<'a>,
}

/// The limits for bodies that hold the key of their request.
pub(super) fn limits_of_keyed(config: &HttpConfig) -> HttpConfig {
    HttpConfig {
        max_body: config.max_body.min(MAX_KEYED_BODY),
        body_buffer: KEYED_BUFFER,
        body_timeout: config.body_timeout.min(KEYED_TIMEOUT),
        ..config.clone()
    }
}

/// Receives the body of a request without a key in its headers and its URL, and finds the key in it.
pub(super) async fn receive_keyed<'a>(
    service: &'a Service,
    call: Option<SegmentCall>,
    headers: &HeaderMap,
    body: &mut Upload<'_>,
) -> Result<Keyed<'a>, Problem> {
    if !["application/json", "text/plain"].iter().any(|media_type| is_of_type(headers, media_type)) {
        return Err(without_key());
    }
    let limit = service.config.max_body.min(MAX_KEYED_BODY).get();
    let body =
        service.keyed_bodies.receive(headers, body, limit, Purpose::Events).await?.unpack_to_keep().await?;
    let key = key_in(&body).ok_or_else(without_key)?;
    Ok(Keyed { key, message: Message { call, body } })
}

impl Message<'_> {
    /// Takes it, now that its key was found to be valid.
    pub(super) async fn accept(
        self,
        service: &Service,
        caller: &Caller,
        owner: Owner,
        allowance: &mut Allowance,
    ) -> Result<Answer, Problem> {
        service.accumulator.check()?;
        let stage = service.accumulator.stage(owner, service.config.buffer_patience).await?;
        let stage = stage.sent_by(caller.sender());
        Ok(answered(intake::take(service, allowance, Form::Segment(self.call), self.body, stage).await?))
    }
}

fn key_in(body: &[u8]) -> Option<OpenKey> {
    #[derive(Deserialize)]
    struct WithKey<'a> {
        #[serde(borrow, rename = "writeKey")]
        write_key: Cow<'a, str>,
    }
    let found: WithKey<'_> = serde_json::from_slice(body).ok()?;
    Some(OpenKey::new(found.write_key.into_owned()))
}

fn without_key() -> Problem {
    const HOW: &str = "send the API key as Authorization: Bearer cmk_…, as the user name of Basic, or in the body as writeKey";
    Problem::new(Kind::Unauthorized, HOW).with_challenge(r#"Bearer realm="campaign-manager""#)
}

/// The problem in the words of Segment too, where the request is for one of these routes: its libraries look for them, and
/// some take an answer without them for a broken connection, and try again and again.
pub(super) fn in_its_words(problem: Problem, path: &str) -> Problem {
    if path.trim_start_matches('/').starts_with(PREFIX) { problem.with_code_and_message() } else { problem }
}
