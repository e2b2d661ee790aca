//! Segment's routes: the messages of its official libraries, with the answers that these understand.
//!
//! Some libraries take only `200` for a success, and all drop a batch that is answered with `4xx`, but for `408` and `429`. So
//! a batch of which a part was refused is a success, and what was refused stands in it.

use hyper::body::Incoming;
use hyper::{HeaderMap, StatusCode};
use serde::Serialize;

use super::body::{is_of_type, unsupported};
use super::intake::{self, Form, Intake};
use super::rate::Allowance;
use super::service::Service;
use crate::api::{Answer, Fault, Problem, json};
use crate::event::SegmentCall;

/// What the paths of these routes begin with.
const PREFIX: &str = "/v1/";

#[derive(Serialize)]
struct Success {
    success: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rejected: Vec<Fault>,
}

/// Takes the message or the batch of a request; a batch where no call is named.
pub(super) async fn accept(
    service: &Service,
    allowance: &mut Allowance,
    call: Option<SegmentCall>,
    headers: &HeaderMap,
    body: &mut Incoming,
) -> Result<Answer, Problem> {
    if !is_of_type(headers, "application/json") {
        return Err(unsupported(headers, &["application/json"]));
    }
    let (body, stage) = intake::receive(service, headers, body).await?;
    let Intake { rejected, .. } = intake::take(service, allowance, Form::Segment(call), body, stage).await?;
    Ok(json(StatusCode::OK, &Success { success: true, rejected }))
}

/// The problem in the words of Segment too, where the request is for one of these routes: its libraries look for them, and
/// some take an answer without them for a broken connection, and try again and again.
pub(super) fn in_its_words(problem: Problem, path: &str) -> Problem {
    if path.starts_with(PREFIX) { problem.with_code_and_message() } else { problem }
}
