//! Who may call: the API key of a request, checked against Postgres through a small cache.

mod cache;
mod keyring;
mod pages;
mod presented;
mod sign_ins;

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use hyper::HeaderMap;

use self::cache::Known;
use self::keyring::Keyring;
pub(super) use self::presented::OpenKey;
use self::presented::{is_in_headers, presented};
use self::sign_ins::SignIns;
pub(super) use self::sign_ins::source;
use super::rate::Allowance;
use crate::api::{Caller, Kind, Problem};
use crate::config::{Auth, Origins};
use crate::ops::metrics::SignInFailure;
use crate::store::Pool;
use crate::store::keys::{KeyHash, KeyId, Scope};

/// Decides who may call.
#[derive(Debug)]
pub(super) enum Access {
    /// Everybody, but for web pages of other machines; those of these origins may send events.
    Open(Origins),
    /// Who has a key.
    Keys(Arc<Keyring>, SignIns),
}

impl Access {
    /// `pages` may send events where nobody is asked for a key; `body` is how many events go into a body.
    pub(super) fn new(auth: Auth, pages: &Origins, pool: &Pool, body: NonZeroU32) -> Self {
        match auth {
            Auth::None => Self::Open(pages.clone()),
            Auth::Keys => Self::Keys(Arc::new(Keyring::new(pool.clone(), body)), SignIns::new()),
        }
    }

    /// Lets a request of `peer` pass if its key has the scope `needed`, or none is; with how many events may be sent with it.
    ///
    /// `open` is the key in the URL or in the body, where the route allows one there.
    pub(super) async fn check(
        &self,
        headers: &HeaderMap,
        open: Option<OpenKey>,
        needed: Option<Scope>,
        peer: IpAddr,
    ) -> Result<(Caller, Allowance), Problem> {
        let (keyring, sign_ins, needed) = match (self, needed) {
            (Self::Keys(keyring, sign_ins), Some(needed)) => (keyring, sign_ins, needed),
            (Self::Keys(..), None) => return Ok((Caller::Anybody, Allowance::unlimited())),
            (Self::Open(pages), _) => {
                pages::refuse(headers, needed, pages)?;
                return Ok((Caller::Anybody, Allowance::unlimited()));
            }
        };
        let refused = |why| {
            move |problem| {
                sign_ins.failed(peer, why);
                problem
            }
        };
        let presented = presented(headers, open).map_err(refused(SignInFailure::NoKey))?;
        let found = match KeyHash::of(presented.key.expose()) {
            Some(hash) => keyring.find(hash).await?,
            None => None,
        };
        match found {
            None => Err(unauthorized("the API key is not known, or was revoked"))
                .map_err(refused(SignInFailure::UnknownKey)),
            Some(Known { key, .. }) if presented.is_in_the_open && key.scope == Scope::Admin => {
                let detail = "an admin key is not taken from a URL or a body, where others may see it; send a key that \
                              may only send events, or the key as Authorization: Bearer cmk_…";
                Err(Problem::new(Kind::Forbidden, detail)).map_err(refused(SignInFailure::Scope))
            }
            Some(Known { key, limit }) if key.scope.covers(needed) => {
                Ok((Caller::Key(key), Allowance::of(limit)))
            }
            Some(Known { key, .. }) => {
                let detail =
                    format!("this needs a key of scope {}; the key has {}", needed.name(), key.scope.name());
                Err(Problem::new(Kind::Forbidden, detail)
                    .with_challenge(r#"Bearer realm="campaign-manager", error="insufficient_scope""#))
                .map_err(refused(SignInFailure::Scope))
            }
        }
    }

    /// Whether a request with these headers can only be let in by a key in its URL or its body.
    pub(super) fn needs_open_key(&self, headers: &HeaderMap) -> bool {
        matches!(self, Self::Keys(..)) && !is_in_headers(headers)
    }

    /// Refuses to change keys where nobody is asked for one: whoever reaches this server once would keep what he made
    /// for the day when keys are asked for.
    pub(super) fn check_keys_in_use(&self) -> Result<(), Problem> {
        if let Self::Keys(..) = self {
            return Ok(());
        }
        let detail = "this server runs with --auth=none, where keys can be listed only; start it with --auth=keys, or \
                      change keys at the command line: campaign-manager keys create, campaign-manager keys revoke";
        Err(Problem::new(Kind::KeysUnused, detail))
    }

    /// Takes note that this server revoked a key, so that it stops working here at once.
    pub(super) fn forget(&self, id: KeyId) {
        if let Self::Keys(keyring, _) = self {
            keyring.forget(id);
        }
    }
}

fn unauthorized(detail: &str) -> Problem {
    Problem::new(Kind::Unauthorized, detail).with_challenge(r#"Bearer realm="campaign-manager""#)
}
