//! The HTTP edge: addresses, authentication, what a connection and a body may cost.

use std::net::SocketAddr;
use std::time::Duration;

use super::Bytes;
use crate::event::Limits;

/// Who may call the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Auth {
    /// Everybody; allowed on a loopback address only
    None,
    /// Who has an API key
    Keys,
}

/// The public port.
#[derive(Clone, Debug, clap::Args)]
pub struct HttpConfig {
    /// Address of the ingest and management API
    #[arg(long = "http", value_name = "ADDR", env = "HTTP_ADDR", default_value = "127.0.0.1:8080")]
    pub addr: SocketAddr,
    /// Connections open at once; the next one waits
    #[arg(long, env = "HTTP_MAX_CONNECTIONS", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: u32,
    /// How long a client may take to send a request's headers
    #[arg(long, env = "HTTP_HEADER_TIMEOUT", default_value = "10s", value_parser = super::duration)]
    pub header_timeout: Duration,
    /// How long a client may take to send a request's body
    #[arg(long, env = "HTTP_BODY_TIMEOUT", default_value = "30s", value_parser = super::duration)]
    pub body_timeout: Duration,
    /// The largest body accepted
    #[arg(long, env = "HTTP_MAX_BODY", default_value = "5MiB")]
    pub max_body: Bytes,
    /// The most events accepted in one body
    #[arg(long, env = "HTTP_MAX_EVENTS", default_value_t = 10_000)]
    pub max_events: usize,
    /// What one event may be
    #[command(flatten)]
    pub limits: Limits,
}

/// The private port for metrics and health.
#[derive(Clone, Debug, clap::Args)]
pub struct AdminConfig {
    /// Address of /metrics, /healthz and /readyz
    #[arg(long = "admin", value_name = "ADDR", env = "ADMIN_ADDR", default_value = "127.0.0.1:9090")]
    pub addr: SocketAddr,
}
