//! The start of every role: command line → logs → run → drain.

mod cli;

use std::io::Write as _;
use std::process::ExitCode;

use campaign_manager::offline::OfflineError;
use campaign_manager::ops::{fail_point, start_logging};
use campaign_manager::roles::RoleError;
use mimalloc::MiMalloc;

/// The system's own keeps most of what a flood of connections has taken; this one gives it back.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// A command line or settings that cannot work (`EX_USAGE` of sysexits.h).
const USAGE: u8 = 64;

fn main() -> ExitCode {
    fail_point::arm();
    let (mut cli, shown) = match cli::read() {
        Ok(read) => read,
        Err(error) => {
            // Nothing can be done where not even this can be printed.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    start_logging(&cli.telemetry);
    for flag in shown {
        tracing::warn!(
            "everybody on this machine can read the password behind --{flag}; put it into the environment or a file"
        );
    }
    // Before there are other threads.
    if let Err(error) = cli.leave_root() {
        return fail(&error, exit_code(&error));
    }
    let ran = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| {
            let ran = runtime.block_on(cli.run());
            // What still runs on a thread of its own, such as the trial of a rule, does not keep the process.
            runtime.shutdown_background();
            ran
        });
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => match error.downcast_ref::<OfflineError>() {
            Some(offline) if offline.is_closed_pipe() => ExitCode::SUCCESS,
            _ => fail(&error, exit_code(&error)),
        },
    }
}

/// What `docs/troubleshooting.md` says of each failure.
fn exit_code(error: &anyhow::Error) -> u8 {
    let contradicts_itself = error.downcast_ref::<RoleError>().is_some_and(RoleError::is_of_settings);
    match error.downcast_ref::<OfflineError>() {
        Some(offline) => offline.exit_code(),
        None if contradicts_itself => USAGE,
        None => 1,
    }
}

fn fail(error: &anyhow::Error, code: u8) -> ExitCode {
    // The last word to whoever started the program; where it cannot be said, the exit code still tells.
    let _ = writeln!(std::io::stderr(), "campaign-manager: {}", with_causes(error));
    ExitCode::from(code)
}

/// The error and its causes, each said once: many messages hold that of their cause already.
fn with_causes(error: &anyhow::Error) -> String {
    error.chain().skip(1).fold(error.to_string(), |said, cause| {
        let cause = cause.to_string();
        if said.contains(&cause) { said } else { format!("{said}: {cause}") }
    })
}
