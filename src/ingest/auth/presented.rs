//! The key that a request brings.
//!
//! A web page cannot add a header to what `navigator.sendBeacon` sends, and some libraries send their key in the body. So
//! the routes for sending events also take a key that stands in the open: in the URL as `?key=`, or in the body.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

use super::unauthorized;
use crate::api::Problem;

/// The parameter of a URL that holds a key.
const PARAMETER: &str = "key";

/// A key, and how it was sent.
#[derive(Debug)]
pub(super) struct Presented {
    pub(super) key: OpenKey,
    /// Whether it stands where logs and users see it.
    pub(super) is_in_the_open: bool,
}

/// A key that stands in the URL or in the body. `Debug` does not show it.
pub(in crate::ingest) struct OpenKey(String);

impl OpenKey {
    /// A key from a body.
    pub(in crate::ingest) fn new(key: String) -> Self {
        Self(key)
    }

    /// The key in the query of a URL.
    pub(in crate::ingest) fn in_query(query: Option<&str>) -> Option<Self> {
        let mut parameters = form_urlencoded::parse(query?.as_bytes());
        parameters.find(|(name, _)| name == PARAMETER).map(|(_, key)| Self(key.into_owned()))
    }

    /// The key's text. Not for logs.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for OpenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenKey(…)")
    }
}

/// Whether the headers hold a key, or something in its place.
pub(super) fn is_in_headers(headers: &HeaderMap) -> bool {
    headers.contains_key(AUTHORIZATION)
}

/// The key of a request: that of its headers, or else the one in the open.
pub(super) fn presented(headers: &HeaderMap, open: Option<OpenKey>) -> Result<Presented, Problem> {
    match open {
        Some(key) if !is_in_headers(headers) => Ok(Presented { key, is_in_the_open: true }),
        _ => Ok(Presented { key: OpenKey(presented_key(headers)?), is_in_the_open: false }),
    }
}

/// The key in `Authorization`: as a bearer token, or as the user name of Basic with an empty password.
fn presented_key(headers: &HeaderMap) -> Result<String, Problem> {
    const HOW: &str = "send the API key as Authorization: Bearer cmk_…";
    let mut credentials = headers.get_all(AUTHORIZATION).iter();
    let header = credentials.next().ok_or_else(|| unauthorized(HOW))?;
    // A proxy may have checked the other one.
    if credentials.next().is_some() {
        return Err(unauthorized(
            "the request has several Authorization headers; send one, with one API key",
        ));
    }
    let header = header.to_str().map_err(|_| unauthorized(HOW))?;
    let (scheme, credentials) = header.split_once(' ').ok_or_else(|| unauthorized(HOW))?;
    let credentials = credentials.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(credentials.to_owned());
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let decoded = STANDARD.decode(credentials).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        return decoded.and_then(|pair| pair.strip_suffix(':').map(str::to_owned)).ok_or_else(|| {
            unauthorized("with Basic, the API key is the user name and the password is empty")
        });
    }
    Err(unauthorized(HOW))
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;
    use crate::api::Kind;

    fn key_in(authorization: &'static str) -> Result<String, Problem> {
        presented_key(&HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(authorization))]))
    }

    #[test]
    fn a_key_is_read_from_bearer_and_from_basic() {
        assert_eq!(key_in("Bearer cmk_abc").expect("a key"), "cmk_abc");
        assert_eq!(key_in("bearer  cmk_abc").expect("a key"), "cmk_abc");
        assert_eq!(key_in("Basic Y21rX2FiYzo=").expect("a key"), "cmk_abc");
    }

    #[test]
    fn anything_else_is_refused_with_how_to_send_a_key() {
        for header in ["", "cmk_abc", "Digest cmk_abc", "Basic %%%", "Basic Y21rX2FiYzpwdw==", "Basic /w=="] {
            assert!(key_in(header).expect_err(header).detail().contains("API key"), "{header}");
        }
        assert_eq!(presented_key(&HeaderMap::new()).expect_err("no key").kind(), Kind::Unauthorized);
    }

    #[test]
    fn of_two_keys_in_the_headers_none_is_taken() {
        let header = |key| (AUTHORIZATION, HeaderValue::from_static(key));
        let both = HeaderMap::from_iter([header("Bearer cmk_abc"), header("Bearer cmk_def")]);
        assert!(presented_key(&both).expect_err("two keys").detail().contains("several Authorization"));
    }

    #[test]
    fn a_key_in_the_url_counts_where_the_headers_have_none() {
        let key = |headers: HeaderMap, query| {
            let presented = presented(&headers, OpenKey::in_query(query)).expect("a key");
            (presented.key.expose().to_owned(), presented.is_in_the_open)
        };
        let with_key = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("Bearer cmk_head"))]);
        assert_eq!(key(HeaderMap::new(), Some("a=b&key=cmk%5Fopen")), ("cmk_open".to_owned(), true));
        assert_eq!(key(with_key, Some("key=cmk_open")), ("cmk_head".to_owned(), false));
        for query in [None, Some(""), Some("Key=cmk_open&keys=cmk_open")] {
            assert!(OpenKey::in_query(query).is_none(), "{query:?}");
        }
    }
}
