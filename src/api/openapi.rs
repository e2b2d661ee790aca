//! `/openapi.json`: the API as a document that programs read.
//!
//! It is written by hand. Tests hold it against the table of routes, and every answer that a test gets against it.

use hyper::StatusCode;

use super::Answer;
use super::answer::{JSON, with_type};

/// The document.
pub const DOCUMENT: &str = include_str!("../../docs/openapi.json");

/// `GET /openapi.json`.
#[must_use]
pub fn read() -> Answer {
    with_type(StatusCode::OK, JSON, DOCUMENT)
}
