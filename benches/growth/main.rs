//! How what an event costs grows: with the campaigns, the payload, the batches, duplicates, and the rows that are there.
//!
//! Each variation drains a filled queue to committed rows, as `store` of the bench `pipeline` does, and is shown with the CPU
//! time of an event, by process and stage, the bytes that Redis took for it, and its rate beside that of the usual in the same
//! round. `grown` is the usual with `ROWS` (20 million) rows in the hot partition, which is one of more than forty.
//!
//! Rounds are interleaved; medians are shown. `EVENTS`, `ROUNDS` and `ROWS` in the environment change the size.

#![expect(clippy::print_stdout, reason = "it reports to a person")]

#[path = "../figures/mod.rs"]
mod figures;
#[path = "../pipeline/costs.rs"]
mod costs;
#[path = "../pipeline/system.rs"]
#[allow(dead_code, reason = "only the queue is drained")]
mod system;
#[path = "../pipeline/workload.rs"]
#[allow(dead_code, reason = "no requests are sent")]
mod workload;
mod rows;
mod variation;

use campaign_manager::embedded::{Profile, RedisSettings, Stores};
use costs::Costs;
use figures::{keep, size};
use serde_json::json;
use variation::{GROWN, USUAL, Variation, all};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (events, rounds, rows) = (size("EVENTS", 100_000), size("ROUNDS", 3), size("ROWS", 20_000_000));
    let mut variations = Vec::new();
    let folder = tempfile::tempdir()?;
    let stores =
        Stores::start(&folder.path().join("usual"), Profile::Durable(RedisSettings::default())).await?;
    let others =
        Stores::start(&folder.path().join("grown"), Profile::Durable(RedisSettings::default())).await?;
    for (name, shape, flags) in all(events) {
        let of = if name == GROWN { &others } else { &stores };
        variations.push(Variation::prepare(name, shape, flags, of).await?);
    }
    let grown = variations.iter_mut().find(|variation| variation.name == GROWN);
    rows::fill(grown.expect("it is one of them"), rows).await?;

    let mut costs = Costs::default();
    for round in 1..=rounds {
        for variation in &mut variations {
            variation.run(&mut costs).await?;
        }
        println!("round {round} of {rounds}");
    }
    println!("{}", costs.table());
    let usual = variations.iter().find(|variation| variation.name == USUAL);
    let usual = &usual.expect("it is one of them").figure;
    let mut found = serde_json::Map::new();
    for Variation { name, figure, redis_bytes, .. } in &variations {
        let ratio = figure.of(usual).median();
        let rate = figure.median();
        println!(
            "{name:<22} {rate:>9.0} events/s  {ratio:.2} of the usual  {redis_bytes:>5.0} bytes of Redis for a queued event"
        );
        let mut entry = figure.json();
        (entry["of_usual"], entry["redis_bytes"]) = (ratio.into(), (*redis_bytes).into());
        found.insert((*name).to_owned(), entry);
    }
    stores.stop().await;
    others.stop().await;
    keep("growth", json!({"variations": found, "cpu_microseconds": costs.json(), "rows": rows}))
}
