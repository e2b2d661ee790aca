//! `Content-Type`: what a body is said to be.

use hyper::HeaderMap;
use hyper::header::CONTENT_TYPE;

use crate::api::{Caller, Kind, Problem};

/// JSON, as browsers send it without asking first.
const PLAIN_TEXT: &str = "text/plain";

/// What UTF-8 and its part ASCII are called.
const UNICODE: [&str; 4] = ["utf-8", "utf8", "us-ascii", "ascii"];

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
    let is_plain = is_of_type(headers, PLAIN_TEXT);
    if is_plain && caller.key().is_none() {
        let detail = "a body of Content-Type text/plain is taken with an API key only, and this server asks for none; \
                      send application/json";
        return Err(Problem::new(Kind::UnsupportedType, detail).with_allowed(vec!["application/json"]));
    }
    Ok(is_plain)
}

/// The types that a body of events may have: these, and from those with a key plain text too.
pub(in crate::ingest) fn types_for_events(types: &[&'static str], caller: &Caller) -> Vec<&'static str> {
    types.iter().copied().chain(caller.key().map(|_| PLAIN_TEXT)).collect()
}

/// Refuses a body that is said to be in another charset than UTF-8, of which ASCII is a part.
pub(super) fn check_charset(headers: &HeaderMap) -> Result<(), Problem> {
    let said = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let charset = said.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    });
    match charset {
        Some(other) if !UNICODE.iter().any(|name| name.eq_ignore_ascii_case(other)) => {
            let detail = format!(
                "Content-Type names the charset {other:?}; send UTF-8, as charset=utf-8 or without a charset"
            );
            Err(Problem::new(Kind::UnsupportedType, detail))
        }
        Some(_) | None => Ok(()),
    }
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

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn a_charset_other_than_utf_8_is_refused_by_its_name() {
        let check = |said: &'static str| {
            check_charset(&HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(said))]))
        };
        for said in [
            "application/json",
            "application/json; charset=utf-8",
            "application/json;Charset=\"UTF-8\"; v=1",
            "text/plain; v=1 ; charset = US-ASCII",
        ] {
            assert!(check(said).is_ok(), "{said}");
        }
        for (said, name) in [
            ("application/json; charset=latin1", "latin1"),
            ("application/json; v=1; CHARSET=\"utf-16\"", "utf-16"),
            ("application/json; charset=", "\"\""),
        ] {
            let problem = check(said).expect_err(said);
            assert_eq!(problem.kind(), Kind::UnsupportedType);
            assert!(problem.detail().contains(name) && problem.detail().contains("UTF-8"), "{problem:?}");
        }
        assert!(check_charset(&HeaderMap::new()).is_ok());
    }
}
