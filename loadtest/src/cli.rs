//! The command line → a [`Load`].

use std::num::{NonZeroU32, NonZeroU64};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::anyhow;
use jiff::SignedDuration;
use loadtest::target::{Admin, Target};
use loadtest::verify::Database;
use loadtest::workload::{Payload, Shape};
use loadtest::{Addresses, ApiKey, EnvFile, Legs, Load, Pace, Volume, tls};

const DEFAULT_URL: &str = "http://127.0.0.1:8080";
/// Where `campaign-manager up` leaves its addresses, unless told otherwise.
const DEFAULT_ENV_FILE: &str = ".data/run.env";
const DEFAULT_TIME: Duration = Duration::from_secs(10);
/// Each is created by a request of its own, and compared on its own.
const MOST_CAMPAIGNS: u32 = 100_000;
/// An address has no more ports.
const MOST_CONNECTIONS: u32 = 65_535;
/// The tool keeps some bits of each event until the end: a few gigabytes.
const MOST_EVENTS: u64 = 10_000_000_000;
/// Bytes of the requests of all connections, which the tool holds until they are answered.
const MOST_ON_THE_WAY: u64 = 8 << 30;
/// About as large an event is of itself, in bytes.
const USUAL_PAYLOAD: u32 = 300;

/// Drives load at a running Campaign Manager, and verifies that every accepted event was stored once with the triggers
/// that it must have.
///
/// Exits with 0 if so, with 1 if not or if that could not be verified, and with 2 if the run could not be done. Ctrl-C ends
/// the sending early; what was accepted by then is verified. A second Ctrl-C ends it all.
#[derive(Debug, clap::Parser)]
#[command(version)]
#[expect(clippy::doc_markdown, reason = "shown as help, which is plain text")]
pub(crate) struct Cli {
    /// The server [default: HTTP_ADDR of the env file, otherwise http://127.0.0.1:8080]
    #[arg(long)]
    url: Option<String>,
    /// The CA certificates as PEM by which the certificate of an https:// server is verified [default: those of the
    /// system]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The server's database, which is only read [default: DATABASE_URL of the env file, otherwise of the environment]
    #[arg(long)]
    database_url: Option<String>,
    /// A file with HTTP_ADDR, ADMIN_ADDR and DATABASE_URL, such as `campaign-manager up` writes [default: .data/run.env, if it is
    /// there and neither --url, --database-url nor DATABASE_URL is given]
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// An API key of scope admin, if the server wants one
    #[arg(long, env = "API_KEY", hide_env_values = true)]
    key: Option<String>,
    /// Send so many events, repeated ones included
    #[arg(long, value_name = "N", conflicts_with = "duration", value_parser = events)]
    events: Option<NonZeroU64>,
    /// Send for so long [default: 10s]
    #[arg(long, value_parser = duration)]
    duration: Option<Duration>,
    /// Connections, each with one request at a time
    #[arg(long, default_value = "16", value_parser = connections)]
    connections: NonZeroU32,
    /// Events in a request; 1 sends JSON, more send NDJSON
    #[arg(long, default_value = "100", value_parser = batch)]
    batch: NonZeroU32,
    /// Send so many events a second, whether the server keeps up or not (open loop): 1000, or rising evenly over the
    /// duration as 1000..50000, or in steps that share it, as 1000,2000,5000; without it, send as fast as the server
    /// answers (closed loop)
    #[arg(long)]
    rate: Option<Legs>,
    /// How many users the events are of
    #[arg(long, default_value = "100000")]
    users: NonZeroU32,
    /// How many campaigns to bring along
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(..=i64::from(MOST_CAMPAIGNS)))]
    campaigns: u32,
    /// The share of events that repeat one sent before
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    duplicates: f64,
    /// The share of events that the server must refuse, for reasons of many kinds
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = any_share)]
    poison: f64,
    /// The size of events in bytes of JSON, or from the least to the most as 200..8000, small ones far likelier [default:
    /// as large as what they say, about 300]
    #[arg(long, value_name = "BYTES")]
    payload: Option<Payload>,
    /// How much likelier some users and products are: 0 is all alike, event types too; with 2 a tenth of the users does
    /// nearly half of what happens
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(..=16))]
    skew: u8,
    /// The events and campaigns are drawn from it: the same seed, the same events
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Nobody else sends to this server: then its receipts must be of exactly what this run has sent
    #[arg(long)]
    alone: bool,
    /// For how long nothing may be accepted, or stored, before the run is given up
    #[arg(long, default_value = "30s", value_parser = duration)]
    patience: Duration,
    /// The server's admin port, whose metrics say how deep its queue is [default: ADMIN_ADDR of the env file]
    #[arg(long, value_name = "URL")]
    admin_url: Option<String>,
    /// Write the report as JSON, too
    #[arg(long, value_name = "FILE", overrides_with = "json")]
    pub(crate) json: Option<PathBuf>,
    /// Write the report as one HTML page with charts, too
    #[arg(long, value_name = "FILE", overrides_with = "html")]
    pub(crate) html: Option<PathBuf>,
    /// Do not show how the run goes
    #[arg(long)]
    pub(crate) quiet: bool,
}

