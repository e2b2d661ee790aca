//! What is varied, one thing at a time.

use campaign_manager::embedded::Stores;
use campaign_manager::queue;

use crate::costs::Costs;
use crate::figures::Figure;
use crate::system::System;
use crate::workload::{Shape, Workload};

/// What all others are held against.
pub(crate) const USUAL: &str = "usual";
/// The usual one, on a Postgres that holds millions of rows, and partitions for more than a month.
pub(crate) const GROWN: &str = "grown";

/// A workload on its system.
pub(crate) struct Variation {
    pub(crate) name: &'static str,
    pub(crate) figure: Figure,
    /// What a queued event takes of Redis' memory.
    pub(crate) redis_bytes: f64,
    pub(crate) system: System,
    pub(crate) workload: Workload,
}

/// Each with its name and its settings. The usual one has a thousand campaigns, events of 230 bytes and batches of 5,000.
pub(crate) fn all(events: usize) -> Vec<(&'static str, Shape, &'static [&'static str])> {
    let usual = Shape::of(events);
    vec![
        (USUAL, usual, &[]),
        ("10 campaigns", Shape { campaigns: 10, ..usual }, &[]),
        ("10,000 campaigns", Shape { campaigns: 10_000, ..usual }, &[]),
        ("100,000 campaigns", Shape { campaigns: 100_000, ..usual }, &[]),
        ("1,000 bytes an event", Shape { text: 760, ..usual }, &[]),
        ("4,000 bytes an event", Shape { text: 3_760, ..usual }, &[]),
        ("batches of 500", usual, &["--batch-events", "500"]),
        ("batches of 20,000", usual, &["--batch-events", "20000", "--batch-bytes", "32MiB"]),
        ("5 % duplicates", Shape { duplicates: 5, ..usual }, &[]),
        ("50 % duplicates", Shape { duplicates: 50, ..usual }, &[]),
        // Its ids are those of the rows that are there: with a window that is over they are no duplicates, nor claimed anew.
        (GROWN, usual, &["--dedupe-window", "10s", "--partitions-ahead", "40d"]),
    ]
}

impl Variation {
    pub(crate) async fn prepare(
        name: &'static str,
        shape: Shape,
        flags: &[&str],
        stores: &Stores,
    ) -> anyhow::Result<Self> {
        let workload = Workload::new(shape);
        let system = System::prepare(stores, flags).await?;
        Ok(Self { name, figure: Figure::new(name), redis_bytes: 0.0, system, workload })
    }

    /// Measures it once more.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub(crate) async fn run(&mut self, costs: &mut Costs) -> anyhow::Result<()> {
        let Self { name, figure, redis_bytes, system, workload } = self;
        if *name == GROWN {
            system.empty_queue().await?;
        } else {
            system.empty().await?;
        }
        system.activate(workload).await?;
        let (events, before) = (workload.events.len(), redis_memory(system).await?);
        let since = system.fill_queue(workload).await?;
        *redis_bytes = (redis_memory(system).await?.saturating_sub(before)) as f64 / events as f64;
        let spent = system.drain(workload, since).await?;
        figure.add(events, spent.time);
        costs.add(name, events, spent);
        Ok(())
    }
}

/// Bytes that Redis holds.
async fn redis_memory(system: &System) -> anyhow::Result<u64> {
    let sight = queue::look(&system.redis, system.settings.queue.shards).await?;
    Ok(sight.nodes.iter().map(|node| node.memory.used).sum())
}
