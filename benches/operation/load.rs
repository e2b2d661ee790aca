//! Runs of the load tool.

use std::num::NonZeroU32;
use std::time::Duration;

use anyhow::ensure;
use loadtest::workload::Shape;
use loadtest::{Legs, Load, Pace, Report, Volume};

use crate::system::System;

const SEED: u64 = 7;
/// As in the bench of the pipeline.
const CAMPAIGNS: u32 = 1_000;
const PATIENCE: Duration = Duration::from_mins(1);

/// How the system is pressed.
pub(crate) struct Press {
    pub(crate) pace: Pace,
    pub(crate) connections: u32,
    pub(crate) batch: u32,
    pub(crate) time: Duration,
}

/// Of latencies, in milliseconds.
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) most: f64,
}

impl Percentiles {
    /// Those of at least one latency.
    pub(crate) fn of(mut latencies: Vec<f64>) -> Option<Self> {
        latencies.sort_by(f64::total_cmp);
        let at = |hundredths: usize| {
            latencies.get((latencies.len() * hundredths / 100).min(latencies.len().checked_sub(1)?)).copied()
        };
        Some(Self { p50: at(50)?, p99: at(99)?, most: at(100)? })
    }
}

/// So many events a second.
pub(crate) fn fixed(rate: f64, time: Duration) -> anyhow::Result<Pace> {
    let legs: Legs = format!("{rate:.0}").parse()?;
    Ok(Pace::Open(legs.over(time)))
}

impl Press {
    /// Presses, waits until all is stored, and sees that nothing is missing.
    pub(crate) async fn on(self, system: &System) -> anyhow::Result<Report> {
        let Self { pace, connections, batch, time } = self;
        let count = |number| NonZeroU32::new(number).expect("not 0");
        let load = Load {
            target: format!("http://{}", system.http()).parse()?,
            database: system.database_url().parse()?,
            volume: Volume::Time(time),
            pace,
            connections: count(connections),
            batch: count(batch),
            shape: Shape { campaigns: CAMPAIGNS, ..Shape::of_seed(SEED) },
            alone: true,
            metrics: None,
            patience: PATIENCE,
        };
        let report = loadtest::run(&load).await?;
        ensure!(report.passed(), "{report}");
        Ok(report)
    }
}
