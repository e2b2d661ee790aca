//! The command line: one binary, several roles.

mod dead_letters;
mod health;
mod keys;
mod ledger;
mod migrate;
mod printable;
mod reshard;
mod roles;
mod secrets;

use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;
use campaign_manager::config::{
    AdminConfig, Auth, DatabaseUrl, QueueConfig, ServerUrls, ShutdownConfig, StoreConfig, StoresConfig,
    TelemetryConfig,
};
use campaign_manager::embedded::{
    Account, Part as StoresPart, Profile, RedisSettings, Stores, hand_over, refuse_in_use, shown,
};
use campaign_manager::offline::{self, OfflineError, Reporting};
use campaign_manager::ops::Signals;
use campaign_manager::ops::metrics::{self, Part};
use campaign_manager::roles::{
    Addresses, Process, RoleError, RunEnv, Serve, ServeSettings, WelcomeKey, Worker, WorkerSettings,
    check_ports, welcome,
};
use campaign_manager::store::migrate::migrate_and_grant;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

/// Finds, for each event, the campaigns that it triggers, and records both exactly once.
#[derive(Debug, Parser)]
#[command(name = "campaign-manager", version, about)]
pub(crate) struct Cli {
    /// Logs
    #[command(flatten)]
    pub(crate) telemetry: TelemetryConfig,
    #[command(subcommand)]
    role: Role,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Accept events and manage campaigns over HTTP
    Serve(ServeArgs),
    /// Match queued events and store them
    Worker(WorkerArgs),
    /// Run everything on this machine, with a Redis and a Postgres of its own
    Up(UpArgs),
    /// Bring the database to the newest schema
    Migrate(migrate::MigrateArgs),
    /// Make the database's roles: an owner, and one each for `serve` and `worker`
    Roles(roles::RolesArgs),
    /// Ask the process on this machine whether it is ready to work
    Health(health::HealthArgs),
    /// Match events from a file against rules from a file, without a server
    Match(MatchArgs),
    /// Check rules
    Rules {
        #[command(subcommand)]
        action: RulesAction,
    },
    /// Show what was accepted against what became of it, and whether that adds up
    Ledger(ledger::LedgerArgs),
    /// Give the queue another count of shards, while every `serve` and `worker` is ended
    Reshard(reshard::ReshardArgs),
    /// Look at events that could not be stored, and have them tried again
    DeadLetters {
        #[command(subcommand)]
        action: dead_letters::DeadLettersAction,
    },
    /// Manage API keys
    Keys {
        #[command(subcommand)]
        action: keys::KeysAction,
    },
}

/// Settings that every running role has.
#[derive(Debug, Args)]
struct Common {
    #[command(flatten)]
    admin: AdminConfig,
    #[command(flatten)]
    queue: QueueConfig,
    #[command(flatten)]
    store: StoreConfig,
    #[command(flatten)]
    shutdown: ShutdownConfig,
}

