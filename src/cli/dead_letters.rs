//! `campaign-manager dead-letters`: look at the events that could not be stored, and have them tried again.

use std::io::Write as _;

use anyhow::{Context as _, bail};
use campaign_manager::api::dead_letters::View;
use campaign_manager::config::{DatabaseUrl, QueueConfig, ServerUrls, StoreConfig};
use campaign_manager::queue::{self, Pool};
use campaign_manager::replay::{self, ReplayError, Replayed};
use campaign_manager::store;
use campaign_manager::store::dead_letters::{self, DeadLetter, Filter, LetterId, Reason, State};
use clap::{Args, Subcommand};
use indicatif::ProgressBar;

use super::Database;
use super::printable::printable;

/// What the list shows of a reason; `show` has all of it.
const DETAIL: usize = 80;

#[derive(Debug, Subcommand)]
pub(super) enum DeadLettersAction {
    /// List them, the newest first
    List(ListArgs),
    /// Show one, with its payload, as JSON
    Show {
        /// Its id
        id: i64,
        #[command(flatten)]
        database: Database,
    },
    /// Queue them again, to be stored once; also those that were queued again before and are not stored yet
    Replay(ReplayArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    database: Database,
    /// Only those with this reason
    #[arg(long, value_enum)]
    reason: Option<Reason>,
    /// Only those that have come so far
    #[arg(long, value_enum)]
    state: Option<State>,
    /// The most that are listed
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
    /// Print a line of JSON for each
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    #[command(flatten)]
    urls: ServerUrls,
    #[command(flatten)]
    queue: QueueConfig,
    /// Which, by id
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<i64>,
    /// All that were not queued again yet. May be ended at any time, and begun again
    #[arg(long)]
    all: bool,
    /// Of all, only those with this reason
    #[arg(long, requires = "all", value_enum)]
    reason: Option<Reason>,
}

pub(super) async fn run(action: DeadLettersAction) -> anyhow::Result<()> {
    match action {
        DeadLettersAction::List(args) => list(args).await,
        DeadLettersAction::Show { id, database } => show(id, &database).await,
        DeadLettersAction::Replay(args) => replay(args).await,
    }
}

fn connect(url: &DatabaseUrl) -> anyhow::Result<store::Pool> {
    Ok(store::connect(url, &StoreConfig::for_one_command())?)
}

async fn list(args: ListArgs) -> anyhow::Result<()> {
    let ListArgs { database, reason, state, limit, json } = args;
    let postgres = connect(&database.database_url)?;
    let letters = dead_letters::list(&postgres, &Filter { reason, state }, None, limit).await?;
    let mut out = std::io::stdout();
    for letter in &letters {
        let line = if json { serde_json::to_string(&View::of(letter))? } else { line(letter) };
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn line(letter: &DeadLetter) -> String {
    let DeadLetter { id: LetterId(id), created_at, reason, detail, events, event_id, .. } = letter;
    let what = match event_id {
        Some(event_id) => format!("event {}", printable(event_id, DETAIL)),
        None => format!("{events} events"),
    };
    let (state, reason, detail) =
        (letter.state().name(), printable(reason, DETAIL), printable(detail, DETAIL));
    format!("{id:>8}  {created_at:.0}  {state:<8}  {what}  {reason}: {detail}")
}

async fn show(id: i64, database: &Database) -> anyhow::Result<()> {
    let postgres = connect(&database.database_url)?;
    let (letter, payload) =
        dead_letters::find(&postgres, LetterId(id)).await?.ok_or(ReplayError::Missing(id))?;
    let shown = serde_json::to_string(&View::of(&letter).with_payload(&payload))?;
    Ok(writeln!(std::io::stdout(), "{shown}")?)
}

async fn replay(args: ReplayArgs) -> anyhow::Result<()> {
    let ReplayArgs { urls, queue, ids, all, reason } = args;
    let postgres = connect(&urls.database_url)?;
    let redis = queue::pool(&urls.redis_url, &queue)?;
    queue::check(&redis, queue.shards).await?;
    let replayed = if all {
        replay_all(&redis, &postgres, &queue, reason).await?
    } else {
        replay_some(&redis, &postgres, &queue, &ids).await?
    };
    let Replayed { letters, events, failed } = replayed;
    writeln!(std::io::stdout(), "queued again: {letters} dead letters with {events} events")?;
    if !failed.is_empty() {
        let reasons: Vec<String> = failed.iter().map(ToString::to_string).collect();
        bail!("{} dead letters were not queued again\n{}", failed.len(), reasons.join("\n"));
    }
    Ok(())
}

async fn replay_some(
    redis: &Pool,
    postgres: &store::Pool,
    queue: &QueueConfig,
    ids: &[i64],
) -> anyhow::Result<Replayed> {
    let mut replayed = Replayed::default();
    for id in ids {
        match replay::replay(redis, postgres, queue.shards, LetterId(*id)).await {
            Ok(events) => {
                replayed.letters += 1;
                replayed.events += events as u64;
            }
            Err(error @ (ReplayError::Queue(_) | ReplayError::Store(_))) => {
                return Err(error).with_context(|| format!("queued again so far: {}", replayed.letters));
            }
            Err(refused) => replayed.failed.push(refused),
        }
    }
    Ok(replayed)
}

async fn replay_all(
    redis: &Pool,
    postgres: &store::Pool,
    queue: &QueueConfig,
    reason: Option<Reason>,
) -> anyhow::Result<Replayed> {
    let (waiting, without_frame) = dead_letters::count_waiting(postgres, reason).await?;
    // On standard error, and only where that is a terminal.
    let bar = ProgressBar::new(waiting);
    let replayed = replay::replay_waiting(redis, postgres, queue.shards, reason, |done| bar.inc(done)).await;
    bar.finish_and_clear();
    if without_frame > 0 {
        writeln!(std::io::stdout(), "left alone: {without_frame} from which no event can be read")?;
    }
    replayed.context("interrupted; what was queued again stays so, and the rest can be replayed later")
}
