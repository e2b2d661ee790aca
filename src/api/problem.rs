//! Errors as `application/problem+json` (RFC 9457).

use hyper::StatusCode;
use hyper::header::{
    ACCEPT_ENCODING, ALLOW, CONNECTION, ETAG, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use super::answer::{Answer, with_type};
use super::preconditions::etag;
use crate::ledger::LedgerError;
use crate::queue::QueueError;
use crate::store::keys::without_keys;
use crate::store::{Action, StoreError};

/// The kinds of problem there are. Clients may rely on the `type` that each has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The body is not JSON.
    NotJson,
    /// A parameter in the URL.
    InvalidParameter,
    /// No key, or one that is not valid.
    Unauthorized,
    /// A key that does not allow this.
    Forbidden,
    /// A server without keys, called by a name or a web page of another machine.
    Foreign,
    /// A server without keys, asked to change keys.
    KeysUnused,
    /// No such route, or nothing there.
    NotFound,
    /// A known route, and a method that it has not.
    MethodNotAllowed,
    /// The body did not arrive in time.
    RequestTimeout,
    /// It does not go with the present state.
    Conflict,
    /// It was changed since the client read it; now it is in this version.
    PreconditionFailed(i32),
    /// The key of a request was used for another one.
    KeyReused,
    /// The body is larger than allowed.
    TooLarge,
    /// The body is of a type that is not read here.
    UnsupportedType,
    /// The body is encoded in a way that is not read here.
    UnsupportedEncoding,
    /// The body is not what its encoding says.
    NotDecodable,
    /// JSON, and none of it acceptable.
    Invalid,
    /// More is queued than may be; to be tried again after so many seconds.
    Overloaded(u16),
    /// More was sent than the key allows; to be tried again after so many seconds.
    RateLimited(u32),
    /// The body is coded for its transfer in a way that is not read here.
    NotImplemented,
    /// A body of more events than the key allows at once; so many may be sent again after so many seconds.
    TooManyAtOnce(u32),
    /// A fault of this server.
    Internal,
    /// It will pass: try again.
    Unavailable,
    /// The search would take too long.
    SearchTimeout,
}

impl Kind {
    const fn description(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::NotJson => (StatusCode::BAD_REQUEST, "not-json", "The body is not valid JSON"),
            Self::InvalidParameter => {
                (StatusCode::BAD_REQUEST, "invalid-parameter", "A parameter is not valid")
            }
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized", "An API key is needed"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "The API key does not allow this"),
            Self::Foreign => {
                (StatusCode::FORBIDDEN, "foreign", "This server answers requests of its own machine only")
            }
            Self::KeysUnused => (StatusCode::FORBIDDEN, "keys-unused", "This server runs without API keys"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "There is nothing here"),
            Self::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "The route has no such method")
            }
            Self::RequestTimeout => {
                (StatusCode::REQUEST_TIMEOUT, "request-timeout", "The body did not arrive in time")
            }
            Self::Conflict => (StatusCode::CONFLICT, "conflict", "The present state does not allow this"),
            Self::PreconditionFailed(_) => {
                (StatusCode::PRECONDITION_FAILED, "precondition-failed", "It was changed meanwhile")
            }
            Self::KeyReused => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "The Idempotency-Key belongs to another request",
            ),
            Self::TooManyAtOnce(_) => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "burst-exceeded",
                "The body holds more events than the API key allows at once",
            ),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large"),
            Self::UnsupportedType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-type", "The body's type is not read here")
            }
            Self::UnsupportedEncoding => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-encoding",
                "The body's encoding is not read here",
            ),
            Self::NotDecodable => {
                (StatusCode::BAD_REQUEST, "not-decodable", "The body is not what its encoding says")
            }
            Self::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "invalid", "What was sent is not acceptable"),
            Self::Overloaded(_) => {
                (StatusCode::TOO_MANY_REQUESTS, "overloaded", "Too many events are queued")
            }
            Self::RateLimited(_) => {
                (StatusCode::TOO_MANY_REQUESTS, "rate-limited", "More was sent than the API key allows")
            }
            Self::NotImplemented => {
                (StatusCode::NOT_IMPLEMENTED, "not-implemented", "The transfer coding is not read here")
            }
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "The server has a fault"),
            Self::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not possible now; try again")
            }
            Self::SearchTimeout => {
                (StatusCode::SERVICE_UNAVAILABLE, "search-timeout", "The search would take too long")
            }
        }
    }

    /// The status of the answer.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        self.description().0
    }
}

