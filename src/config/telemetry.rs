//! Logs.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

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
    #[arg(long, env = "LOG", default_value = "info", value_parser = log_filter, global = true)]
    pub log: String,
}

const LOG_SYNTAX: &str = "write a level (off, error, warn, info, debug or trace), or parts such as info,campaign_manager::worker=debug";

/// Reads a filter. A part without a level is refused: to the filter, a misspelt level is the name of a module, of which
/// there are no lines.
fn log_filter(text: &str) -> Result<String, String> {
    if let Some(part) = text.split(',').find(|part| !names_level(part)) {
        return Err(format!("{part:?} is not a level; {LOG_SYNTAX}"));
    }
    EnvFilter::try_new(text).map_err(|error| format!("{error}; {LOG_SYNTAX}"))?;
    Ok(text.to_owned())
}

/// Whether a part of a filter is a level, a module with its level, or has a span in brackets.
fn names_level(part: &str) -> bool {
    let is_module = |name: &str| name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '-'));
    match part.split_once('=') {
        _ if part.contains('[') => true,
        Some((module, _)) => is_module(module),
        None => !part.is_empty() && part.parse::<LevelFilter>().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_level_or_parts_that_name_theirs() {
        for filter in ["info", "WARN", "off", "info,campaign_manager::worker=debug", "warn,[store]=debug"] {
            assert_eq!(log_filter(filter).as_deref(), Ok(filter));
        }
        for mistaken in
            ["verbose", "foo", "warning", "", "info,", "info,hyper", "hyper=loud", "info;hyper=warn"]
        {
            let said = log_filter(mistaken).expect_err(mistaken);
            assert!(said.contains("off, error, warn, info, debug or trace"), "{said}");
        }
    }
}
