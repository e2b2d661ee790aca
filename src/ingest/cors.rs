//! Events from browsers: what tells a browser that a page of another origin may send them (the Fetch standard, "CORS").
//!
//! Invariants: only routes for sending events take part; the management API answers no page of another origin. What is
//! said here lets no one in who has no key: a key is never added by a browser on its own, as a cookie would be.

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, StatusCode};

use crate::api::Answer;
use crate::config::Origins;

/// The headers that a request with events may have.
const HEADERS: &str = "authorization, content-type, content-encoding";
/// Headers that change nothing here: tracing tools add them to what a page sends, and Segment's library counts in one.
const IGNORED: [&str; 12] = [
    "traceparent",
    "tracestate",
    "baggage",
    "sentry-trace",
    "b3",
    "uber-trace-id",
    "x-amzn-trace-id",
    "x-cloud-trace-context",
    "x-correlation-id",
    "x-request-id",
    "x-retry-count",
    "newrelic",
];
/// How names begin that are open in number: of attributes of CloudEvents, and of two more tracing tools.
const OPEN: [&str; 3] = ["ce-", "x-b3-", "x-datadog-"];
/// The headers that a page may read.
const EXPOSED: HeaderValue = HeaderValue::from_static("retry-after, ratelimit, ratelimit-policy");
/// For how long a browser need not ask again, in seconds: the longest that any of them heeds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");
/// What a preflight's answer depends on.
const PREFLIGHT_VARIES: HeaderValue =
    HeaderValue::from_static("origin, access-control-request-method, access-control-request-headers");

/// Tells browsers which pages may send.
#[derive(Debug)]
pub(super) struct Cors(Origins);

impl Cors {
    pub(super) fn new(origins: Origins) -> Self {
        Self(origins)
    }

    /// The method that a browser asks about before it sends a page's request, if this is such a question.
    pub(super) fn asked_method(&self, head: &Parts) -> Option<Method> {
        if head.method != Method::OPTIONS || !self.is_on() || !head.headers.contains_key(ORIGIN) {
            return None;
        }
        Method::from_bytes(head.headers.get(ACCESS_CONTROL_REQUEST_METHOD)?.as_bytes()).ok()
    }

    /// The answer to that question about a route for sending events. A browser asks without a key.
    pub(super) fn preflight(&self, asked: &HeaderMap, method: &Method) -> Answer {
        let mut answer = Answer::default();
        *answer.status_mut() = StatusCode::NO_CONTENT;
        let headers = answer.headers_mut();
        headers.insert(VARY, PREFLIGHT_VARIES);
        if let Some(origin) = self.allowed(asked) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers
                .extend(HeaderValue::from_str(method.as_str()).map(|it| (ACCESS_CONTROL_ALLOW_METHODS, it)));
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed_headers(asked));
            headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        }
        answer
    }

    /// Lets a page read the answer of a route for sending events, errors too.
    pub(super) fn mark(&self, asked: &HeaderMap, answer: &mut Answer) {
        if !self.is_on() {
            return;
        }
        let headers = answer.headers_mut();
        headers.append(VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = self.allowed(asked) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }

    fn is_on(&self) -> bool {
        !matches!(&self.0, Origins::These(origins) if origins.is_empty())
    }

    /// The value of `Access-Control-Allow-Origin` for the page that a request comes from, if it may send.
    fn allowed(&self, asked: &HeaderMap) -> Option<HeaderValue> {
        let origin = asked.get(ORIGIN).filter(|origin| self.0.allow(origin))?;
        Some(if self.0 == Origins::Any { HeaderValue::from_static("*") } else { origin.clone() })
    }
}

/// The fixed ones, and of the others those that the browser asks about.
fn allowed_headers(asked: &HeaderMap) -> HeaderValue {
    let asked =
        asked.get(ACCESS_CONTROL_REQUEST_HEADERS).and_then(|names| names.to_str().ok()).unwrap_or_default();
    let starts = |name: &str, start: &str| {
        name.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start))
    };
    let is_allowed = |name: &&str| {
        OPEN.iter().any(|start| starts(name, start))
            || IGNORED.iter().any(|other| name.eq_ignore_ascii_case(other))
    };
    let others = asked.split(',').map(str::trim).filter(is_allowed);
    let names: Vec<&str> = std::iter::once(HEADERS).chain(others).collect();
    HeaderValue::from_str(&names.join(", ")).unwrap_or(HeaderValue::from_static(HEADERS))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: &str = "https://shop.example";

    fn cors(origins: &str) -> Cors {
        Cors::new(origins.parse().expect("valid"))
    }

    /// The headers of a preflight from the shop.
    fn asked(headers: &'static str) -> HeaderMap {
        let names = [ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS];
        names.into_iter().zip([SHOP, headers].map(HeaderValue::from_static)).collect()
    }

    fn answered(cors: &Cors, headers: &'static str) -> HeaderMap {
        cors.preflight(&asked(headers), &Method::POST).headers().clone()
    }

    #[test]
    fn a_page_of_an_allowed_origin_may_send_and_another_may_not() {
        assert_eq!(answered(&cors("https://shop.example"), "")[ACCESS_CONTROL_ALLOW_ORIGIN], SHOP);
        assert_eq!(answered(&cors("*"), "")[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        let other = answered(&cors("https://shop.example:8443"), "");
        assert_eq!(other.keys().collect::<Vec<_>>(), [VARY]);
    }

    #[test]
    fn the_headers_of_events_are_allowed_and_no_others() {
        let asked = "Authorization,content-type,ce-id, CE-mycompanyid,x-other,ce,baggage,sentry-trace,TraceParent,x-b3-flags";
        let headers = &answered(&cors("*"), asked)[ACCESS_CONTROL_ALLOW_HEADERS];
        let others = "ce-id, CE-mycompanyid, baggage, sentry-trace, TraceParent, x-b3-flags";
        assert_eq!(headers, &format!("authorization, content-type, content-encoding, {others}"));
    }

    #[test]
    fn without_origins_nothing_is_said() {
        let mut answer = Answer::default();
        cors("").mark(&asked(""), &mut answer);
        assert!(answer.headers().is_empty());
    }
}
