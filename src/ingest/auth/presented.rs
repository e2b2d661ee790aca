//! The key that a request brings.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

use super::unauthorized;
use crate::api::Problem;

/// The key in `Authorization`: as a bearer token, or as the user name of Basic with an empty password.
pub(super) fn presented_key(headers: &HeaderMap) -> Result<String, Problem> {
    const HOW: &str = "send the API key as Authorization: Bearer cmk_…";
    let header = headers.get(AUTHORIZATION).ok_or_else(|| unauthorized(HOW))?;
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
}
