//! `/keys`: create API keys, list them, revoke them.
//!
//! Invariant: a key is in one answer only, that to its creation, which nobody may store.

use std::num::NonZeroU32;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CACHE_CONTROL, HeaderValue};
use hyper::{Response, StatusCode};
use jiff::Timestamp;
use serde::Serialize;

use super::cursor::Cursor;
use super::members::Members;
use super::parameters::{Parameters, whole};
use super::{Answer, Kind, Problem, json};
use crate::store::Pool;
use crate::store::keys::{self, KeyId, KeyRecord, KnownKey, MAX_RATE, NewKey, Rate, Revocation, Scope};

/// The largest body that describes a key, in bytes.
pub const MAX_BODY: usize = 4096;

/// The longest text that is read as a scope, in bytes.
const MAX_SCOPE: usize = 200;
const MAX_PAGE: u16 = 200;
const DEFAULT_PAGE: u16 = 50;

/// A key in the API: all but the key itself.
#[derive(Debug, Serialize)]
pub struct View<'a> {
    id: KeyId,
    name: &'a str,
    scope: Scope,
    rate_limit: Option<NonZeroU32>,
    burst: Option<NonZeroU32>,
    created_at: Timestamp,
    revoked_at: Option<Timestamp>,
}

/// A new key, this once with the key itself.
#[derive(Serialize)]
struct Created<'a> {
    #[serde(flatten)]
    view: View<'a>,
    key: &'a str,
}

#[derive(Serialize)]
struct List<'a> {
    keys: Vec<View<'a>>,
    next_cursor: Option<String>,
}

/// `POST /keys`.
pub async fn create(pool: &Pool, body: &[u8]) -> Result<Answer, Problem> {
    let (name, scope, rate_limit) = described(body)?;
    let (key, record) = keys::create(pool, &NewKey { name: &name, scope, rate_limit }).await?;
    let mut answer = json(StatusCode::CREATED, &Created { view: View::of(&record), key: key.expose() });
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}

/// `GET /keys?limit=&cursor=`, the newest first.
pub async fn list(pool: &Pool, query: Option<&str>) -> Result<Answer, Problem> {
    let mut parameters = Parameters::read(query, &["limit", "cursor"])?;
    let limit = parameters.take_limit(MAX_PAGE)?.unwrap_or(DEFAULT_PAGE);
    let before = parameters.take("cursor", "the next_cursor of a list of keys", KeyId::decode)?;
    let records = keys::list(pool, before, limit).await?;
    let full = records.len() == usize::from(limit);
    let next_cursor = records.last().filter(|_| full).map(|record| record.key.id.encode());
    Ok(json(StatusCode::OK, &List { keys: records.iter().map(View::of).collect(), next_cursor }))
}

/// `DELETE /keys/{id}`. The id of the key that may not be used any more comes with the answer.
pub async fn revoke(pool: &Pool, id: &str) -> Result<(Answer, KeyId), Problem> {
    let missing = || Problem::new(Kind::NotFound, format!("there is no key {id:?}"));
    let id = whole(id).map(KeyId).ok_or_else(missing)?;
    match keys::revoke_unless_last(pool, id).await? {
        Revocation::Revoked | Revocation::RevokedBefore(_) => {
            let mut answer = Response::new(Full::new(Bytes::new()));
            *answer.status_mut() = StatusCode::NO_CONTENT;
            Ok((answer, id))
        }
        Revocation::Missing => Err(missing()),
        Revocation::LastAdmin => Err(Problem::new(
            Kind::Conflict,
            format!(
                "key {id} is the last admin key, and without one nobody can manage anything here; create another \
                 one first, or revoke it all the same with: campaign-manager keys revoke {id}"
            ),
        )),
    }
}