/// What is wrong at one place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Which of many items, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// The line of the body that it stands on, where each item has a line of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The id of the event concerned, if it has a usable one.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "quoting_id")]
    pub event_id: Option<String>,
    /// The place in the item (RFC 6901); empty for the whole.
    #[serde(serialize_with = "quoting")]
    pub pointer: String,
    /// What is there, and what is allowed.
    #[serde(serialize_with = "quoting")]
    pub detail: String,
}

/// So many faults are described in an answer, so that a short body never calls for a long one.
const MAX_FAULTS: usize = 100;

/// The items of a request that were refused, where others were accepted.
#[derive(Debug, Serialize)]
pub struct Rejected {
    /// The first of them.
    rejected: Vec<Fault>,
    /// Which others there are, from 0.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    more_rejected: Vec<usize>,
}

impl From<Vec<Fault>> for Rejected {
    fn from(mut rejected: Vec<Fault>) -> Self {
        let more = rejected.split_off(rejected.len().min(MAX_FAULTS));
        Self { rejected, more_rejected: more.iter().filter_map(|fault| fault.index).collect() }
    }
}

/// Writes a text that may quote the client, whose key is nobody's business wherever it put it.
fn quoting<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&without_keys(text))
}

#[expect(clippy::ref_option, reason = "serde calls it so")]
fn quoting_id<S: Serializer>(id: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    quoting(id.as_deref().unwrap_or_default(), serializer)
}

/// An error as the client sees it.
#[derive(Debug)]
pub struct Problem {
    kind: Kind,
    // Boxed, as what fails is returned by value everywhere.
    detail: Box<str>,
    errors: Box<[Fault]>,
    more_errors: usize,
    allowed: Vec<&'static str>,
    challenge: Option<HeaderValue>,
    code_and_message: bool,
}

impl Problem {
    /// A problem; `detail` says what is there, and what to do about it.
    #[must_use]
    pub fn new(kind: Kind, detail: impl Into<Box<str>>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            errors: Box::default(),
            more_errors: 0,
            allowed: Vec::new(),
            challenge: None,
            code_and_message: false,
        }
    }

    /// Adds the places concerned; of very many, the first ones and how many more there are.
    #[must_use]
    pub fn with_errors(self, mut errors: Vec<Fault>) -> Self {
        let more_errors = errors.len().saturating_sub(MAX_FAULTS);
        errors.truncate(MAX_FAULTS);
        Self { errors: errors.into(), more_errors, ..self }
    }

    /// Adds what could be done instead.
    #[must_use]
    pub fn with_allowed(self, allowed: Vec<&'static str>) -> Self {
        Self { allowed, ..self }
    }

    /// Adds how to authenticate (RFC 9110, section 11.6.1).
    #[must_use]
    pub fn with_challenge(self, challenge: &'static str) -> Self {
        Self { challenge: Some(HeaderValue::from_static(challenge)), ..self }
    }

    /// Adds `code` and `message`, which Segment's libraries look for.
    #[must_use]
    pub fn with_code_and_message(self) -> Self {
        Self { code_and_message: true, ..self }
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What is there, and what to do about it.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        match self.kind {
            Kind::Overloaded(seconds) => Some((RETRY_AFTER, HeaderValue::from(seconds))),
            Kind::RateLimited(seconds) | Kind::TooManyAtOnce(seconds) => {
                Some((RETRY_AFTER, HeaderValue::from(seconds)))
            }
            Kind::Unavailable => Some((RETRY_AFTER, HeaderValue::from_static("1"))),
            Kind::SearchTimeout => Some((RETRY_AFTER, HeaderValue::from_static("10"))),
            // The rest of the request may still be on its way.
            Kind::RequestTimeout | Kind::NotImplemented => {
                Some((CONNECTION, HeaderValue::from_static("close")))
            }
            Kind::UnsupportedEncoding => Some((ACCEPT_ENCODING, HeaderValue::from_static("gzip, zstd"))),
            Kind::MethodNotAllowed => Some((ALLOW, HeaderValue::from_str(&self.allowed.join(", ")).ok()?)),
            Kind::PreconditionFailed(version) => Some((ETAG, HeaderValue::from_str(&etag(version)).ok()?)),
            _ => Some((WWW_AUTHENTICATE, self.challenge.clone()?)),
        }
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (status, slug, title) = self.kind.description();
        let mut body = serializer.serialize_struct("Problem", 9)?;
        body.serialize_field("type", &format_args!("urn:campaign-manager:problem:{slug}"))?;
        body.serialize_field("title", title)?;
        body.serialize_field("status", &status.as_u16())?;
        body.serialize_field("detail", &without_keys(&self.detail))?;
        if !self.errors.is_empty() {
            body.serialize_field("errors", &self.errors)?;
        }
        if self.more_errors > 0 {
            body.serialize_field("more_errors", &self.more_errors)?;
        }
        if !self.allowed.is_empty() {
            body.serialize_field("allowed", &self.allowed)?;
        }
        if self.code_and_message {
            body.serialize_field("code", slug)?;
            body.serialize_field("message", &without_keys(&self.detail))?;
        }
        body.end()
    }
}