impl Cli {
    /// What the run is to do.
    pub(crate) fn load(&self) -> anyhow::Result<Load> {
        self.check_size()?;
        let file = self.env_file();
        let addresses = file.as_ref().map(EnvFile::read).transpose()?.unwrap_or_default();
        let url = self.url.clone().or(addresses.http.as_ref().map(|addr| format!("http://{addr}")));
        let target: Target = url.as_deref().unwrap_or(DEFAULT_URL).parse()?;
        Ok(Load {
            target: self.trusted(target)?.with_key(self.key()?),
            metrics: self.admin(file.as_ref(), &addresses)?,
            database: self.database(file.as_ref(), &addresses)?,
            volume: match (self.events, self.duration) {
                (Some(events), _) => Volume::Events(events),
                (None, time) => Volume::Time(time.unwrap_or(DEFAULT_TIME)),
            },
            pace: self.pace()?,
            connections: self.connections,
            batch: self.batch,
            shape: Shape {
                seed: self.seed,
                users: self.users,
                campaigns: self.campaigns,
                duplicates: self.duplicates,
                poison: self.poison,
                payload: self.payload,
                skew: self.skew,
            },
            alone: self.alone,
            patience: self.patience,
        })
    }

    /// Sees that the requests of all connections go into memory.
    fn check_size(&self) -> anyhow::Result<()> {
        let (connections, batch) = (u64::from(self.connections.get()), u64::from(self.batch.get()));
        let bytes = u64::from(self.payload.map_or(USUAL_PAYLOAD, Payload::most));
        let gigabytes = (connections * batch).saturating_mul(bytes) >> 30;
        if gigabytes < MOST_ON_THE_WAY >> 30 {
            return Ok(());
        }
        Err(anyhow!(
            "{connections} connections with {batch} events a request, each of up to {bytes} bytes, would be {gigabytes} GiB at a time; give fewer --connections, a smaller --batch or a smaller --payload"
        ))
    }

    fn database(&self, file: Option<&EnvFile>, addresses: &Addresses) -> anyhow::Result<Database> {
        match (&self.database_url, file, &addresses.database_url) {
            (None, Some(file), Some(url)) => Ok(url.parse::<Database>()?.kept_in(file)),
            (given, _, _) => given
                .clone()
                .or_else(|| std::env::var("DATABASE_URL").ok())
                .ok_or_else(|| anyhow!("which database? Give --env-file, --database-url, or DATABASE_URL"))?
                .parse()
                .map_err(anyhow::Error::from),
        }
    }

    fn admin(&self, file: Option<&EnvFile>, addresses: &Addresses) -> anyhow::Result<Option<Admin>> {
        Ok(match (&self.admin_url, file, addresses.admin_url()) {
            (Some(url), _, _) => Some(Admin::at(url.parse()?)),
            (None, Some(file), Some(url)) => Some(Admin::at(url.parse()?).kept_in(file)),
            (None, _, _) => None,
        })
    }

    fn trusted(&self, target: Target) -> anyhow::Result<Target> {
        match (target.is_secure(), &self.ca) {
            (true, ca) => Ok(target.trusting(tls::trusting(ca.as_deref())?)),
            (false, None) => Ok(target),
            (false, Some(_)) => Err(anyhow!("--ca is for a server with TLS; write https:// in --url")),
        }
    }

    fn key(&self) -> anyhow::Result<Option<ApiKey>> {
        let Some(key) = self.key.clone().filter(|key| !key.is_empty()) else { return Ok(None) };
        if key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Some(ApiKey::new(key)));
        }
        Err(anyhow!(
            "--key, or API_KEY, holds characters that no key has; was it copied whole, and nothing else?"
        ))
    }

    fn pace(&self) -> anyhow::Result<Pace> {
        let Some(legs) = self.rate.clone() else { return Ok(Pace::Closed) };
        if self.events.is_some() && !legs.is_fixed() {
            return Err(anyhow!(
                "--rate {legs} changes over the duration; give --duration instead of --events"
            ));
        }
        Ok(Pace::Open(legs.over(self.duration.unwrap_or(DEFAULT_TIME))))
    }

    /// The env file that was named; the one in its usual place only where nothing else says what is meant.
    fn env_file(&self) -> Option<EnvFile> {
        let usual = Path::new(DEFAULT_ENV_FILE);
        let nothing_said =
            self.url.is_none() && self.database_url.is_none() && std::env::var_os("DATABASE_URL").is_none();
        match &self.env_file {
            Some(path) => Some(EnvFile::at(path)),
            None => (nothing_said && usual.exists()).then(|| EnvFile::at(usual)),
        }
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let span: SignedDuration =
        text.parse().map_err(|error| format!("{error}; write it as 500ms, 30s or 15m"))?;
    Duration::try_from(span)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "a duration must be above 0".to_owned())
}

fn events(text: &str) -> Result<NonZeroU64, String> {
    let allowed = text.parse().ok().filter(|events: &NonZeroU64| events.get() <= MOST_EVENTS);
    allowed.ok_or_else(|| format!("write a number from 1 to {MOST_EVENTS}"))
}

fn connections(text: &str) -> Result<NonZeroU32, String> {
    let allowed = text.parse().ok().filter(|connections: &NonZeroU32| connections.get() <= MOST_CONNECTIONS);
    allowed.ok_or_else(|| {
        format!("write a number from 1 to {MOST_CONNECTIONS}; from one address there can be no more")
    })
}

fn batch(text: &str) -> Result<NonZeroU32, String> {
    const MOST: u32 = 10_000;
    let allowed = text.parse().ok().filter(|batch: &NonZeroU32| batch.get() <= MOST);
    allowed.ok_or_else(|| {
        format!("write a number from 1 to {MOST}, the most that the server takes in a request")
    })
}

fn share(text: &str) -> Result<f64, String> {
    let allowed = text.parse().ok().filter(|share| (0.0..=0.95).contains(share));
    allowed.ok_or_else(|| "write a number from 0 to 0.95".to_owned())
}

fn any_share(text: &str) -> Result<f64, String> {
    let allowed = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    allowed.ok_or_else(|| "write a number from 0 to 1".to_owned())
}
