//! How many connections the system lets the tool have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::LoadError;

/// Beside the connections of the load: the one that manages campaigns, the database's, the runtime's own files.
const SPARE: u64 = 64;

/// Sees to it that so many connections can be open.
pub(crate) fn allow(connections: u32) -> Result<(), LoadError> {
    let needed = u64::from(connections) + SPARE;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // None is infinity.
    if current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let raised = Rlimit { current: Some(needed), maximum };
    let allowed =
        maximum.is_none_or(|maximum| maximum >= needed) && setrlimit(Resource::Nofile, raised).is_ok();
    if allowed {
        Ok(())
    } else {
        Err(LoadError::OpenFiles { connections, needed, allowed: maximum.or(current) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_connections_than_the_system_allows_are_refused_with_what_to_do() {
        assert!(allow(1).is_ok());
        // No Linux has so many files open in a process (fs.nr_open).
        let refusal = allow(u32::MAX).expect_err("too many").to_string();
        assert!(refusal.contains("ulimit -n 4294967359"), "{refusal}");
    }
}
