//! The real program, run to its end against a test's own servers.

use std::process::Command;

use super::TestStores;

/// The program, told nothing yet.
pub(crate) fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_campaign-manager"))
}

/// How a run of the program ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs a command of the program on these servers.
pub(crate) async fn run(stores: &TestStores, arguments: &[&str]) -> Ran {
    let mut command = program();
    command.args(arguments).env("DATABASE_URL", stores.database_url()).env("REDIS_URL", stores.redis_url());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}
