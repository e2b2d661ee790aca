//! The servers that `up` starts for itself.

use clap::ValueEnum;

/// How the private Redis keeps what it acknowledges.
#[derive(Clone, Debug, clap::Args)]
pub struct StoresConfig {
    /// When the private Redis of `up` forces its file to the disk: `always` before it answers; `everysec` once a second,
    /// so that up to two seconds of answers are lost with it where it is killed while its disk is slow, or where the power
    /// fails
    #[arg(long, env = "REDIS_FSYNC", value_enum, default_value_t)]
    pub redis_fsync: Fsync,
}

/// When Redis forces its append-only file to the disk (`appendfsync`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Fsync {
    /// Before each answer.
    Always,
    /// Once a second.
    #[default]
    Everysec,
}
