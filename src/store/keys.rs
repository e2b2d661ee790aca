//! API keys: who may call.
//!
//! A key is shown once, when it is created; only its SHA-256 is kept. Keys are random enough (256 bits) that a plain hash
//! hides them.
//!
//! No key is ever compared with another one: its hash is looked up, in memory and in an index, and neither takes the same
//! time for every hash. What that time could tell is how a hash begins. Nobody can make a key whose hash begins in a wanted
//! way but by trying, so nothing leads from there to a valid key, and a comparison in constant time would add nothing.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::num::NonZeroU32;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio_postgres::types::{FromSql, ToSql, Type, accepts};
use tokio_postgres::{Client, Row};

use super::{Pool, StoreError};
use crate::ops::metrics::{PostgresOperation, timed};
use crate::queue::SenderClass;

/// The longest name of a key, in bytes.
pub const MAX_NAME: usize = 200;

const PREFIX: &str = "cmk_";
const COLUMNS: &str = "id, name, scope, rate_limit, burst, created_at, revoked_at";
/// Gives back since when the key was revoked before.
const REVOKE: &str = "with known as (select revoked_at from api_keys where id = $1 for update)
    update api_keys set revoked_at = coalesce(known.revoked_at, now()) from known where id = $1
    returning known.revoked_at";

/// The highest rate limit that a key may have, in events a second.
pub const MAX_RATE: u32 = 1_000_000;

/// Which key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct KeyId(pub i64);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a key allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// To send events, nothing else; such a key may be seen by everybody, in a web page or an app
    Browser,
    /// To send events, nothing else; such a key is a secret of a server
    Ingest,
    /// Everything
    Admin,
}

impl Scope {
    /// Whether a key of this scope may do what `needed` stands for.
    #[must_use]
    pub fn covers(self, needed: Self) -> bool {
        self == Self::Admin || needed != Self::Admin
    }

    /// The class of those who send events with such a key.
    #[must_use]
    pub fn sender_class(self) -> SenderClass {
        match self {
            Self::Browser => SenderClass::Browser,
            Self::Ingest | Self::Admin => SenderClass::Server,
        }
    }

    /// Its name, in the API and in the store.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Browser => "browser",
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

/// The text without the keys in it: for messages that quote a client, who may have put its key in the wrong place.
#[must_use]
pub fn without_keys(text: &str) -> Cow<'_, str> {
    let is_of_key = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut parts = text.split(PREFIX);
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shown.push_str(PREFIX);
        let rest = part.trim_start_matches(is_of_key);
        shown.push_str(if rest.len() == part.len() { "" } else { "…" });
        shown.push_str(rest);
    }
    if shown == text { Cow::Borrowed(text) } else { Cow::Owned(shown) }
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
    pub id: KeyId,
    /// What it is for.
    pub name: String,
    /// What it allows.
    pub scope: Scope,
    /// How much may be sent with it; `None` without a limit.
    pub rate_limit: Option<Rate>,
}

/// How many events may be sent with a key. A request for management counts as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// So many a second, in the long run.
    pub per_second: NonZeroU32,
    /// So many at once; `None` for as many as go into one body, or as a second gives if that is more.
    pub burst: Option<NonZeroU32>,
}

impl Rate {
    /// A rate with the usual burst.
    #[must_use]
    pub fn per_second(rate: NonZeroU32) -> Self {
        Self { per_second: rate, burst: None }
    }
}

/// A key as it is kept, revoked or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// What is known of it where it is used.
    pub key: KnownKey,
    /// Since when there has been such a key.
    pub created_at: Timestamp,
    /// Since when it may not be used any more.
    pub revoked_at: Option<Timestamp>,
}

/// What a new key is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewKey<'a> {
    /// What it is for.
    pub name: &'a str,
    /// What it allows.
    pub scope: Scope,
    /// How much may be sent with it; `None` without a limit.
    pub rate_limit: Option<Rate>,
}

/// Whether a key may have this name; otherwise what is wrong with it.
pub fn check_name(name: &str) -> Result<(), String> {
    if name.trim().is_empty() {
        Err("is blank".to_owned())
    } else if name.len() > MAX_NAME {
        Err(format!("is {} bytes long; the limit is {MAX_NAME}", name.len()))
    } else if let Some(control) = name.chars().find(|c| c.is_control()) {
        Err(format!("contains U+{:04X}, a control character; use printable ones", u32::from(control)))
    } else {
        Ok(())
    }
}

/// How a revocation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// The key is revoked from now on.
    Revoked,
    /// It was revoked before, at this time.
    RevokedBefore(Timestamp),
    /// There never was such a key.
    Missing,
    /// Nothing was done: no other admin key is left.
    LastAdmin,
}

/// Creates a key. It cannot be shown again.
pub async fn create(pool: &Pool, new: &NewKey<'_>) -> Result<(ApiKey, KeyRecord), StoreError> {
    let key = ApiKey::generate();
    let hash = Sha256::digest(key.0.as_bytes());
    let sql = format!(
        "insert into api_keys (name, scope, rate_limit, burst, hash) values ($1, $2, $3, $4, $5) returning {COLUMNS}"
    );
    let column = |count: NonZeroU32| i32::try_from(count.get()).unwrap_or(i32::MAX);
    let rate = new.rate_limit.map(|rate| column(rate.per_second));
    let burst = new.rate_limit.and_then(|rate| rate.burst).map(column);
    let parameters: [(&(dyn ToSql + Sync), Type); 5] = [
        (&new.name, Type::TEXT),
        (&new.scope.name(), Type::TEXT),
        (&rate, Type::INT4),
        (&burst, Type::INT4),
        (&hash.as_slice(), Type::BYTEA),
    ];
    let created = pool.row(PostgresOperation::Write, &sql, &parameters).await?;
    Ok((key, record(&created.expect("a row that was inserted is returned"))?))
}

