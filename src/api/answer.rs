//! Answers in JSON.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;

/// What a route answers.
pub type Answer = Response<Full<Bytes>>;

/// An answer with `body` as JSON.
#[must_use]
pub fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    let text = serde_json::to_vec(body).expect("bodies have text keys only and cannot fail");
    with_type(status, JSON, text)
}

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

pub(super) fn with_type(status: StatusCode, content_type: HeaderValue, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
}
