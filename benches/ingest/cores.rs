//! Which core a thread runs on.

use rustix::thread::{CpuSet, sched_setaffinity};

/// The core of the server.
pub(crate) const SERVER: usize = 0;
/// The core of the clients and of Redis.
pub(crate) const OTHERS: usize = 1;

/// Keeps this thread, and what it starts, on one core.
pub(crate) fn pin(core: usize) -> anyhow::Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    Ok(sched_setaffinity(None, &cores)?)
}
