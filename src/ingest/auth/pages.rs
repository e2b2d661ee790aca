//! Web pages, where nobody is asked for a key. Pure.
//!
//! A server that lets everybody in listens on a loopback address only. But a browser on this machine reaches it too, and
//! sends what any page tells it to: a form to another site, or a request to a name that the page's owner lets point here
//! (DNS rebinding). So the server wants to be called by a loopback name, and by no page from elsewhere. Routes for sending
//! events are open to the pages of `CORS_ORIGINS` too.

use hyper::HeaderMap;
use hyper::header::{HOST, ORIGIN};

use crate::api::{Kind, Problem};
use crate::config::Origins;
use crate::http::loopback::is_loopback;
use crate::store::keys::Scope;

/// Refuses what a page from elsewhere has a browser send, but for events of the pages that may send them.
pub(super) fn refuse(headers: &HeaderMap, needed: Option<Scope>, allowed: &Origins) -> Result<(), Problem> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    // HTTP/1.0 has no Host, and no browser speaks it.
    if !text(HOST).is_none_or(is_loopback) {
        let detail = "without keys, this server is called by a loopback name only, such as localhost or 127.0.0.1; use \
                      --auth=keys for other names";
        return Err(Problem::new(Kind::Foreign, detail));
    }
    let is_allowed = needed == Some(Scope::Ingest) && headers.get(ORIGIN).is_some_and(|it| allowed.allow(it));
    let is_of_here = |origin: &str| origin.split_once("://").is_some_and(|(_, host)| is_loopback(host));
    if !is_allowed && !text(ORIGIN).is_none_or(is_of_here) {
        let detail = "without keys, this server does nothing for web pages of other machines; use --auth=keys, and a key, \
                      or name the page's origin in CORS_ORIGINS if it may send events";
        return Err(Problem::new(Kind::Foreign, detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn refused(host: &'static str, origin: Option<&'static str>, needed: Scope) -> bool {
        let mut headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static(host))]);
        headers.extend(origin.map(|origin| (ORIGIN, HeaderValue::from_static(origin))));
        let allowed = "https://shop.example".parse().expect("an origin");
        refuse(&headers, Some(needed), &allowed).is_err()
    }

    #[test]
    fn a_loopback_name_is_wanted() {
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "localhost.",
            "shop.localhost:1",
            "127.0.0.1:8080",
            "127.1.2.3",
            "[::1]:80",
        ] {
            assert!(!refused(host, None, Scope::Admin), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "10.0.0.1:80",
            "[::2]",
            "",
            "127.0.0.1.evil.example:80",
        ] {
            assert!(refused(host, None, Scope::Admin) && refused(host, None, Scope::Ingest), "{host}");
        }
    }

    #[test]
    fn pages_of_this_machine_may_do_all_and_those_that_are_allowed_may_send_events() {
        assert!(!refused("localhost", Some("http://localhost:3000"), Scope::Admin));
        for origin in ["https://evil.example", "null", "", "http://localhost.evil.example"] {
            assert!(refused("localhost", Some(origin), Scope::Admin), "{origin}");
            assert!(refused("localhost", Some(origin), Scope::Ingest), "{origin}");
        }
        assert!(!refused("localhost", Some("https://shop.example"), Scope::Ingest));
        assert!(refused("localhost", Some("https://shop.example"), Scope::Admin));
    }
}
