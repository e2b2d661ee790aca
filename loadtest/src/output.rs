//! The report, to standard output and into the files that were named.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use anyhow::anyhow;
use loadtest::Report;

use crate::cli::Cli;

/// Sees that the files can be written, so that no run is done in vain. What they hold is left as it is.
pub(crate) fn check(cli: &Cli) -> anyhow::Result<()> {
    for path in [&cli.json, &cli.html].into_iter().flatten() {
        OpenOptions::new().append(true).create(true).open(path).map_err(|error| unwritable(path, &error))?;
    }
    Ok(())
}

/// Writes the report, and says where.
pub(crate) fn write(cli: &Cli, report: &Report) -> anyhow::Result<()> {
    let mut text = report.to_string();
    if let Some(path) = &cli.json {
        fs::write(path, serde_json::to_vec_pretty(report)?).map_err(|error| unwritable(path, &error))?;
        text.push_str(&format!("{:<13} {}\n", "as JSON", path.display()));
    }
    if let Some(path) = &cli.html {
        fs::write(path, report.to_html()).map_err(|error| unwritable(path, &error))?;
        text.push_str(&format!("{:<13} {} (open it in a browser)\n", "with charts", path.display()));
    }
    io::stdout().write_all(text.as_bytes()).map_err(|error| anyhow!("standard output: {error}"))
}

fn unwritable(path: &Path, error: &io::Error) -> anyhow::Error {
    anyhow!("{}: cannot be written: {error}", path.display())
}
