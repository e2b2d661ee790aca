//! The command: command line → run → report.

mod cli;

use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::anyhow;
use clap::Parser;
use loadtest::{Report, run_until};
use tokio::signal::ctrl_c;

use cli::Cli;

/// The server broke its promise, or the run ended early.
const FAILED: u8 = 1;
/// The run could not be done.
const UNUSABLE: u8 = 2;
/// What shells call a command that Ctrl-C has ended.
const INTERRUPTED: u8 = 130;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match drive(&cli).await {
        Ok(code) => code,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::from(UNUSABLE)
        }
    }
}

async fn drive(cli: &Cli) -> anyhow::Result<ExitCode> {
    let load = cli.load()?;
    let stop = async {
        if ctrl_c().await.is_ok() {
            complain("sending ends; what was accepted is verified (Ctrl-C again ends it all)");
        } else {
            // Without signals nobody can stop the run.
            std::future::pending::<()>().await;
        }
    };
    let report = tokio::select! {
        report = run_until(&load, stop) => report?,
        () = second_ctrl_c() => {
            complain("ended; the campaigns of the run, whose names begin with lt-, may still be active");
            return Ok(ExitCode::from(INTERRUPTED));
        }
    };
    show(cli, &report)?;
    Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn show(cli: &Cli, report: &Report) -> anyhow::Result<()> {
    write!(io::stdout(), "{report}").map_err(|error| anyhow!("standard output: {error}"))?;
    if let Some(path) = &cli.json {
        let json = serde_json::to_vec_pretty(report)?;
        fs::write(path, json).map_err(|error| anyhow!("{}: cannot be written: {error}", path.display()))?;
    }
    Ok(())
}

async fn second_ctrl_c() {
    for _ in 0..2 {
        if ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

fn complain(message: &str) {
    // If standard error is closed there is nobody to tell.
    let _ = writeln!(io::stderr(), "loadtest: {message}");
}
