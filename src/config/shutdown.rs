//! How a process ends.

use std::time::Duration;

/// What happens between the signal and the end.
#[derive(Clone, Debug, clap::Args)]
pub struct ShutdownConfig {
    /// How long to go on serving, no longer ready, so that load balancers notice
    #[arg(long, env = "SHUTDOWN_DELAY", default_value = "0s", value_parser = super::duration)]
    pub shutdown_delay: Duration,
    /// How long what was accepted may take to be finished; then the process ends, and the queue keeps the rest
    #[arg(long, env = "SHUTDOWN_TIMEOUT", default_value = "25s", value_parser = super::duration)]
    pub shutdown_timeout: Duration,
}
