//! Logs, to stderr: text for people or a JSON object a line.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, TelemetryConfig};

/// The pool warns of each connection that ends with its server; what matters of that is said by whoever needed it.
const QUIET: &str = "deadpool_postgres=error";

/// Starts logging for the whole process. The filter was checked when it was read.
pub fn start_logging(config: &TelemetryConfig) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(format!("{QUIET},{}", config.log)))
        .with_writer(std::io::stderr)
        // Where nobody reads the log any more, a line is lost. To complain of that on stderr would panic in the task that wrote it.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal());
    match config.log_format {
        LogFormat::Text => builder.with_target(false).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}
