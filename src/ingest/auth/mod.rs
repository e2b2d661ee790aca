//! Who may call: the API key of a request, checked against Postgres through a small cache.

mod cache;
mod keyring;
mod pages;
mod presented;

use std::num::NonZeroU32;
use std::sync::Arc;

use hyper::HeaderMap;

use self::cache::Known;
use self::keyring::Keyring;
pub(super) use self::presented::OpenKey;
use self::presented::{is_in_headers, presented};
use super::rate::Allowance;
use crate::api::{Caller, Kind, Problem};
use crate::config::Auth;
use crate::store::Pool;
use crate::store::keys::{KeyHash, KeyId, Scope};

/// Decides who may call.
#[derive(Debug)]
pub(super) enum Access {
    /// Everybody.
    Open,
    /// Who has a key.
    Keys(Arc<Keyring>),
}

impl Access {
    /// `burst` is how many events may be sent at once with a key that has a rate limit.
    pub(super) fn new(auth: Auth, pool: &Pool, burst: NonZeroU32) -> Self {
        match auth {
            Auth::None => Self::Open,
            Auth::Keys => Self::Keys(Arc::new(Keyring::new(pool.clone(), burst))),
        }
    }

    /// Lets the request pass if its key has the scope `needed`, or none is; with how many events may be sent with it.
    ///
    /// `open` is the key in the URL or in the body, where the route allows one there.
    pub(super) async fn check(
        &self,
        headers: &HeaderMap,
        open: Option<OpenKey>,
        needed: Option<Scope>,
    ) -> Result<(Caller, Allowance), Problem> {
        let (keyring, needed) = match (self, needed) {
            (Self::Keys(keyring), Some(needed)) => (keyring, needed),
            (Self::Keys(_), None) => return Ok((Caller::Anybody, Allowance::unlimited())),
            (Self::Open, _) => {
                pages::refuse(headers, needed)?;
                return Ok((Caller::Anybody, Allowance::unlimited()));
            }
        };
        let presented = presented(headers, open)?;
        let found = match KeyHash::of(presented.key.expose()) {
            Some(hash) => keyring.find(hash).await?,
            None => None,
        };
        match found {
            None => Err(unauthorized("the API key is not known, or was revoked")),
            Some(Known { key, .. }) if presented.is_in_the_open && key.scope == Scope::Admin => {
                let detail = "an admin key is not taken from a URL or a body, where others may see it; send a key that \
                              may only send events, or the key as Authorization: Bearer cmk_…";
                Err(Problem::new(Kind::Forbidden, detail))
            }
            Some(Known { key, limit }) if key.scope.covers(needed) => {
                // It is events that are limited.
                let limit = limit.filter(|_| needed == Scope::Ingest);
                Ok((Caller::Key(key), Allowance::of(limit)))
            }
            Some(Known { key, .. }) => {
                let detail =
                    format!("this needs a key of scope {}; the key has {}", needed.name(), key.scope.name());
                Err(Problem::new(Kind::Forbidden, detail)
                    .with_challenge(r#"Bearer realm="campaign-manager", error="insufficient_scope""#))
            }
        }
    }

    /// Whether a request with these headers can only be let in by a key in its URL or its body.
    pub(super) fn needs_open_key(&self, headers: &HeaderMap) -> bool {
        matches!(self, Self::Keys(_)) && !is_in_headers(headers)
    }

    /// Takes note that this server revoked a key, so that it stops working here at once.
    pub(super) fn forget(&self, id: KeyId) {
        if let Self::Keys(keyring) = self {
            keyring.forget(id);
        }
    }
}

fn unauthorized(detail: &str) -> Problem {
    Problem::new(Kind::Unauthorized, detail).with_challenge(r#"Bearer realm="campaign-manager""#)
}
