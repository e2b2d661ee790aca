//! How fast events are taken in, as ratios against what the same machine can do at most in the same run.
//!
//! - `ingest_single`: one event a request, acknowledged by Redis; its limit is hyper answering a constant 202
//! - `ingest_batch`: NDJSON of 500 events a request, acknowledged by Redis; its limit is the same server only parsing
//!
//! The server, one thread, has the first core; the clients, and Redis, have the second. Rounds are interleaved (limit, ours,
//! limit, …); the medians are compared. `SECONDS` and `ROUNDS` in the environment change the size.

#![expect(clippy::print_stdout, reason = "it reports to a person")]

#[path = "../figures/mod.rs"]
mod figures;
#[path = "../pipeline/workload.rs"]
#[allow(dead_code, reason = "only its events")]
mod workload;
mod client;
mod cores;
mod limit;
mod report;
mod system;

use std::time::Duration;

use client::Requests;
use cores::{OTHERS, SERVER};
use figures::{Figure, size};
use limit::Limit;
use system::System;
use workload::{Shape, Workload};

/// Different events; they are sent again and again, which ingest does not mind.
const EVENTS: usize = 100_000;
/// Connections of each kind of client.
const SINGLE: usize = 64;
const BATCH: usize = 16;

fn main() -> anyhow::Result<()> {
    let (time, rounds) = (Duration::from_secs(size("SECONDS", 2) as u64), size("ROUNDS", 5));
    // Whatever is started from here on, Redis too, stays there.
    cores::pin(OTHERS)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .on_thread_start(|| cores::pin(SERVER).expect("the machine has two cores"))
        .enable_all()
        .build()?;
    let workload = Workload::new(Shape::of(EVENTS));
    let (single, batch) = (Requests::single(&workload), Requests::batches(&workload));
    let system = runtime.block_on(System::start())?;
    let (constant, parsing) =
        runtime.block_on(async { anyhow::Ok((Limit::constant().await?, Limit::parsing().await?)) })?;

    let mut figures = ["constant", "ingest_single", "parsing", "ingest_batch"].map(Figure::new);
    for round in 1..=rounds {
        let sides = [
            (constant.addr, &single, SINGLE),
            (system.addr(), &single, SINGLE),
            (parsing.addr, &batch, BATCH),
            (system.addr(), &batch, BATCH),
        ];
        for (figure, (addr, requests, connections)) in figures.iter_mut().zip(sides) {
            runtime.block_on(system.empty())?;
            let sent = client::drive(addr, requests, connections, time)?;
            figure.add(sent.events, sent.took);
        }
        println!("round {round}: {}", figures.each_ref().map(ToString::to_string).join(" · "));
    }
    runtime.block_on(system.stop());
    report::write(&figures)
}