#[derive(Debug, Args)]
struct ServeArgs {
    #[command(flatten)]
    urls: ServerUrls,
    /// Who may call the API; `none` is allowed on a loopback address only
    #[arg(long, env = "AUTH", value_enum, default_value_t = Auth::Keys)]
    auth: Auth,
    #[command(flatten)]
    settings: ServeSettings,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct WorkerArgs {
    #[command(flatten)]
    urls: ServerUrls,
    #[command(flatten)]
    settings: WorkerSettings,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct UpArgs {
    /// Where the two servers keep their data; it is there again at the next start
    #[arg(long, value_name = "DIR", env = "DATA_DIR", default_value = ".data")]
    data: PathBuf,
    /// Who may call the API; `none` is allowed on a loopback address only
    #[arg(long, env = "AUTH", value_enum, default_value_t = Auth::None)]
    auth: Auth,
    /// Start only the two servers, for a `serve` and a `worker` of your own
    #[arg(long)]
    stores_only: bool,
    #[command(flatten)]
    stores: StoresConfig,
    #[command(flatten)]
    serve: ServeSettings,
    #[command(flatten)]
    worker: WorkerSettings,
    #[command(flatten)]
    common: Common,
}

impl UpArgs {
    /// Refuses settings that contradict each other.
    fn check(&self) -> Result<(), RoleError> {
        self.serve.check(self.auth)?;
        self.worker.check()
    }
}

/// Where the database is, for commands that need nothing else.
#[derive(Debug, Args)]
struct Database {
    /// Postgres, as postgres://user:password@host:port/database
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: DatabaseUrl,
}

#[derive(Debug, Args)]
struct MatchArgs {
    /// The rules: JSON Lines of {"name": …, "pattern": …}
    #[arg(long, value_name = "RULES.jsonl", required_unless_present = "cases")]
    rules: Option<PathBuf>,
    /// The events: JSON Lines; `-` is standard input
    #[arg(value_name = "EVENTS.jsonl", default_value = "-", conflicts_with = "cases")]
    events: PathBuf,
    #[command(flatten)]
    reporting: Reporting,
    /// Rules and events in pairs instead: JSON Lines of {"pattern" or "rules": …, "event": …}, each as JSON or as JSON text in a
    /// string; `-` is standard input
    #[arg(long, value_name = "CASES.jsonl", conflicts_with_all = ["rules", "explain", "stats"])]
    cases: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum RulesAction {
    /// Check the rule in a file, and say all that is wrong with it
    Check {
        /// The file, which holds one rule as JSON; `-` is standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// Reads the command line, the environment, and the files that hold secrets; and says behind which flags a password stands.
pub(crate) fn read() -> Result<(Cli, Vec<String>), clap::Error> {
    let command = Cli::command();
    let mut command = secrets::from_files(command.clone())
        .map_err(|message| command.clone().error(clap::error::ErrorKind::ValueValidation, message))?;
    let matches = command.try_get_matches_from_mut(std::env::args_os())?;
    let shown = secrets::shown(&command, &matches);
    Ok((Cli::from_arg_matches(&matches)?, shown))
}

impl Cli {
    /// Where root has started a role that answers HTTP, it becomes somebody without rights, before there is a second thread:
    /// whoever parses what strangers send shall not be root. The folder of `up` is handed over first.
    pub(crate) fn leave_root(&mut self) -> anyhow::Result<()> {
        let account = match &mut self.role {
            Role::Up(args) => {
                // Nothing is made for what cannot start.
                args.check()?;
                refuse_in_use(&args.data)?;
                if !args.stores_only {
                    check_ports(&[(args.serve.http.addr, "--http"), (args.common.admin.addr, "--admin")])?;
                }
                let Some((account, data)) = hand_over(&args.data)? else { return Ok(()) };
                args.data = data;
                account
            }
            Role::Serve(_) | Role::Worker(_) => match Account::to_drop_to()? {
                Some(account) => account,
                None => return Ok(()),
            },
            _ => return Ok(()),
        };
        match account.enter() {
            Ok(()) => tracing::info!(%account, "started as root, and runs as another user from here on"),
            Err(error) => {
                tracing::warn!(%error, "started as root, and may not become another user; start it as one");
            }
        }
        Ok(())
    }

    /// Runs the role until it has ended.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self.role {
            Role::Serve(args) => serve(args).await,
            Role::Worker(args) => worker(args).await,
            Role::Up(args) => up(args).await,
            Role::Migrate(args) => migrate::run(&args).await,
            Role::Roles(args) => roles::run(&args).await,
            Role::Health(args) => health::run(&args).await,
            Role::Match(args) => Ok(match_files(&args)?),
            Role::Rules { action: RulesAction::Check { file } } => {
                Ok(offline::check(&file, std::io::stdout().lock())?)
            }
            Role::Ledger(args) => ledger::run(&args).await,
            Role::Reshard(args) => reshard::run(&args).await,
            Role::DeadLetters { action } => dead_letters::run(action).await,
            Role::Keys { action } => keys::run(action).await,
        }
    }
}

async fn serve(args: ServeArgs) -> anyhow::Result<()> {
    let ServeArgs { urls, auth, settings, common } = args;
    let (mut signals, metrics) = (Signals::listen()?, metrics::install(&[Part::Serve])?);
    let mut process = Process::default();
    let serve =
        Serve::start(&urls, auth, &common.queue, &common.store, &settings, &mut process.readiness).await?;
    let (http, scheme) = (serve.addr(), serve.scheme());
    process.serve = Some(serve);
    let admin = process.open_admin(&common.admin, metrics)?;
    tracing::info!(%http, scheme, admin = %admin.addr(), "serving");
    Ok(process.run(&mut signals, Some(admin), &common.shutdown).await?)
}

async fn worker(args: WorkerArgs) -> anyhow::Result<()> {
    let WorkerArgs { urls, settings, common } = args;
    let (mut signals, metrics) = (Signals::listen()?, metrics::install(&[Part::Worker])?);
    let mut process = Process::default();
    let worker =
        Worker::start(&urls, &common.queue, &common.store, &settings, &mut process.readiness).await?;
    process.worker = Some(worker);
    let admin = process.open_admin(&common.admin, metrics)?;
    tracing::info!(admin = %admin.addr(), "working");
    Ok(process.run(&mut signals, Some(admin), &common.shutdown).await?)
}

async fn up(mut args: UpArgs) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    args.check()?;
    tracing::info!(data = %shown(&args.data).display(), "starting Redis and Postgres; they read what they have kept");
    let profile = Profile::Durable(RedisSettings {
        fsync: args.stores.redis_fsync,
        max_memory: Some(args.serve.ingest.marks.budget.get()),
    });
    let stores = tokio::select! {
        biased;
        started = Stores::start(&args.data, profile) => started?,
        () = signals.next() => {
            tracing::info!("ended before Redis and Postgres were ready");
            return Ok(());
        }
    };
    let env =
        RunEnv::open(&args.data).with_context(|| format!("cannot open {}", shown(&args.data).display()))?;
    // That of a killed run names ports that are gone.
    env.remove();
    // No other worker can be at work on the folder, so what the last one left is ours to go on with at once.
    args.worker.worker.consumer.get_or_insert_with(|| "up".to_owned());
    let ended = up_on(&args, stores, &env, &mut signals).await;
    env.remove();
    ended
}

async fn up_on(args: &UpArgs, stores: Stores, env: &RunEnv, signals: &mut Signals) -> anyhow::Result<()> {
    let common = &args.common;
    let grantees = stores.make_roles().await?;
    let mut addresses = Addresses::of_stores(&stores);
    let [of_serve, of_worker] = [StoresPart::Serve, StoresPart::Worker].map(|part| stores.urls(part));
    migrate_and_grant(addresses.urls.database_url.expose(), &grantees).await?;
    let mut process = Process { stores: Some(stores), ..Process::default() };
    let (mut key, mut admin) = (WelcomeKey::Unneeded, None);
    if !args.stores_only {
        // Before anything counts.
        let metrics = metrics::install(&[Part::Serve, Part::Worker])?;
        let (queue, store, readiness) = (&common.queue, &common.store, &mut process.readiness);
        process.worker = Some(Worker::start(&of_worker, queue, store, &args.worker, readiness).await?);
        let serve = Serve::start(&of_serve, args.auth, queue, store, &args.serve, readiness).await?;
        (addresses.http, addresses.scheme) = (Some(serve.addr()), serve.scheme());
        process.serve = Some(serve);
        key = keys::first_key(args.auth, &of_serve.database_url, store).await?;
        let port = process.open_admin(&common.admin, metrics)?;
        addresses.admin = Some(port.addr());
        admin = Some(port);
    }
    announce(&addresses, env, &key)?;
    Ok(process.run(signals, admin, &common.shutdown).await?)
}

fn announce(addresses: &Addresses, env: &RunEnv, key: &WelcomeKey) -> anyhow::Result<()> {
    let path = env.path();
    env.write(addresses).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(writeln!(std::io::stdout(), "{}", welcome(addresses, &path, key))?)
}

fn match_files(args: &MatchArgs) -> Result<(), OfflineError> {
    let out = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    match (&args.cases, &args.rules) {
        (Some(cases), _) => offline::run_cases(cases, out),
        (None, Some(rules)) => {
            offline::run_matching(rules, &args.events, args.reporting, out, std::io::stderr().lock())
        }
        (None, None) => unreachable!("the command line wants one of the two"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Cli::command().debug_assert();
    }

    /// The environment variables of all roles, with their defaults; none where roles differ or there is no default.
    fn settings() -> BTreeMap<String, Option<String>> {
        let mut settings: BTreeMap<String, Option<String>> = BTreeMap::new();
        let mut command = Cli::command();
        command.build();
        for role in command.get_subcommands() {
            for argument in role.get_arguments() {
                let Some(name) = argument.get_env() else { continue };
                if secrets::is_secret(argument) {
                    settings.insert(format!("{}{}", name.to_string_lossy(), secrets::FILE), None);
                }
                let default =
                    argument.get_default_values().first().map(|value| value.to_string_lossy().into_owned());
                let known =
                    settings.entry(name.to_string_lossy().into_owned()).or_insert_with(|| default.clone());
                if *known != default {
                    *known = None;
                }
            }
        }
        settings
    }

    #[test]
    fn the_example_environment_has_every_setting_with_its_default() {
        let mut example = BTreeMap::new();
        for line in include_str!("../.env.example").lines() {
            let (set, line) = line.strip_prefix("# ").map_or((true, line), |rest| (false, rest));
            if let Some((name, value)) = line.split_once('=')
                && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
            {
                example.insert(name.to_owned(), set.then(|| value.to_owned()));
            }
        }
        assert_eq!(example, settings());
    }
}
