//! Logs.

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// What is logged, and how.
#[derive(Clone, Debug, clap::Args)]
pub struct TelemetryConfig {
    /// The form of log lines, written to stderr
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t = LogFormat::Text, global = true)]
    pub log_format: LogFormat,
    /// What to log: error, warn, info, debug, trace, or a filter such as `info,campaign_manager::worker=debug`
    #[arg(long, env = "LOG", default_value = "info", global = true)]
    pub log: String,
}
