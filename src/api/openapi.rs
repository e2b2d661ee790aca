//! `/openapi.json`: the API as a document that programs read.
//!
//! It is written by hand. Tests hold it against the table of routes, and every answer that a test gets against it.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::header::{ETAG, HeaderValue};
use hyper::{HeaderMap, StatusCode};
use sha2::{Digest, Sha256};

use super::answer::{JSON, with_type};
use super::preconditions::is_known;
use super::{Answer, Problem};

/// The document.
pub const DOCUMENT: &str = include_str!("../../docs/openapi.json");

/// `GET /openapi.json`; `304` for who has it already.
pub fn read(headers: &HeaderMap) -> Result<Answer, Problem> {
    let mut answer = if is_known(headers, tag())? {
        with_type(StatusCode::NOT_MODIFIED, JSON, "")
    } else {
        with_type(StatusCode::OK, JSON, DOCUMENT)
    };
    answer.headers_mut().extend(HeaderValue::from_str(&format!("\"{}\"", tag())).map(|tag| (ETAG, tag)));
    Ok(answer)
}

/// What names this edition of the document.
fn tag() -> &'static str {
    static TAG: LazyLock<String> = LazyLock::new(|| URL_SAFE_NO_PAD.encode(Sha256::digest(DOCUMENT)));
    &TAG
}
