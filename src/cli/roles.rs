//! `campaign-manager roles`: the roles that `migrate`, `serve` and `worker` log in as.

use std::io::Write as _;

use anyhow::Context as _;
use campaign_manager::config::DatabaseUrl;
use campaign_manager::store::roles::{Login, Logins, make};
use clap::Args;

use super::Database;

#[derive(Debug, Args)]
pub(super) struct RolesArgs {
    /// Somebody who may make roles and own the database: a superuser, say
    #[command(flatten)]
    database: Database,
    /// What `migrate` will connect with; its user becomes the owner, and gets its password
    #[arg(long, env = "OWNER_DATABASE_URL", hide_env_values = true)]
    owner_database_url: DatabaseUrl,
    /// What `serve` will connect with
    #[arg(long, env = "SERVE_DATABASE_URL", hide_env_values = true)]
    serve_database_url: DatabaseUrl,
    /// What `worker` will connect with
    #[arg(long, env = "WORKER_DATABASE_URL", hide_env_values = true)]
    worker_database_url: DatabaseUrl,
}

fn login(url: &DatabaseUrl, flag: &'static str) -> anyhow::Result<Login> {
    Login::of(url).with_context(|| format!("{flag} cannot be used"))
}

/// Makes the roles, or gives those that are there these passwords, and gives all tables to the owner.
pub(super) async fn run(args: &RolesArgs) -> anyhow::Result<()> {
    let logins = Logins {
        owner: login(&args.owner_database_url, "--owner-database-url")?,
        serve: login(&args.serve_database_url, "--serve-database-url")?,
        worker: login(&args.worker_database_url, "--worker-database-url")?,
    };
    make(&args.database.database_url, &logins).await?;
    let Logins { owner, serve, worker } = &logins;
    writeln!(std::io::stdout(), "the database belongs to {}", owner.role)?;
    Ok(writeln!(
        std::io::stdout(),
        "now, as {}: campaign-manager migrate --grant-serve {} --grant-worker {}",
        owner.role,
        serve.role,
        worker.role
    )?)
}
