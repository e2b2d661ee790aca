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

/// CPU time for each event, by what was measured, in the order of the first measurements.
#[derive(Default)]
pub(crate) struct Costs(Vec<(&'static str, Vec<Used>)>);

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
        let used = spent.cpu.into_iter().map(per_event).collect();
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, rounds)) => rounds.push(used),
            None => self.0.push((name, vec![used])),
        }
    }

    /// Medians in microseconds an event: by what was measured, by who has used it.
    fn medians(&self) -> Vec<(&'static str, BTreeMap<&'static str, f64>)> {
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
        self.medians().into_iter().map(|(name, used)| (name.to_owned(), json!(used))).collect()
    }

    /// A row for each measurement, a column for each who.
    pub(crate) fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        table.set_header(
            ["CPU µs an event", "redis", "postgres"].iter().chain(&STAGES).chain(&["runtime", "in all"]),
        );
        for (name, used) in self.medians() {
            let cell = |who: &&str| used.get(who).map_or(String::new(), |cost| format!("{cost:.2}"));
            let cells = ["redis", "postgres"].iter().chain(&STAGES).chain(&["runtime"]).map(cell);
            let sum = format!("{:.2}", used.values().sum::<f64>());
            table.add_row(std::iter::once(name.to_owned()).chain(cells).chain([sum]));
        }
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
