//! `campaign-manager health`: what a running process says of itself, for health checks of containers without a shell.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, bail};
use campaign_manager::config::AdminConfig;
use clap::Args;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The checks behind `/readyz` take two seconds at most.
const PATIENCE: Duration = Duration::from_secs(4);
/// More than all checks can say, in bytes.
const LONGEST_ANSWER: u64 = 64 << 10;

#[derive(Debug, Args)]
pub(super) struct HealthArgs {
    #[command(flatten)]
    admin: AdminConfig,
    /// Ask only whether it runs (/healthz), not whether it can do its work (/readyz)
    #[arg(long)]
    live: bool,
}

/// Asks the process on this machine, and prints its warnings. That it is not well, or not there, is an error.
pub(super) async fn run(args: &HealthArgs) -> anyhow::Result<()> {
    let addr = reached_at(args.admin.addr);
    let route = if args.live { "/healthz" } else { "/readyz" };
    let answer = timeout(PATIENCE, ask(addr, route)).await;
    let answer = answer.map_err(anyhow::Error::from).flatten();
    let answer = answer.with_context(|| format!("no process answers at http://{addr}{route}"))?;
    if !answer.starts_with("HTTP/1.1 ") || answer.contains("application/problem+json") {
        bail!(
            "{addr} is no admin port; it answers as the API does. Name the admin port of the process with --admin or \
             ADMIN_ADDR"
        );
    }
    let said = answer.split_once("\r\n\r\n").map_or("", |(_, said)| said);
    if !answer.starts_with("HTTP/1.1 200 ") {
        bail!("not well\n{}", said.trim_end());
    }
    for warning in said.lines().filter(|line| line.contains(": warning: ")) {
        writeln!(std::io::stdout(), "{warning}")?;
    }
    Ok(())
}

/// A process that listens on all addresses is asked on the loopback one.
fn reached_at(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, listening.port())
}

/// The whole answer, its head included.
async fn ask(addr: SocketAddr, route: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(addr).await?;
    let request = format!("GET {route} HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.take(LONGEST_ANSWER).read_to_string(&mut answer).await?;
    Ok(answer)
}