/// Reads and checks what a client says of a new key.
fn described(body: &[u8]) -> Result<(String, Scope, Option<Rate>), Problem> {
    let mut members = Members::read(body)?;
    let name = members.require("name", keys::check_name);
    let scope = match members.require_text("scope", MAX_SCOPE).as_str() {
        "admin" => Scope::Admin,
        "browser" => Scope::Browser,
        // That an empty one is missing was said already.
        "ingest" | "" => Scope::Ingest,
        _ => {
            members.fault("/scope", "a scope is browser, ingest or admin");
            Scope::Ingest
        }
    };
    let rate_limit = members.take_count("rate_limit", MAX_RATE);
    let burst = members.take_count("burst", MAX_RATE);
    if burst.is_some() && rate_limit.is_none() {
        members.fault("/burst", "a burst needs a rate_limit, in events a second");
    }
    members.finish("name, scope, rate_limit, burst")?;
    Ok((name, scope, rate_limit.map(|per_second| Rate { per_second, burst })))
}

impl<'a> View<'a> {
    /// Of this key.
    #[must_use]
    pub fn of(record: &'a KeyRecord) -> Self {
        let KeyRecord { key: KnownKey { id, ref name, scope, rate_limit }, created_at, revoked_at } = *record;
        let (per_second, burst) =
            (rate_limit.map(|rate| rate.per_second), rate_limit.and_then(|rate| rate.burst));
        Self { id, name, scope, rate_limit: per_second, burst, created_at, revoked_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(body: &str) -> String {
        let problem = described(body.as_bytes()).expect_err(body);
        serde_json::to_string_pretty(&problem).expect("a problem serialises")
    }

    fn rate(per_second: u32, burst: Option<u32>) -> Option<Rate> {
        Some(Rate { per_second: NonZeroU32::new(per_second)?, burst: burst.and_then(NonZeroU32::new) })
    }

    #[test]
    fn a_burst_is_that_of_a_rate_limit() {
        let told = problem(r#"{"name": "shop", "scope": "ingest", "burst": 5}"#);
        assert!(told.contains("a burst needs a rate_limit"), "{told}");
    }

    #[test]
    fn a_key_has_a_name_a_scope_and_perhaps_a_rate_limit() {
        let limited = described(br#"{"name": "shop", "scope": "ingest", "rate_limit": 100}"#).expect("valid");
        assert_eq!(limited, ("shop".to_owned(), Scope::Ingest, rate(100, None)));
        let even = br#"{"name": "shop", "scope": "ingest", "rate_limit": 100, "burst": 5}"#;
        assert_eq!(described(even).expect("valid").2, rate(100, Some(5)));
        let unlimited =
            described(br#"{"name": "ops", "scope": "admin", "rate_limit": null}"#).expect("valid");
        assert_eq!(unlimited, ("ops".to_owned(), Scope::Admin, None));
    }

    #[test]
    fn a_name_that_a_terminal_would_obey_is_refused() {
        for (name, character) in
            [("sh\\u001bop", "U+001B"), ("a\\nb", "U+000A"), ("\\u0000", "U+0000"), ("\\u009b", "U+009B")]
        {
            let told = problem(&format!(r#"{{"name":"{name}","scope":"ingest"}}"#));
            assert!(told.contains(&format!("name contains {character}, a control character")), "{told}");
        }
        assert!(described(r#"{"name":"Läden, 店 🛒","scope":"ingest"}"#.as_bytes()).is_ok());
    }

    #[test]
    fn everything_that_is_wrong_is_reported_at_once() {
        let bodies = ["{}", r#"{"name":" ","scope":"root","rate_limit":0,"key":"mine"}"#];
        insta::assert_snapshot!(bodies.map(problem).join("\n"));
    }

    #[test]
    fn a_rate_limit_is_a_whole_number_of_events_within_bounds_however_it_is_written() {
        for rate in ["100", "100.0", "1e2"] {
            let body = format!(r#"{{"name":"n","scope":"ingest","rate_limit":{rate}}}"#);
            assert_eq!(described(body.as_bytes()).expect("valid").2, self::rate(100, None), "{rate}");
        }
        for rate in ["0", "1000001", "1.5", "-1", "\"100\""] {
            let body = format!(r#"{{"name":"n","scope":"ingest","rate_limit":{rate}}}"#);
            assert!(problem(&body).contains("from 1 to 1000000"), "{rate}");
        }
    }
}
