//! The HTTP edge: addresses, authentication, what a connection and a body may cost.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use super::{Bytes, Origins};
use crate::event::Limits;
use crate::http::{ConnectionLimits, WhenFull};
use crate::tls::IdentityFiles;

/// Who may call the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Auth {
    /// Everybody; allowed on a loopback address only
    None,
    /// Who has an API key
    Keys,
}

/// Everybody would be let in, from everywhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "--auth=none is allowed on a loopback address only, and {0} can be reached from elsewhere; use --auth=keys, or --http 127.0.0.1:8080"
)]
pub struct OpenToAll(SocketAddr);

impl Auth {
    /// Refuses to let everybody in on an address that others than this machine can reach.
    pub fn check(self, addr: SocketAddr) -> Result<(), OpenToAll> {
        match self {
            Self::None if !addr.ip().to_canonical().is_loopback() => Err(OpenToAll(addr)),
            Self::None | Self::Keys => Ok(()),
        }
    }
}

/// The public port.
#[derive(Clone, Debug, clap::Args)]
pub struct HttpConfig {
    /// Address of the ingest and management API
    #[arg(
        id = "http_addr",
        long = "http",
        value_name = "ADDR",
        env = "HTTP_ADDR",
        default_value = "127.0.0.1:8080"
    )]
    pub addr: SocketAddr,
    /// Connections open at once; the next one waits
    #[arg(long, env = "HTTP_MAX_CONNECTIONS", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: u32,
    /// How long a client may take to send a request's headers, those of the next one on the same connection included
    #[arg(long, env = "HTTP_HEADER_TIMEOUT", default_value = "10s", value_parser = super::duration)]
    pub header_timeout: Duration,
    /// How long a client may take to send a request's body
    #[arg(long, env = "HTTP_BODY_TIMEOUT", default_value = "30s", value_parser = super::duration)]
    pub body_timeout: Duration,
    /// How long a client may read nothing of its answers
    #[arg(long, env = "HTTP_WRITE_TIMEOUT", default_value = "30s", value_parser = super::duration)]
    pub write_timeout: Duration,
    /// How long an answer may take once its request is there
    #[arg(long, env = "HTTP_ANSWER_TIMEOUT", default_value = "30s", value_parser = super::duration)]
    pub answer_timeout: Duration,
    /// For https: the server's certificate and those that lead from it to a CA, as PEM; read again when it changes
    #[arg(long, value_name = "FILE", env = "TLS_CERT", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key, as PEM
    #[arg(long, value_name = "FILE", env = "TLS_KEY", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// The largest body accepted
    #[arg(long, env = "HTTP_MAX_BODY", default_value = "5MiB")]
    pub max_body: Bytes,
    /// Bodies held in memory while they are received, in bytes; more wait for room
    #[arg(long, env = "HTTP_BODY_BUFFER", default_value = "16MiB")]
    pub body_buffer: Bytes,
    /// How long a request waits for room, in this buffer and in that of the events; then it is answered with 503
    #[arg(long, env = "HTTP_BUFFER_PATIENCE", default_value = "5s", value_parser = super::duration)]
    pub buffer_patience: Duration,
    /// The most events accepted in one body
    #[arg(long, env = "HTTP_MAX_EVENTS", default_value = "10000")]
    pub max_events: NonZeroUsize,
    /// Origins of the web pages that may send events from a browser, such as `https://shop.example`, with commas
    /// between; `*` for all, empty for none
    #[arg(long, env = "CORS_ORIGINS", value_name = "ORIGINS", default_value = "")]
    pub cors_origins: Origins,
    /// What one event may be
    #[command(flatten)]
    pub limits: Limits,
}

impl HttpConfig {
    /// What the connections of clients may cost.
    #[must_use]
    pub fn connection_limits(&self) -> ConnectionLimits {
        ConnectionLimits {
            max_connections: self.max_connections,
            when_full: WhenFull::Wait,
            header_timeout: self.header_timeout,
            write_timeout: self.write_timeout,
        }
    }

    /// What the server shows of itself, where it speaks TLS.
    #[must_use]
    pub fn identity(&self) -> Option<IdentityFiles> {
        Some(IdentityFiles { cert: self.tls_cert.clone()?, key: self.tls_key.clone()? })
    }
}

/// The private port for metrics and health.
#[derive(Clone, Debug, clap::Args)]
pub struct AdminConfig {
    /// Address of /metrics, /healthz and /readyz
    #[arg(
        id = "admin_addr",
        long = "admin",
        value_name = "ADDR",
        env = "ADMIN_ADDR",
        default_value = "127.0.0.1:8081"
    )]
    pub addr: SocketAddr,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_let_in_on_a_loopback_address_only() {
        for addr in ["127.0.0.1:8080", "127.8.9.1:0", "[::1]:8080", "[::ffff:127.0.0.1]:80"] {
            assert_eq!(Auth::None.check(addr.parse().expect("an address")), Ok(()), "{addr}");
        }
        for addr in ["0.0.0.0:8080", "[::]:8080", "192.168.0.7:80", "[::ffff:10.0.0.1]:80"] {
            let addr = addr.parse().expect("an address");
            let error = Auth::None.check(addr).expect_err("open to all");
            assert!(error.to_string().contains("--auth=keys"), "{error}");
            assert_eq!(Auth::Keys.check(addr), Ok(()));
        }
    }
}
