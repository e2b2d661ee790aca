//! `Content-Type`: what a body is said to be.

use hyper::HeaderMap;
use hyper::header::CONTENT_TYPE;

use crate::api::{Caller, Kind, Problem};

/// Whether the body is said to be of this media type, whatever its parameters.
pub(in crate::ingest) fn is_of_type(headers: &HeaderMap, media_type: &str) -> bool {
    said_type(headers).eq_ignore_ascii_case(media_type)
}

/// Whether the body is said to be JSON, of whatever kind.
pub(in crate::ingest) fn is_json(headers: &HeaderMap) -> bool {
    let said = said_type(headers).to_ascii_lowercase();
    matches!(&*said, "application/json" | "text/json") || said.ends_with("+json")
}

/// Whether the body is JSON that is called plain text, as browsers send without asking first.
///
/// Without keys that is refused: any web page could make a browser on this machine send it.
pub(in crate::ingest) fn is_plain_text(headers: &HeaderMap, caller: &Caller) -> Result<bool, Problem> {
    let is_plain = is_of_type(headers, "text/plain");
    if is_plain && caller.key().is_none() {
        let detail = "a body of Content-Type text/plain is taken with an API key only, and this server asks for none; \
                      send application/json";
        return Err(Problem::new(Kind::UnsupportedType, detail).with_allowed(vec!["application/json"]));
    }
    Ok(is_plain)
}

fn said_type(headers: &HeaderMap) -> &str {
    let said = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    said.split(';').next().unwrap_or_default().trim()
}

/// The refusal of a body of another type than those named.
pub(in crate::ingest) fn unsupported(headers: &HeaderMap, allowed: &[&'static str]) -> Problem {
    let is = match headers.get(CONTENT_TYPE) {
        Some(value) => format!("Content-Type is {value:?}"),
        None => "Content-Type is missing".to_owned(),
    };
    Problem::new(Kind::UnsupportedType, format!("{is}; send {}", allowed.join(" or ")))
        .with_allowed(allowed.to_vec())
}
