//! How the whole behaves as separate processes: at rest, at half of what it sustains, and far beyond it.
//!
//! - `idle`: CPU time of `up` with nothing to do, of its own process and with its Redis and Postgres; of one core
//! - `sustained`: events stored a second while a closed loop sends as many as are taken, the drain included
//! - `latency`: from a request's acceptance to the commit of its events' rows, in an open loop at half of that, once more
//!   while Redis rewrites its file, and at a hundredth; Postgres itself tells when each row was committed. Beside it the round
//!   trips alone that an event needs
//! - `memory`: the most that `serve` and `worker` held while a thousand connections pressed
//!
//! The load tool verifies each run: nothing counts that was lost. `SECONDS` in the environment is how long a run sends.

#![expect(clippy::print_stdout, reason = "it reports to a person")]

#[path = "../figures/mod.rs"]
#[allow(dead_code, reason = "only sizes and the file")]
mod figures;
mod bare;
mod idle;
mod load;
mod process;
mod system;

use std::time::Duration;

use figures::{keep, size};
use load::{Percentiles, Press};
use loadtest::Pace;
use serde_json::json;
use system::System;

/// Events of a request while the system is loaded.
const BATCH: u32 = 100;
/// Connections that are enough to load it.
const CONNECTIONS: u32 = 16;
/// Half of what is sustained, while Redis rewrites its append-only file.
const REWRITING: &str = "half, rewriting";
/// Connections that are far too many.
const CROWD: u32 = 1_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let time = Duration::from_secs(size("SECONDS", 10) as u64);
    let idle = idle::measure(time)?;
    println!(
        "idle           {:.2} % of a core, with its servers {:.2} %",
        idle.own * 100.0,
        idle.all * 100.0
    );

    let bare = bare::measure(time).await?;
    println!("round trips    p50 {:.1} ms, p99 {:.1} ms, alone", bare.p50, bare.p99);

    let system = System::start().await?;
    let press = |pace, connections, batch| Press { pace, connections, batch, time };
    let sustained = press(Pace::Closed, CONNECTIONS, BATCH).on(&system).await?.storing.stored_per_second;
    println!("sustained      {sustained:.0} events/s");
    let mut latencies = Vec::new();
    let half = sustained / 2.0;
    let loads = [("half", half, BATCH), (REWRITING, half, BATCH), ("hundredth", sustained / 100.0, 1)];
    for (name, rate, batch) in loads {
        system.settle().await?;
        if name == REWRITING {
            system.begin_rewrite().await?;
        }
        let pace = load::fixed(rate, time)?;
        let report = press(pace, CONNECTIONS, batch).on(&system).await?;
        let Percentiles { p50, p99, most } = system.commit_latency(&report.run).await?;
        println!(
            "latency        p50 {p50:.1} ms, p99 {p99:.1} ms, most {most:.1} ms at {rate:.0} events/s ({name})"
        );
        latencies.push(json!({"load": name, "rate": rate, "p50_ms": p50, "p99_ms": p99, "most_ms": most}));
    }
    let overload = press(Pace::Closed, CROWD, BATCH).on(&system).await?;
    let (serve, worker) = system.most_memory()?;
    println!(
        "memory         serve {serve:.0} MiB, worker {worker:.0} MiB at {:.0} accepted/s",
        overload.sending.accepted_per_second
    );
    system.stop().await;
    keep(
        "operation",
        json!({
            "idle": {"own": idle.own, "with_servers": idle.all},
            "sustained": sustained,
            "latency": latencies,
            "round_trips": {"p50_ms": bare.p50, "p99_ms": bare.p99},
            "memory_mib": {"serve": serve, "worker": worker},
        }),
    )
}
