//! The report, to standard output and into the files that were named.

use std::fmt::{Display, Write as _};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::anyhow;
use loadtest::Report;

use crate::cli::Cli;

/// Sees that the files can be written, so that no run is done in vain. What they hold is left as it is.
pub(crate) fn check(cli: &Cli) -> anyhow::Result<()> {
    for path in [&cli.json, &cli.html].into_iter().flatten() {
        OpenOptions::new().append(true).create(true).open(path).map_err(|error| unwritable(path, &error))?;
    }
    match (&cli.json, &cli.html) {
        (Some(json), Some(html)) if is_one_file(json, html) => {
            Err(anyhow!("--json and --html both name {}; give each a file of its own", html.display()))
        }
        _ => Ok(()),
    }
}

/// Whether both are the same file, in which the one would replace the other; devices take both.
fn is_one_file(one: &Path, other: &Path) -> bool {
    match (fs::canonicalize(one), fs::canonicalize(other)) {
        (Ok(one), Ok(other)) => one == other && one.is_file(),
        _ => false,
    }
}

/// Writes the report, and says where.
pub(crate) fn write(cli: &Cli, report: &Report) -> anyhow::Result<()> {
    let mut text = report.to_string();
    if let Some(path) = &cli.json {
        fs::write(path, serde_json::to_vec_pretty(report)?).map_err(|error| unwritable(path, &error))?;
        line(&mut text, "as JSON", &path.display());
    }
    if let Some(path) = &cli.html {
        fs::write(path, report.to_html()).map_err(|error| unwritable(path, &error))?;
        line(&mut text, "with charts", &format_args!("{} (open it in a browser)", path.display()));
    }
    io::stdout().write_all(text.as_bytes()).map_err(|error| anyhow!("standard output: {error}"))
}

fn line(text: &mut String, name: &str, value: &dyn Display) {
    writeln!(text, "{name:<13} {value}").expect("writing to a string cannot fail");
}

fn unwritable(path: &Path, error: &io::Error) -> anyhow::Error {
    anyhow!("{}: cannot be written: {error}", path.display())
}
