//! API keys: who may call.
//!
//! A key is shown once, when it is created; only its SHA-256 is kept. Keys are random enough (256 bits) that a plain hash
//! hides them, and looking one up by its hash leaks nothing through timing.

use std::error::Error;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deadpool_postgres::Pool;
use sha2::{Digest, Sha256};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type, accepts};

use super::StoreError;

const PREFIX: &str = "cmk_";

/// What a key allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Scope {
    /// To send events, nothing else; such a key may be seen by users, in a browser say
    Ingest,
    /// Everything
    Admin,
}

impl Scope {
    /// Whether a key of this scope may do what `needed` stands for.
    #[must_use]
    pub fn covers(self, needed: Self) -> bool {
        self == Self::Admin || needed == Self::Ingest
    }

    /// Its name, in the API and in the store.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Admin => "admin",
        }
    }
}

/// A key itself. `Debug` does not show it.
pub struct ApiKey(String);

impl ApiKey {
    /// A new key: `cmk_` and 256 random bits.
    #[must_use]
    pub fn generate() -> Self {
        let bits: [u8; 32] = rand::random();
        Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bits)))
    }

    /// The key's text. Not for logs.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

/// What is kept of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// The hash of the key that a client sent; `None` when it has not the form of a key.
    #[must_use]
    pub fn of(key: &str) -> Option<Self> {
        key.starts_with(PREFIX).then(|| Self(Sha256::digest(key.as_bytes()).into()))
    }
}

/// A key that may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownKey {
    /// Its number.
    pub id: i64,
    /// What it is for.
    pub name: String,
    /// What it allows.
    pub scope: Scope,
}

/// Creates a key. It cannot be shown again.
pub async fn create(pool: &Pool, name: &str, scope: Scope) -> Result<ApiKey, StoreError> {
    let key = ApiKey::generate();
    let hash = Sha256::digest(key.0.as_bytes());
    pool.get()
        .await?
        .query_typed(
            "insert into api_keys (name, scope, hash) values ($1, $2, $3)",
            &[(&name, Type::TEXT), (&scope.name(), Type::TEXT), (&hash.as_slice(), Type::BYTEA)],
        )
        .await?;
    Ok(key)
}

/// Whether there is a key that was not revoked.
pub async fn exist(pool: &Pool) -> Result<bool, StoreError> {
    let client = pool.get().await?;
    let row = client.query_one("select exists (select from api_keys where revoked_at is null)", &[]).await?;
    Ok(row.get(0))
}

/// The key with this hash; `None` when there is no such key, or it was revoked.
pub async fn find(pool: &Pool, hash: KeyHash) -> Result<Option<KnownKey>, StoreError> {
    let row = pool
        .get()
        .await?
        .query_typed_opt(
            "select id, name, scope from api_keys where hash = $1 and revoked_at is null",
            &[(&hash.0.as_slice(), Type::BYTEA)],
        )
        .await?;
    let known =
        |row: Row| Ok(KnownKey { id: row.try_get(0)?, name: row.try_get(1)?, scope: row.try_get(2)? });
    row.map(known).transpose()
}

impl<'a> FromSql<'a> for Scope {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        match <&str>::from_sql(kind, raw)? {
            "ingest" => Ok(Self::Ingest),
            "admin" => Ok(Self::Admin),
            other => Err(format!("{other:?} is not a scope known to this release").into()),
        }
    }

    accepts!(TEXT);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_long_and_never_the_same() {
        let (one, other) = (ApiKey::generate(), ApiKey::generate());
        assert_eq!(one.expose().len(), "cmk_".len() + 43);
        assert_ne!(one.expose(), other.expose());
    }

    #[test]
    fn a_key_is_known_by_its_hash_and_other_text_has_none() {
        let key = ApiKey::generate();
        assert_eq!(KeyHash::of(key.expose()), KeyHash::of(key.expose()));
        assert_ne!(KeyHash::of(key.expose()), KeyHash::of("cmk_"));
        assert_eq!(KeyHash::of("secret"), None);
    }

    #[test]
    fn debug_output_does_not_show_the_key() {
        let key = ApiKey::generate();
        assert!(!format!("{key:?}").contains(key.expose()));
    }

    #[test]
    fn an_admin_key_may_send_events_and_an_ingest_key_may_do_nothing_else() {
        assert!(Scope::Admin.covers(Scope::Ingest) && Scope::Admin.covers(Scope::Admin));
        assert!(Scope::Ingest.covers(Scope::Ingest) && !Scope::Ingest.covers(Scope::Admin));
    }
}
