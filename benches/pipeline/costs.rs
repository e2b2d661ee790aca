//! What events cost: CPU time, by process and, within ours, by thread.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use comfy_table::{Table, presets};
use procfs::process::{Process, all_processes};
use serde_json::{Value, json};

/// The threads of the worker's stages; all others of the process are the runtime's, which does their I/O and all that `serve`
/// does.
const STAGES: [&str; 5] = ["fetch", "dedupe", "match", "store", "ack"];

/// CPU seconds by who has used them.
type Used = BTreeMap<&'static str, f64>;

/// CPU time for each event, by what was measured.
#[derive(Default)]
pub(crate) struct Costs(BTreeMap<&'static str, Vec<Used>>);

/// A measurement that goes on.
pub(crate) struct Meter {
    before: Used,
    started: Instant,
}

/// What something has taken.
pub(crate) struct Spent {
    pub(crate) time: Duration,
    cpu: Used,
}

impl Meter {
    pub(crate) fn start() -> anyhow::Result<Self> {
        Ok(Self { before: used()?, started: Instant::now() })
    }

    /// To be asked while the threads that have worked still live.
    pub(crate) fn stop(self) -> anyhow::Result<Spent> {
        let (time, mut cpu) = (self.started.elapsed(), used()?);
        for (who, seconds) in &mut cpu {
            *seconds -= self.before.get(who).copied().unwrap_or_default();
        }
        Ok(Spent { time, cpu })
    }
}

impl Costs {
    /// Adds what so many events have taken.
    #[expect(clippy::cast_precision_loss, reason = "a count is far below 2^52")]
    pub(crate) fn add(&mut self, name: &'static str, events: usize, spent: Spent) {
        let per_event = |(who, seconds): (&'static str, f64)| (who, seconds / events as f64 * 1e6);
        self.0.entry(name).or_default().push(spent.cpu.into_iter().map(per_event).collect());
    }

    /// Medians in microseconds an event: by what was measured, by who has used it.
    fn medians(&self) -> BTreeMap<&'static str, BTreeMap<&'static str, f64>> {
        let median = |rounds: &Vec<Used>, who: &str| {
            let mut values: Vec<f64> = rounds.iter().filter_map(|used| used.get(who).copied()).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or_default()
        };
        let of = |rounds: &Vec<Used>| {
            let names = rounds.iter().flat_map(BTreeMap::keys);
            names.map(|who| (*who, median(rounds, who))).collect::<BTreeMap<_, _>>()
        };
        self.0.iter().map(|(name, rounds)| (*name, of(rounds))).collect()
    }

    pub(crate) fn json(&self) -> Value {
        json!(self.medians())
    }

    /// A row for each who, a column for each measurement.
    pub(crate) fn table(&self) -> Table {
        let medians = self.medians();
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        table.set_header(std::iter::once("CPU µs an event").chain(medians.keys().copied()));
        let names: std::collections::BTreeSet<&str> =
            medians.values().flat_map(BTreeMap::keys).copied().collect();
        for who in names {
            let cell =
                |used: &BTreeMap<&str, f64>| used.get(who).map_or(String::new(), |cost| format!("{cost:.2}"));
            table.add_row(std::iter::once(who.to_owned()).chain(medians.values().map(cell)));
        }
        let sum = |used: &BTreeMap<&str, f64>| format!("{:.2}", used.values().sum::<f64>());
        table.add_row(std::iter::once("in all".to_owned()).chain(medians.values().map(sum)));
        table
    }
}

/// What this process, and its servers, have used so far.
fn used() -> anyhow::Result<Used> {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let seconds = |ticks: u64| ticks as f64 / procfs::ticks_per_second() as f64;
    let mut used = Used::new();
    for process in all_processes()?.filter_map(Result::ok) {
        let Ok(stat) = process.stat() else { continue };
        let who = match stat.comm.as_str() {
            "redis-server" => "redis",
            "postgres" => "postgres",
            _ => continue,
        };
        *used.entry(who).or_default() +=
            seconds(stat.utime + stat.stime + stat.cutime.unsigned_abs() + stat.cstime.unsigned_abs());
    }
    for task in Process::myself()?.tasks()?.filter_map(Result::ok) {
        let Ok(stat) = task.stat() else { continue };
        let stage = STAGES.into_iter().find(|stage| *stage == stat.comm);
        *used.entry(stage.unwrap_or("runtime")).or_default() += seconds(stat.utime + stat.stime);
    }
    Ok(used)
}