impl From<Problem> for Answer {
    fn from(problem: Problem) -> Self {
        let text = serde_json::to_vec(&problem).expect("a problem has text keys only and cannot fail");
        let content_type = HeaderValue::from_static("application/problem+json");
        let mut answer = with_type(problem.kind.status(), content_type, text);
        answer.headers_mut().extend(problem.header());
        answer
    }
}

impl From<StoreError> for Problem {
    /// The client learns whether to try again; what Postgres said is for the log.
    fn from(error: StoreError) -> Self {
        if error.is_timeout() {
            return Self::new(
                Kind::SearchTimeout,
                "the search took too long; narrow it, with from and to best of all",
            );
        }
        if let StoreError::Searching = error {
            return Self::new(Kind::Unavailable, "too many searches are under way; try again in a moment");
        }
        if error.action() == Action::Retry {
            tracing::warn!(%error, "a request was answered with 503: Postgres cannot be used now");
            return Self::new(Kind::Unavailable, "the database cannot be reached now; try again");
        }
        tracing::error!(%error, "a request was answered with 500");
        Self::new(Kind::Internal, "the server's log says more")
    }
}

impl From<QueueError> for Problem {
    fn from(error: QueueError) -> Self {
        if error.will_pass() {
            tracing::warn!(%error, "a request was answered with 503: Redis cannot be used now");
            return Self::new(Kind::Unavailable, "the queue cannot be reached now; try again");
        }
        tracing::error!(%error, "a request was answered with 500");
        Self::new(Kind::Internal, "the server's log says more")
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Queue(error) => error.into(),
            LedgerError::Store(error) => error.into(),
            LedgerError::BegunAnew => Self::new(Kind::Unavailable, error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::store::keys::ApiKey;

    /// Status, headers and body, as they are sent.
    async fn sent(problem: Problem) -> String {
        let (parts, mut body) = Answer::from(problem).into_parts();
        let body = body.frame().await.expect("one frame").expect("never fails").into_data().expect("data");
        let headers: Vec<String> = parts
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().expect("text")))
            .collect();
        format!("{}\n{}\n\n{}", parts.status, headers.join("\n"), String::from_utf8_lossy(&body))
    }

    #[tokio::test]
    async fn a_problem_names_its_type_and_the_places_concerned() {
        let fault = Fault {
            index: Some(3),
            pointer: "/user_id".into(),
            detail: "user_id is empty".into(),
            ..Fault::default()
        };
        let problem = Problem::new(Kind::Invalid, "1 of 1 events was refused").with_errors(vec![fault]);
        insta::assert_snapshot!(sent(problem).await);
    }

    #[tokio::test]
    async fn no_member_of_a_problem_quotes_a_key() {
        let key = ApiKey::generate();
        let quoted = format!("{:?} is not read here", key.expose());
        let fault = Fault {
            event_id: Some(key.expose().to_owned()),
            pointer: format!("/{}", key.expose()),
            detail: quoted.clone(),
            ..Fault::default()
        };
        let problem =
            Problem::new(Kind::UnsupportedType, quoted).with_errors(vec![fault]).with_code_and_message();
        let sent = sent(problem).await;
        assert!(!sent.contains(key.expose()), "{sent}");
        assert_eq!(sent.matches("cmk_…").count(), 5, "{sent}");
    }

    #[tokio::test]
    async fn what_a_client_can_do_is_in_the_headers() {
        let problems = [
            Problem::new(Kind::Unavailable, "…"),
            Problem::new(Kind::Overloaded(7), "…"),
            Problem::new(Kind::RateLimited(100_000), "…"),
            Problem::new(Kind::TooManyAtOnce(7), "…"),
            Problem::new(Kind::RequestTimeout, "…"),
            Problem::new(Kind::UnsupportedEncoding, "…").with_code_and_message(),
            Problem::new(Kind::PreconditionFailed(7), "…"),
            Problem::new(Kind::MethodNotAllowed, "…").with_allowed(vec!["GET", "POST"]),
            Problem::new(Kind::Unauthorized, "…").with_challenge("Bearer"),
        ];
        let mut shown = Vec::new();
        for problem in problems {
            shown.push(sent(problem).await);
        }
        insta::assert_snapshot!(shown.join("\n\n"));
    }
}
