//! The start of every role: command line → logs → run → drain.

mod cli;

use std::process::ExitCode;

use campaign_manager::ops::start_logging;
use clap::Parser as _;

/// A command line that cannot work (`EX_USAGE` of sysexits.h).
const USAGE: u8 = 64;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Nothing can be done where not even this can be printed.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    if let Err(error) = start_logging(&cli.telemetry) {
        return fail(&anyhow::anyhow!("--log {:?}: {error}", cli.telemetry.log), USAGE);
    }
    match cli.run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, 1),
    }
}

#[expect(clippy::print_stderr, reason = "the last word to whoever started the program")]
fn fail(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("campaign-manager: {error:#}");
    ExitCode::from(code)
}
