//! What decides is pure: these modules import no runtime, no client, no server and no clock, so that they can be tested
//! by example and by property, and run the same in the worker, the API and offline.

#![expect(clippy::panic, clippy::unwrap_used, reason = "it is a test")]

use std::fs;
use std::path::{Path, PathBuf};

/// Folders and files under `src/` that must stay pure.
const PURE: [&str; 22] = [
    "event",
    "rules",
    "campaign",
    "queue/frame.rs",
    "queue/sender.rs",
    "queue/shard.rs",
    "queue/depth.rs",
    "queue/entry_id.rs",
    "http/framing.rs",
    "http/head.rs",
    "http/loopback.rs",
    "ingest/body/shares.rs",
    "ingest/gathering.rs",
    "ingest/staged.rs",
    "store/copy.rs",
    "store/partitions/indexes.rs",
    "store/partitions/plan.rs",
    "worker/batching.rs",
    "worker/fold.rs",
    "worker/pace.rs",
    "worker/rows.rs",
    "ledger/balance.rs",
];

/// What none of them may name.
const IMPURE: [&str; 10] = [
    "tokio::",
    "redis::",
    "hyper::",
    "tokio_postgres::",
    "deadpool_postgres::",
    "std::net::Tcp",
    "std::net::Udp",
    "std::fs",
    "Instant::now",
    "Timestamp::now",
];

fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    entries
        .flat_map(|entry| files(&entry.unwrap().path()))
        .filter(|file| file.extension().is_some_and(|e| e == "rs"))
        .collect()
}

#[test]
fn pure_modules_import_neither_runtime_nor_client_nor_clock() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in PURE.iter().flat_map(|path| files(&src.join(path))) {
        let text = fs::read_to_string(&file).unwrap();
        let production = text.split("#[cfg(test)]").next().unwrap_or_default();
        for impure in IMPURE {
            assert!(!production.contains(impure), "{} names {impure}", file.display());
        }
    }
}

#[test]
fn the_clock_of_the_machine_is_read_in_one_place() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let clock = src.join("ops/clock/own.rs");
    for file in files(&src).into_iter().filter(|file| *file != clock) {
        let text = fs::read_to_string(&file).unwrap();
        for read in ["Timestamp::now", "Zoned::now", "SystemTime::now", "Utc::now"] {
            assert!(!text.contains(read), "{} reads {read}; use ops::clock", file.display());
        }
    }
}