/// Whether there is a key that was not revoked.
pub async fn exist(pool: &Pool) -> Result<bool, StoreError> {
    const SELECT: &str = "select from api_keys where revoked_at is null limit 1";
    Ok(pool.row(PostgresOperation::Read, SELECT, &[]).await?.is_some())
}

/// The key with this hash; `None` when there is no such key, or it was revoked.
pub async fn find(pool: &Pool, hash: KeyHash) -> Result<Option<KnownKey>, StoreError> {
    let sql = format!("select {COLUMNS} from api_keys where hash = $1 and revoked_at is null");
    let row = pool.row(PostgresOperation::Key, &sql, &[(&hash.0.as_slice(), Type::BYTEA)]).await?;
    Ok(row.as_ref().map(known).transpose()?)
}

/// At most `limit` keys, the newest first, revoked ones too; below `before` if that is given.
pub async fn list(pool: &Pool, before: Option<KeyId>, limit: u16) -> Result<Vec<KeyRecord>, StoreError> {
    let sql = format!(
        "select {COLUMNS} from api_keys where ($1::bigint is null or id < $1) order by id desc limit $2"
    );
    let parameters: [(&(dyn ToSql + Sync), Type); 2] =
        [(&before.map(|id| id.0), Type::INT8), (&i64::from(limit), Type::INT8)];
    let rows = pool.rows(PostgresOperation::Read, &sql, &parameters).await?;
    Ok(rows.iter().map(record).collect::<Result<_, _>>()?)
}

/// Revokes a key, the last admin key too.
pub async fn revoke(pool: &Pool, id: KeyId) -> Result<Revocation, StoreError> {
    Ok(revocation(pool.row(PostgresOperation::Write, REVOKE, &[(&id.0, Type::INT8)]).await?.as_ref())?)
}

/// Revokes a key, unless that would leave no admin key.
pub async fn revoke_unless_last(pool: &Pool, id: KeyId) -> Result<Revocation, StoreError> {
    let mut client = pool.get().await?;
    timed(PostgresOperation::Write, revoke_on(&mut client, id)).await
}

async fn revoke_on(client: &mut Client, id: KeyId) -> Result<Revocation, StoreError> {
    let transaction = client.transaction().await?;
    // Two admins who revoke each other's key at once come one after the other.
    let admins = transaction
        .query_typed(
            "select id from api_keys where scope = 'admin' and revoked_at is null order by id for update",
            &[],
        )
        .await?;
    if matches!(admins.as_slice(), [only] if only.try_get::<_, i64>(0)? == id.0) {
        return Ok(Revocation::LastAdmin);
    }
    let revoked = revocation(transaction.query_typed_opt(REVOKE, &[(&id.0, Type::INT8)]).await?.as_ref())?;
    transaction.commit().await?;
    Ok(revoked)
}

/// What a row of [`REVOKE`] says.
fn revocation(row: Option<&Row>) -> Result<Revocation, tokio_postgres::Error> {
    let Some(row) = row else { return Ok(Revocation::Missing) };
    Ok(row.try_get::<_, Option<Timestamp>>(0)?.map_or(Revocation::Revoked, Revocation::RevokedBefore))
}

fn known(row: &Row) -> Result<KnownKey, tokio_postgres::Error> {
    let count = |column: usize| -> Result<Option<NonZeroU32>, tokio_postgres::Error> {
        let count: Option<i32> = row.try_get(column)?;
        Ok(count.and_then(|count| NonZeroU32::new(count.unsigned_abs())))
    };
    let (per_second, burst) = (count(3)?, count(4)?);
    Ok(KnownKey {
        id: KeyId(row.try_get(0)?),
        name: row.try_get(1)?,
        scope: row.try_get(2)?,
        rate_limit: per_second.map(|per_second| Rate { per_second, burst }),
    })
}

fn record(row: &Row) -> Result<KeyRecord, tokio_postgres::Error> {
    Ok(KeyRecord { key: known(row)?, created_at: row.try_get(5)?, revoked_at: row.try_get(6)? })
}

impl<'a> FromSql<'a> for Scope {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        match <&str>::from_sql(kind, raw)? {
            "browser" => Ok(Self::Browser),
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
    fn a_quoted_key_is_left_out_of_a_message() {
        let key = ApiKey::generate();
        let quoted = format!("{:?} is no cursor; cmk_{}", key.expose(), key.expose());
        assert_eq!(without_keys(&quoted), "\"cmk_…\" is no cursor; cmk_cmk_…");
        assert_eq!(without_keys("send Bearer cmk_…"), "send Bearer cmk_…");
    }

    #[test]
    fn debug_output_does_not_show_the_key() {
        let key = ApiKey::generate();
        assert!(!format!("{key:?}").contains(key.expose()));
    }

    #[test]
    fn an_admin_key_may_send_events_and_other_keys_may_do_nothing_else() {
        assert!(Scope::Admin.covers(Scope::Ingest) && Scope::Admin.covers(Scope::Admin));
        for scope in [Scope::Ingest, Scope::Browser] {
            assert!(scope.covers(Scope::Ingest) && !scope.covers(Scope::Admin), "{scope:?}");
        }
    }
}
