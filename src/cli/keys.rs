//! `campaign-manager keys`: create API keys, list them, revoke them.

use std::io::Write as _;
use std::num::NonZeroU32;

use anyhow::bail;
use campaign_manager::api::keys::View;
use campaign_manager::config::{Auth, DatabaseUrl, StoreConfig};
use campaign_manager::roles::WelcomeKey;
use campaign_manager::store::keys::{
    self, KeyId, KeyRecord, KnownKey, MAX_RATE, NewKey, Rate, Revocation, Scope,
};
use campaign_manager::store::{self, Pool};
use clap::{Args, Subcommand};

use super::Database;
use super::printable::printable;

/// What the list shows of a name.
const NAME: usize = 60;

#[derive(Debug, Subcommand)]
pub(super) enum KeysAction {
    /// Create a key and print it, this once
    Create(CreateArgs),
    /// List them, the newest first; the keys themselves are kept nowhere
    List(ListArgs),
    /// Revoke a key: within five seconds no server takes it any more
    Revoke {
        /// Its id
        id: i64,
        #[command(flatten)]
        database: Database,
    },
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// What the key is for, to recognise it by
    #[arg(long, value_parser = name)]
    name: String,
    /// `browser` may send events and be seen in pages and apps, `ingest` may send events and is a secret of servers, `admin` may do everything
    #[arg(long, value_enum)]
    scope: Scope,
    /// The most events a second that each server takes with it; none if not given
    #[arg(long, value_name = "EVENTS", value_parser = rate_limit)]
    rate_limit: Option<NonZeroU32>,
    /// The most events that each server takes with it at once; as many as go into one body if not given
    #[arg(long, value_name = "EVENTS", value_parser = rate_limit, requires = "rate_limit")]
    burst: Option<NonZeroU32>,
    #[command(flatten)]
    database: Database,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    database: Database,
    /// The most that are listed
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
    /// Print a line of JSON for each
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(action: KeysAction) -> anyhow::Result<()> {
    match action {
        KeysAction::Create(args) => create(&args).await,
        KeysAction::List(args) => list(&args).await,
        KeysAction::Revoke { id, database } => revoke(KeyId(id), &database).await,
    }
}

/// A key for the first start, where keys are wanted and there is none yet.
pub(super) async fn first_key(
    auth: Auth,
    url: &DatabaseUrl,
    config: &StoreConfig,
) -> anyhow::Result<WelcomeKey> {
    if auth == Auth::None {
        return Ok(WelcomeKey::Unneeded);
    }
    let pool = store::connect(url, config)?;
    if keys::exist(&pool).await? {
        return Ok(WelcomeKey::Known);
    }
    let first = NewKey { name: "first admin", scope: Scope::Admin, rate_limit: None };
    Ok(WelcomeKey::New(keys::create(&pool, &first).await?.0.expose().to_owned()))
}

fn connect(database: &Database) -> anyhow::Result<Pool> {
    Ok(store::connect(&database.database_url, &StoreConfig::for_one_command())?)
}

async fn create(args: &CreateArgs) -> anyhow::Result<()> {
    let CreateArgs { ref name, scope, rate_limit, burst, ref database } = *args;
    let rate_limit = rate_limit.map(|per_second| Rate { per_second, burst });
    let (key, _) = keys::create(&connect(database)?, &NewKey { name, scope, rate_limit }).await?;
    Ok(writeln!(std::io::stdout(), "{}", key.expose())?)
}

async fn list(args: &ListArgs) -> anyhow::Result<()> {
    let ListArgs { database, limit, json } = args;
    let mut out = std::io::stdout();
    for record in &keys::list(&connect(database)?, None, *limit).await? {
        let line = if *json { serde_json::to_string(&View::of(record))? } else { line(record) };
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn line(record: &KeyRecord) -> String {
    let KeyRecord { key: KnownKey { id, name, scope, rate_limit }, created_at, revoked_at } = record;
    let (scope, name) = (scope.name(), printable(name, NAME));
    let rate = rate_limit.map_or("no limit".to_owned(), |rate| format!("{}/s", rate.per_second));
    let burst =
        rate_limit.and_then(|rate| rate.burst).map_or(String::new(), |burst| format!("burst {burst}"));
    let state = revoked_at.map_or("valid".to_owned(), |at| format!("revoked {at:.0}"));
    format!("{id:>6}  {created_at:.0}  {scope:<7}  {rate:>9}  {burst:<13}  {state:<28}  {name}")
}

async fn revoke(id: KeyId, database: &Database) -> anyhow::Result<()> {
    let said = match keys::revoke(&connect(database)?, id).await? {
        Revocation::Missing => {
            bail!("there is no key {id}; campaign-manager keys list shows those there are")
        }
        Revocation::RevokedBefore(at) => format!("key {id} was already revoked at {at:.0}"),
        Revocation::Revoked | Revocation::LastAdmin => format!("revoked key {id}"),
    };
    Ok(writeln!(std::io::stdout(), "{said}")?)
}

/// Reads the name of a key.
fn name(text: &str) -> Result<String, String> {
    keys::check_name(text).map(|()| text.to_owned()).map_err(|complaint| format!("it {complaint}"))
}

fn rate_limit(text: &str) -> Result<NonZeroU32, String> {
    let rate = text.parse().ok().filter(|rate: &NonZeroU32| rate.get() <= MAX_RATE);
    rate.ok_or_else(|| format!("write a whole number of events, from 1 to {MAX_RATE}"))
}
