//! The command: command line → run → report.

mod cli;
mod output;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use loadtest::{Phase, Progress, run_until};
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
    output::check(cli)?;
    let progress = if cli.quiet { Progress::hidden() } else { Progress::on_stderr() };
    // Said at once, whatever is being done just then.
    let told = tokio::spawn({
        let progress = progress.clone();
        async move {
            if ctrl_c().await.is_ok() {
                progress.say(what_ends(progress.current()));
            } else {
                // Without signals nobody can stop the run.
                std::future::pending::<()>().await;
            }
        }
    });
    let report = tokio::select! {
        report = Box::pin(run_until(&load, &progress, async { drop(told.await) })) => report?,
        () = second_ctrl_c() => {
            progress.say("ended; the campaigns of the run, whose names begin with lt-, may still be active");
            return Ok(ExitCode::from(INTERRUPTED));
        }
    };
    output::write(cli, &report)?;
    Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// What comes of a first Ctrl-C meanwhile.
fn what_ends(phase: Option<Phase>) -> &'static str {
    match phase {
        None | Some(Phase::Preparing) => {
            "the run ends before anything is sent; its campaigns are archived (Ctrl-C again ends it all)"
        }
        Some(Phase::Sending) => "sending ends; what was accepted is verified (Ctrl-C again ends it all)",
        Some(Phase::Draining | Phase::Verifying) => {
            "nothing is sent any more; what was accepted is being verified (Ctrl-C again ends it all)"
        }
        Some(Phase::Archiving) => "the campaigns are being archived (Ctrl-C again ends it all)",
    }
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
