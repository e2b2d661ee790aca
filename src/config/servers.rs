//! Where Redis and Postgres are, and how they are used.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::queue::Shards;

/// A URL that may hold a password: shown only without it.
macro_rules! secret_url {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// The URL, password included. Not for logs.
            #[must_use]
            pub fn expose(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(url: String) -> Self {
                Self(url)
            }
        }

        impl FromStr for $name {
            type Err = Infallible;

            fn from_str(text: &str) -> Result<Self, Infallible> {
                Ok(Self(text.to_owned()))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(without_userinfo(&self.0).as_ref())
            }
        }
    };
}

/// What is said of a URL whose user or password holds a character that ends it.
pub(crate) const UNESCAPED: &str = "its user or password holds a character that must be percent-encoded: write @ as %40, / as %2F, # as %23, ? as %3F, % as %25";

secret_url! {
    /// Postgres, as `postgres://user:password@host:port/database`.
    DatabaseUrl
}
secret_url! {
    /// Redis, as `redis://:password@host:port`; nodes of a Redis Cluster with commas between them.
    RedisUrl
}

/// The URL with everything between the scheme and the host left out, and with its query left out.
fn without_userinfo(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "(not a URL)".to_owned() };
    let rest = rest.split_once('?').map_or(rest, |(before, _)| before);
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}://{host}")
}

/// Where the two servers are.
#[derive(Clone, Debug, clap::Args)]
pub struct ServerUrls {
    /// Postgres, as postgres://user:password@host:port/database
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: DatabaseUrl,
    /// Redis, as redis://:password@host:port; nodes of a Redis Cluster, one or several, as redis://:password@host:port,host:port
    #[arg(long, env = "REDIS_URL", hide_env_values = true)]
    pub redis_url: RedisUrl,
}

/// The Redis side: streams and connections.
#[derive(Clone, Debug, clap::Args)]
pub struct QueueConfig {
    /// Into how many streams events are spread by user; the same for every process of a deployment. A process refuses to start
    /// with another count than the queue has, which `campaign-manager reshard` changes
    #[arg(long, env = "SHARDS", default_value = "8", value_parser = shards)]
    pub shards: Shards,
    /// Connections to Redis a process keeps; to each node of a cluster
    #[arg(long, env = "REDIS_CONNECTIONS", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub redis_connections: u32,
    /// How long Redis may take to connect or to answer
    #[arg(long, env = "REDIS_TIMEOUT", default_value = "5s", value_parser = super::duration)]
    pub redis_timeout: Duration,
}

/// The Postgres side: connections.
#[derive(Clone, Debug, clap::Args)]
pub struct StoreConfig {
    /// Connections to Postgres a process keeps
    #[arg(long, env = "DATABASE_CONNECTIONS", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub database_connections: u32,
    /// How long to wait for a connection to Postgres
    #[arg(long, env = "DATABASE_TIMEOUT", default_value = "5s", value_parser = super::duration)]
    pub database_timeout: Duration,
    /// How long Postgres may take to store a batch, before the attempt is given up and made anew, with twice the time;
    /// and how long it leaves a transaction open in which nothing is asked of it, since it may hold up others
    #[arg(long, env = "TRANSACTION_TIMEOUT", default_value = "30s", value_parser = super::session_timeout)]
    pub transaction_timeout: Duration,
}

impl StoreConfig {
    /// For a command that asks a little and ends.
    #[must_use]
    pub fn for_one_command() -> Self {
        Self {
            database_connections: 1,
            database_timeout: Duration::from_secs(5),
            transaction_timeout: Duration::from_secs(30),
        }
    }
}

fn shards(text: &str) -> Result<Shards, String> {
    text.parse().ok().and_then(Shards::new).ok_or_else(|| "write a number from 1 to 32767".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_shows_no_password() {
        for url in [
            "postgres://user:canary@localhost:5432/campaigns",
            "postgres://localhost/campaigns?password=canary",
            "redis://:can@nary@localhost:6379",
            "canary",
        ] {
            let shown = format!("{:?}", url.parse::<DatabaseUrl>());
            assert!(!shown.contains("nary"), "{shown}");
        }
    }
}
