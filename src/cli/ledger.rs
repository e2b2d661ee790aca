//! `campaign-manager ledger`: the ledger as a table, and its audit.

use std::io::Write as _;
use std::time::Duration;

use anyhow::bail;
use campaign_manager::config::{QueueConfig, ServerUrls, StoreConfig, duration};
use campaign_manager::ledger::{self, Day, Ledger};
use campaign_manager::queue::{self, Shards};
use campaign_manager::store;
use clap::Args;
use tokio::time::{Instant, sleep};

/// Between two looks at the queue.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

#[derive(Debug, Args)]
pub(super) struct LedgerArgs {
    #[command(flatten)]
    urls: ServerUrls,
    #[command(flatten)]
    queue: QueueConfig,
    /// How many days back, today being one of them
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=366))]
    days: u16,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
    /// Wait until nothing is queued, at most this long
    #[arg(long, value_name = "TIME", value_parser = duration)]
    wait: Option<Duration>,
}

/// Prints the ledger. What does not add up is an error, and so is a wait in vain.
pub(super) async fn run(args: &LedgerArgs) -> anyhow::Result<()> {
    let LedgerArgs { urls, queue, days, json, wait } = args;
    let postgres = store::connect(&urls.database_url, &StoreConfig::for_one_command())?;
    let redis = queue::pool(&urls.redis_url, queue)?;
    let at_rest = match wait {
        Some(wait) => until_at_rest(&redis, queue.shards, *wait).await?,
        None => true,
    };
    let ledger = ledger::read(&redis, &postgres, queue.shards, *days).await?;
    let shown = if *json { serde_json::to_string(&ledger)? + "\n" } else { table(&ledger) };
    std::io::stdout().write_all(shown.as_bytes())?;
    let differences: Vec<String> = ledger.audit().iter().map(ToString::to_string).collect();
    if !differences.is_empty() {
        bail!("the ledger does not add up\n{}", differences.join("\n"));
    }
    if let (false, Some(wait)) = (at_rest, wait) {
        let events = ledger.queued.events;
        bail!(
            "events were still queued after {wait:?} ({events} now); does a worker run? Wait longer with --wait"
        );
    }
    Ok(())
}

/// Waits until nothing is queued; says whether that came to be in time.
async fn until_at_rest(redis: &queue::Pool, shards: Shards, wait: Duration) -> anyhow::Result<bool> {
    let deadline = Instant::now() + wait;
    while !ledger::at_rest(redis, shards).await? {
        if Instant::now() >= deadline {
            return Ok(false);
        }
        sleep(POLL_INTERVAL).await;
    }
    Ok(true)
}

fn table(ledger: &Ledger) -> String {
    let mut table =
        row(["day", "accepted", "stored", "duplicate", "dead-lettered", "in flight", "reported", "lost"]
            .map(str::to_owned));
    for day in &ledger.days {
        let Day { day, accepted, stored, duplicate, dead_lettered, in_flight, reported, lost } = day;
        let counts = [accepted, stored, duplicate, dead_lettered, reported, lost].map(u64::to_string);
        let [accepted, stored, duplicate, dead_lettered, reported, lost] = counts;
        let (day, in_flight) = (day.to_string(), in_flight.to_string());
        table += &row([day, accepted, stored, duplicate, dead_lettered, in_flight, reported, lost]);
    }
    let state = match ledger.audit().as_slice() {
        [_, ..] => "not balanced".to_owned(),
        [] if ledger.at_rest => "balanced".to_owned(),
        [] => format!("{} in flight", ledger.in_flight()),
    };
    format!("{table}{state}; {} events, {} bytes queued\n", ledger.queued.events, ledger.queued.bytes)
}

fn row([day, numbers @ ..]: [String; 8]) -> String {
    let columns = numbers.map(|number| format!("{number:>15}")).concat();
    format!("{day:<10}{columns}\n")
}
