//! `POST /events`: a body's events, in one of the forms that its `Content-Type` tells apart.

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};

use super::body::{Upload, is_json, is_of_type, is_plain_text, types_for_events, unsupported};
use super::intake::{self, Form, Intake};
use super::rate::Allowance;
use super::service::Service;
use crate::api::{Answer, Caller, Fault, Problem, Rejected};
use crate::event::compose_cloud_event;
use crate::event::split::without_mark;

const TYPES: [(&str, Form); 6] = [
    ("application/json", Form::Json),
    ("application/x-ndjson", Form::Ndjson),
    ("application/ndjson", Form::Ndjson),
    ("application/jsonl", Form::Ndjson),
    ("application/cloudevents+json", Form::CloudEvent),
    ("application/cloudevents-batch+json", Form::CloudEvents),
];

/// What the headers of a `CloudEvent` in binary mode begin with.
const ATTRIBUTE: &str = "ce-";

/// Takes the events of a request.
pub(super) async fn accept(
    service: &Service,
    caller: &Caller,
    allowance: &mut Allowance,
    headers: &HeaderMap,
    body: &mut Upload<'_>,
) -> Result<Answer, Problem> {
    let form = form_of(headers, caller)?;
    let (body, stage) = intake::receive(service, caller, headers, body).await?;
    let Intake { accepted, event_ids, rejected } = if let Some(form) = form {
        intake::take(service, allowance, form, body, stage).await?
    } else {
        let event = event_in_headers(headers, &body)?;
        drop(body);
        intake::take(service, allowance, Form::CloudEventInHeaders, event, stage).await?
    };
    Ok(answered(accepted, &event_ids, rejected))
}

/// How the events lie in the body; nothing for a `CloudEvent` in binary mode, whose data alone is there.
fn form_of(headers: &HeaderMap, caller: &Caller) -> Result<Option<Form>, Problem> {
    if is_plain_text(headers, caller)? {
        return Ok(Some(Form::Json));
    }
    let known = TYPES.iter().find(|(media_type, _)| is_of_type(headers, media_type));
    if let Some((_, form @ (Form::CloudEvent | Form::CloudEvents))) = known {
        return Ok(Some(*form));
    }
    if !headers.keys().any(|name| name.as_str().starts_with(ATTRIBUTE)) {
        let (_, form) = known.ok_or_else(|| {
            unsupported(headers, &types_for_events(&TYPES.map(|(media_type, _)| media_type), caller))
        })?;
        return Ok(Some(*form));
    }
    if headers.contains_key(CONTENT_TYPE) && !is_json(headers) {
        return Err(unsupported(headers, &["application/json"]));
    }
    Ok(None)
}

/// The JSON format of a `CloudEvent` in binary mode.
fn event_in_headers(headers: &HeaderMap, data: &[u8]) -> Result<Bytes, Problem> {
    let attributes = headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().strip_prefix(ATTRIBUTE)?, value.as_bytes())));
    let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    Ok(compose_cloud_event(attributes, content_type, without_mark(data))?.into())
}

/// The answer to a body of which something was accepted.
fn answered(accepted: usize, event_ids: &[u8], rejected: Vec<Fault>) -> Answer {
    let mut body = format!(r#"{{"accepted":{accepted},"event_ids":["#).into_bytes();
    body.extend_from_slice(event_ids);
    body.push(b']');
    let status = if rejected.is_empty() {
        body.push(b'}');
        StatusCode::ACCEPTED
    } else {
        let rejected = serde_json::to_vec(&Rejected::from(rejected)).expect("faults are JSON");
        body.push(b',');
        // Its members follow in the same object.
        body.extend_from_slice(&rejected[1..]);
        StatusCode::MULTI_STATUS
    };
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}
