//! What is printed: a line for each round, a table at the end, and after a violation how it came about.

use std::fmt;
use std::time::Duration;

use crate::plan::plan;
use crate::round::LOAD;
use crate::scene::Counts;

/// What became of a round.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) number: u64,
    /// Since the start.
    pub(crate) time: Duration,
    pub(crate) faults: Counts,
    pub(crate) obligations: usize,
    pub(crate) stored: usize,
    pub(crate) lost: usize,
    pub(crate) stored_twice: usize,
    pub(crate) dead_lettered: usize,
    /// Duplicates that were recognised, by the receipts.
    pub(crate) duplicates: i64,
    pub(crate) refused: usize,
    pub(crate) unanswered: usize,
    pub(crate) recovery: Option<Duration>,
    /// Until the queue was empty and nothing changed any more.
    pub(crate) drained: Duration,
    /// How long the comparison took.
    pub(crate) judged: Duration,
    /// Of the serving processes and the workers, in bytes.
    pub(crate) resident: Vec<Option<u64>>,
    /// What does not hold.
    pub(crate) broken: Vec<String>,
}

/// What became of all rounds.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    faults: Counts,
    rounds: usize,
    obligations: usize,
    stored: usize,
    dead_lettered: usize,
    duplicates: i64,
    refused: usize,
    unanswered: usize,
    longest_recovery: Duration,
    most_resident: u64,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, time, obligations, stored, lost, stored_twice, dead_lettered, duplicates, .. } =
            self;
        write!(
            f,
            "round {number:2} at {:3} s: {} faults, {obligations} obligations, ",
            time.as_secs(),
            sum(&self.faults)
        )?;
        write!(
            f,
            "{stored} stored, {lost} lost, {stored_twice} stored twice, {dead_lettered} dead letters, "
        )?;
        write!(f, "{duplicates} duplicates, {} refused, {} unanswered; ", self.refused, self.unanswered)?;
        let recovery = self.recovery.map_or("?".to_owned(), |time| format!("{:.2} s", time.as_secs_f32()));
        let (drained, judged) = (self.drained.as_secs_f32(), self.judged.as_secs_f32());
        write!(f, "recovered in {recovery}, drained in {drained:.1} s, judged in {judged:.1} s; MiB")?;
        for resident in &self.resident {
            write!(f, " {}", resident.map_or("-".to_owned(), |bytes| (bytes >> 20).to_string()))?;
        }
        let faults: Vec<String> = self.faults.iter().map(|(kind, times)| format!("{times} {kind}")).collect();
        write!(f, "\n         {}", faults.join(", "))?;
        for broken in &self.broken {
            write!(f, "\n  NOT KEPT: {broken}")?;
        }
        Ok(())
    }
}

impl Totals {
    pub(crate) fn add(&mut self, outcome: &Outcome) {
        self.rounds += 1;
        for (kind, times) in &outcome.faults {
            *self.faults.entry(kind.clone()).or_default() += times;
        }
        // The counts of an outcome are those since the start.
        self.obligations = outcome.obligations;
        self.stored = outcome.stored;
        self.dead_lettered = outcome.dead_lettered;
        self.duplicates = outcome.duplicates;
        self.refused = outcome.refused;
        self.unanswered = outcome.unanswered;
        self.longest_recovery = self.longest_recovery.max(outcome.recovery.unwrap_or_default());
        self.most_resident = outcome.resident.iter().flatten().copied().fold(self.most_resident, u64::max);
    }

    pub(crate) fn count(&mut self, kind: &str) {
        *self.faults.entry(kind.to_owned()).or_default() += 1;
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{:>5}  fault", "times")?;
        for (kind, times) in &self.faults {
            writeln!(f, "{times:5}  {kind}")?;
        }
        writeln!(f, "{:5}  in {} rounds", sum(&self.faults), self.rounds)?;
        let Self { obligations, stored, dead_lettered, duplicates, refused, unanswered, .. } = self;
        writeln!(
            f,
            "{obligations} obligations: {stored} stored, {dead_lettered} dead letters; {duplicates} duplicates"
        )?;
        writeln!(f, "{refused} requests refused, {unanswered} without an answer")?;
        let (recovery, resident) = (self.longest_recovery.as_secs_f32(), self.most_resident >> 20);
        write!(f, "longest recovery {recovery:.2} s, most resident memory of a process {resident} MiB")
    }
}

fn sum(faults: &Counts) -> usize {
    faults.values().sum()
}

/// The command that repeats the run.
pub(crate) fn how_to_repeat(duration: Duration, seed: u64) -> String {
    format!("to repeat it: make chaos ARGS=\"--duration {}s --seed {seed}\"", duration.as_secs())
}

/// What was planned, up to and with this round.
pub(crate) fn print_plan(seed: u64, rounds: u64) {
    for number in 0..=rounds {
        let round = plan(seed, number, LOAD);
        println!("round {number}: {} % duplicates", round.duplicates);
        for fault in &round.faults {
            println!("  {fault}");
        }
        if let Some(loss) = round.loss {
            println!("  after it: {loss:?}");
        }
    }
}

/// Where the logs of the processes are.
pub(crate) fn logs(name: &str) -> String {
    format!("{}/process-logs/{name}-*.log", env!("CARGO_TARGET_TMPDIR"))
}
