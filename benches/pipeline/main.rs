//! How fast events get through, as ratios against what the same machine can do at most in the same run.
//!
//! - `store`: a worker drains a filled queue to committed rows, all five stages, 1,000 active campaigns
//! - `end_to_end`: the same events come in over HTTP, in bodies of 500, with everything in one process
//! - the limit of both: bare binary `COPY` of the same rows into the same tables, 5,000 rows a transaction
//!
//! Each is shown with the CPU time that an event costs, by process and, within ours, by stage.
//!
//! Rounds are interleaved (limit, store, end to end, limit, …); the medians are compared. Everything, the two servers and
//! the load included, shares the machine's cores. `EVENTS` and `ROUNDS` in the environment change the size.

#![expect(clippy::print_stdout, reason = "it reports to a person")]

#[path = "../figures/mod.rs"]
mod figures;
mod costs;
mod limit;
mod report;
mod system;
mod workload;

use campaign_manager::embedded::{Profile, RedisSettings, Stores};
use costs::Costs;
use figures::{Figure, size};
use system::System;
use workload::{Shape, Workload};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (events, rounds) = (size("EVENTS", 300_000), size("ROUNDS", 5));
    let workload = Workload::new(Shape::of(events));
    println!("{events} events of {} bytes on average, {rounds} rounds", workload.mean_bytes());

    let folder = tempfile::tempdir()?;
    let stores = Stores::start(folder.path(), Profile::Durable(RedisSettings::default())).await?;
    let mut system = System::prepare(&stores, &[]).await?;
    system.activate(&workload).await?;
    let rows = limit::Chunks::encode(&workload, &system.campaigns);
    let (mut copy, mut store, mut end_to_end) =
        (Figure::new("copy"), Figure::new("store"), Figure::new("end_to_end"));
    let mut costs = Costs::default();
    for round in 1..=rounds {
        system.empty().await?;
        let copied = rows.copy(&system).await?;
        system.empty().await?;
        let drained = system.drain_queue(&workload).await?;
        system.empty().await?;
        let accepted = system.accept_and_store(&workload).await?;
        for (figure, spent) in [(&mut copy, copied), (&mut store, drained), (&mut end_to_end, accepted)] {
            figure.add(events, spent.time);
            costs.add(figure.name, events, spent);
        }
        println!("round {round}: {copy:.0} · {store:.0} · {end_to_end:.0} events/s");
    }
    stores.stop().await;
    report::write(&copy, &[store, end_to_end], &costs)
}
