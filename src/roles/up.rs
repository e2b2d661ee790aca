//! The role `up`: everything on this machine, with servers of its own.
//!
//! The same code as in production runs on a private Redis and a private Postgres. Where they are is written to
//! `DIR/run.env`, so that other programs can be pointed at them.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use crate::config::ServerUrls;
use crate::embedded::{Part, Stores};

/// Where everything is.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// The two servers.
    pub urls: ServerUrls,
    /// Ingest and API, where they run.
    pub http: Option<SocketAddr>,
    /// Its scheme: `http`, or with TLS `https`.
    pub scheme: &'static str,
    /// Metrics and health, where they are shown.
    pub admin: Option<SocketAddr>,
}

impl Addresses {
    /// Those of private servers alone.
    #[must_use]
    pub fn of_stores(stores: &Stores) -> Self {
        Self { urls: stores.urls(Part::Owner), http: None, scheme: "http", admin: None }
    }
}

/// The key that the commands of a welcome bring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WelcomeKey {
    /// None is asked for.
    Unneeded,
    /// It was made at this start, and is shown this once.
    New(String),
    /// It was made at an earlier start, and is kept nowhere.
    Known,
}

impl WelcomeKey {
    /// The key as the shell is to see it; `None` where none is asked for.
    fn in_commands(&self) -> Option<&str> {
        match self {
            Self::Unneeded => None,
            Self::New(key) => Some(key),
            Self::Known => Some("$KEY"),
        }
    }
}

/// What a person sees once everything runs.
#[must_use]
pub fn welcome(addresses: &Addresses, env: &Path, key: &WelcomeKey) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &dyn std::fmt::Display| {
        writeln!(text, "  {name:<10} {value}").expect("writing to a string cannot fail");
    };
    if let Some(http) = addresses.http {
        line("API", &format_args!("{}://{http}", addresses.scheme));
    }
    if let Some(admin) = addresses.admin {
        line("metrics", &format_args!("http://{admin}/metrics"));
    }
    line(
        "settings",
        &format_args!("{} (Postgres and Redis, for psql, redis-cli and other processes)", env.display()),
    );
    if let WelcomeKey::New(key) = key {
        line("admin key", &format_args!("{key} (shown this once)"));
    }
    if let Some(http) = addresses.http {
        text.push_str(&first_steps(&format!("{}://{http}", addresses.scheme), env, key));
    }
    text
}

fn first_steps(api: &str, env: &Path, key: &WelcomeKey) -> String {
    let auth = key.in_commands().map_or(String::new(), |key| format!(" -H \"authorization: Bearer {key}\""));
    let bring = match key {
        WelcomeKey::Known => format!(
            "  KEY=cmk_…   # the key that the first start showed; or a new one:\n  KEY=$(. {env}; export DATABASE_URL; \
             campaign-manager keys create --name me --scope admin)\n",
            env = shell_word(env)
        ),
        WelcomeKey::Unneeded | WelcomeKey::New(_) => String::new(),
    };
    let post = |route: &str, body: &str| {
        format!("  curl -s {api}{route}{auth} -H 'content-type: application/json' -d '{body}'\n")
    };
    let campaign = post(
        "/campaigns",
        r#"{"name": "big spenders", "status": "active", "rules": {"event_type": ["purchase"], "properties": {"amount": [{"numeric": [">=", 100]}]}}}"#,
    );
    let event =
        post("/events", r#"{"event_type": "purchase", "user_id": "u-42", "properties": {"amount": 129.99}}"#);
    let look = format!("  curl -s '{api}/events?user_id=u-42'{auth}\n");
    format!(
        "\nTo try it: a campaign, an event that triggers it, and what was recorded\n\n{bring}{campaign}{event}{look}\nCtrl-C ends it; what was accepted and is not stored yet is kept, and stored after the next start.\n"
    )
}

/// A path as a word of the shell, which looks for a name without a slash elsewhere.
fn shell_word(path: &Path) -> String {
    let path = if path.is_absolute() { path.to_owned() } else { Path::new(".").join(path) };
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}
