//! `campaign-manager migrate`: the newest schema, or word of whether it is there.

use std::io::Write as _;
use std::time::Duration;

use anyhow::bail;
use campaign_manager::config::{DatabaseUrl, duration};
use campaign_manager::store::migrate::{migrate_and_grant, newest, version};
use campaign_manager::store::roles::Grantees;
use clap::Args;
use tokio::time::{Instant, sleep};

use super::Database;

/// Between two looks at the schema.
const LOOK: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub(super) struct MigrateArgs {
    #[command(flatten)]
    database: Database,
    /// A role to grant what `serve` needs; roles of an earlier run need not be named again
    #[arg(long, value_name = "ROLE", env = "SERVE_ROLE")]
    grant_serve: Option<String>,
    /// The role to grant what `worker` needs
    #[arg(long, value_name = "ROLE", env = "WORKER_ROLE")]
    grant_worker: Option<String>,
    /// Change nothing; say whether the schema is new enough for this program
    #[arg(long)]
    check: bool,
    /// Wait until it is, at most this long
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "check")]
    wait: Option<Duration>,
}

/// Applies what is missing. With `--check`, a schema that is too old is an error.
pub(super) async fn run(args: &MigrateArgs) -> anyhow::Result<()> {
    let (url, mut out) = (&args.database.database_url, std::io::stdout());
    let version = if args.check {
        checked(url, args.wait.unwrap_or_default()).await?
    } else {
        let grantees =
            Grantees { serve: args.grant_serve.iter().cloned().collect(), worker: args.grant_worker.clone() };
        let applied = migrate_and_grant(url.expose(), &grantees).await?;
        for migration in &applied.migrations {
            writeln!(out, "applied {migration}")?;
        }
        applied.version
    };
    Ok(writeln!(out, "the schema is at version {version}")?)
}

/// The version of the schema, once it is the newest one that this program knows, or newer.
async fn checked(url: &DatabaseUrl, wait: Duration) -> anyhow::Result<i32> {
    let (deadline, wanted) = (Instant::now() + wait, newest());
    loop {
        let found = version(url).await;
        if let Ok(found) = found
            && found >= wanted
        {
            return Ok(found);
        }
        if Instant::now() >= deadline {
            let found = found?;
            bail!("the schema is at version {found}, and {wanted} is needed; run: campaign-manager migrate");
        }
        sleep(LOOK).await;
    }
}
