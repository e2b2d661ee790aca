//! Who may call: the API key of a request, checked against Postgres through a small cache.
//!
//! Invariants: a revoked key stops working within [`FRESH`] and one look-up; the cache is bounded; no lock is held across
//! an await. While Postgres cannot be reached, a key that was valid stays so (nobody can revoke it meanwhile), so that
//! events are accepted as long as Redis takes them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use deadpool_postgres::Pool;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

use crate::api::{Caller, Kind, Problem};
use crate::config::Auth;
use crate::store::keys::{self, KeyHash, KnownKey, Scope};

/// For how long a look-up is believed.
const FRESH: Duration = Duration::from_secs(2);
/// The most keys that are remembered, valid or not.
const CAPACITY: usize = 4096;

/// Decides who may call.
#[derive(Debug)]
pub(super) enum Access {
    /// Everybody.
    Open,
    /// Who has a key.
    Keys {
        /// Where keys are kept.
        pool: Pool,
        /// What was looked up lately.
        cache: Cache,
    },
}

impl Access {
    pub(super) fn new(auth: Auth, pool: &Pool) -> Self {
        match auth {
            Auth::None => Self::Open,
            Auth::Keys => Self::Keys { pool: pool.clone(), cache: Cache::default() },
        }
    }

    /// Lets the request pass if its key has the scope `needed`, or none is.
    pub(super) async fn check(&self, headers: &HeaderMap, needed: Option<Scope>) -> Result<Caller, Problem> {
        let (Self::Keys { pool, cache }, Some(needed)) = (self, needed) else { return Ok(Caller::Anybody) };
        let presented = presented_key(headers)?;
        let key = match KeyHash::of(&presented) {
            Some(hash) => look_up(pool, cache, hash).await?,
            None => None,
        };
        match key {
            None => Err(unauthorized("the API key is not known, or was revoked")),
            Some(key) if key.scope.covers(needed) => Ok(Caller::Key(key)),
            Some(key) => {
                let detail =
                    format!("this needs a key of scope {}; the key has {}", needed.name(), key.scope.name());
                Err(Problem::new(Kind::Forbidden, detail)
                    .with_challenge(r#"Bearer realm="campaign-manager", error="insufficient_scope""#))
            }
        }
    }
}

async fn look_up(pool: &Pool, cache: &Cache, hash: KeyHash) -> Result<Option<Arc<KnownKey>>, Problem> {
    let known = match cache.recall(hash, Instant::now()) {
        Recall::Fresh(key) => return Ok(key),
        Recall::Stale(key) => key,
        Recall::Nothing => None,
    };
    match keys::find(pool, hash).await {
        Ok(key) => {
            let key = key.map(Arc::new);
            cache.remember(hash, key.clone(), Instant::now());
            Ok(key)
        }
        Err(error) if known.is_some() => {
            tracing::warn!(%error, "an API key could not be looked up again; it stays valid meanwhile");
            Ok(known)
        }
        Err(error) => Err(error.into()),
    }
}

/// The key in `Authorization`: as a bearer token, or as the user name of Basic with an empty password.
fn presented_key(headers: &HeaderMap) -> Result<String, Problem> {
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

fn unauthorized(detail: &str) -> Problem {
    Problem::new(Kind::Unauthorized, detail).with_challenge(r#"Bearer realm="campaign-manager""#)
}

/// What look-ups found lately; `None` for a key that is not valid.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<HashMap<KeyHash, Entry>>);

#[derive(Clone, Debug)]
struct Entry {
    key: Option<Arc<KnownKey>>,
    looked_up: Instant,
}

#[derive(Debug, PartialEq, Eq)]
enum Recall {
    /// Known well enough.
    Fresh(Option<Arc<KnownKey>>),
    /// To be looked up again, by the caller; others go on with it meanwhile.
    Stale(Option<Arc<KnownKey>>),
    Nothing,
}

impl Cache {
    fn recall(&self, hash: KeyHash, now: Instant) -> Recall {
        match self.lock().get_mut(&hash) {
            None => Recall::Nothing,
            Some(entry) if now.saturating_duration_since(entry.looked_up) < FRESH => {
                Recall::Fresh(entry.key.clone())
            }
            Some(entry) => {
                entry.looked_up = now;
                Recall::Stale(entry.key.clone())
            }
        }
    }

    fn remember(&self, hash: KeyHash, key: Option<Arc<KnownKey>>, now: Instant) {
        let mut entries = self.lock();
        if entries.len() >= CAPACITY && !entries.contains_key(&hash) {
            entries.retain(|_, entry| entry.key.is_some());
        }
        if entries.len() >= CAPACITY && !entries.contains_key(&hash) {
            entries.clear();
        }
        entries.insert(hash, Entry { key, looked_up: now });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<KeyHash, Entry>> {
        // Each change is a single step, so a panic elsewhere leaves the map whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn key_in(authorization: &'static str) -> Result<String, Problem> {
        presented_key(&HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(authorization))]))
    }

    fn hash(number: usize) -> KeyHash {
        KeyHash::of(&format!("cmk_{number}")).expect("of a key's form")
    }

    fn key(scope: Scope) -> Arc<KnownKey> {
        Arc::new(KnownKey { id: 1, name: "a key".into(), scope })
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
    fn a_look_up_is_believed_for_a_while_and_then_renewed_by_one_caller() {
        let (cache, start) = (Cache::default(), Instant::now());
        assert_eq!(cache.recall(hash(1), start), Recall::Nothing);
        cache.remember(hash(1), Some(key(Scope::Admin)), start);
        assert_eq!(cache.recall(hash(1), start), Recall::Fresh(Some(key(Scope::Admin))));
        assert_eq!(cache.recall(hash(1), start + FRESH), Recall::Stale(Some(key(Scope::Admin))));
        assert_eq!(cache.recall(hash(1), start + FRESH), Recall::Fresh(Some(key(Scope::Admin))));
    }

    #[test]
    fn the_cache_is_bounded_and_forgets_invalid_keys_first() {
        let (cache, now) = (Cache::default(), Instant::now());
        cache.remember(hash(0), Some(key(Scope::Ingest)), now);
        for number in 1..=CAPACITY {
            cache.remember(hash(number), None, now);
            assert!(cache.lock().len() <= CAPACITY);
        }
        assert_eq!(cache.recall(hash(0), now), Recall::Fresh(Some(key(Scope::Ingest))));
    }
}
