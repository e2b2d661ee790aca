//! What is sent, and what must come of it: a pure function of the seed.
//!
//! Nothing is kept of an event but its number: its bytes, and the campaigns that it must trigger, are made again from it
//! whenever they are needed.

mod draws;
mod market;
mod event;
mod rule;
mod run_id;
mod sequence;

pub use event::Event;
pub use rule::Rule;
pub use run_id::RunId;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::ops::Range;

use sequence::Sequence;

/// What a run sends.
#[derive(Clone, Debug)]
pub struct Workload {
    run: RunId,
    sequence: Sequence,
    users: NonZeroU32,
    timestamp: String,
    rules: Vec<Rule>,
    /// The places in `rules` of those that want an event type.
    by_kind: HashMap<&'static str, Vec<usize>>,
}

/// The events of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The numbers of the events, in the order of the body.
    pub numbers: Vec<u64>,
    /// The events, a line each.
    pub body: Vec<u8>,
}

/// What may differ between workloads.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Two workloads of the same shape and seed send the same events, apart from the run's name and the time.
    pub seed: u64,
    /// How many users there are.
    pub users: NonZeroU32,
    /// How many campaigns the tool brings along.
    pub campaigns: u32,
    /// The probability that an event is one sent before, from 0 to below 1.
    pub duplicates: f64,
}

impl Workload {
    /// The workload of this run; `timestamp` is what its events say of when they happened.
    #[must_use]
    pub fn new(run: RunId, shape: &Shape, timestamp: jiff::Timestamp) -> Self {
        let &Shape { seed, users, campaigns, duplicates } = shape;
        let rules: Vec<Rule> = (0..campaigns).map(|number| Rule::draw(seed, u64::from(number))).collect();
        let mut by_kind: HashMap<&'static str, Vec<usize>> = HashMap::new();
        for (index, rule) in rules.iter().enumerate() {
            by_kind.entry(rule.kind).or_default().push(index);
        }
        let timestamp = format!("{timestamp:.3}");
        Self { run, sequence: Sequence { seed, duplicates }, users, timestamp, rules, by_kind }
    }

    /// The run's name.
    #[must_use]
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// The rules of the tool's campaigns.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The events at these positions of the sequence.
    #[must_use]
    pub fn batch(&self, positions: Range<u64>) -> Batch {
        let mut batch = Batch::default();
        for position in positions {
            let number = self.sequence.event_at(position);
            batch.numbers.push(number);
            self.event(number).write(&self.run, number, &self.timestamp, &mut batch.body);
            batch.body.push(b'\n');
        }
        batch
    }

    /// The places, in [`rules`](Self::rules), of those that the event of this number must trigger.
    pub fn triggered_by(&self, number: u64) -> impl Iterator<Item = usize> {
        let event = self.event(number);
        let candidates = self.by_kind.get(event.kind).map_or(&[][..], Vec::as_slice);
        candidates.iter().copied().filter(move |&index| self.rules[index].wants(&event))
    }

    fn event(&self, number: u64) -> Event {
        Event::draw(self.sequence.seed, number, self.users)
    }
}

#[cfg(test)]
mod tests;
