//! How many files and connections the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Beside connections: logs, the runtime, connections for moments only.
const SPARE: u64 = 64;

/// Sees to it that so many connections can be open, as far as the system lets us; warns where it does not.
pub fn allow_open_files(connections: u32) {
    let needed = u64::from(connections) + SPARE;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // None is infinity.
    if current.is_none_or(|current| current >= needed) {
        return;
    }
    let allowed = maximum.map_or(needed, |maximum| maximum.min(needed));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(allowed), maximum });
    if raised.is_err() || allowed < needed {
        tracing::warn!(
            needed,
            allowed = if raised.is_err() { current } else { Some(allowed) },
            "fewer files may be open than connections are allowed: beyond that new ones wait; raise the limit (ulimit -n, LimitNOFILE=) or lower HTTP_MAX_CONNECTIONS"
        );
    }
}
