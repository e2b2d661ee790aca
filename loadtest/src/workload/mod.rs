//! What is sent, and what must come of it: a pure function of the seed.
//!
//! Nothing is kept of an event but its number: its bytes, and the campaigns that it must trigger, are made again from it
//! whenever they are needed.

mod draws;
mod market;
mod payload;
mod event;
mod flaw;
mod rule;
mod run_id;
mod sequence;

pub use event::Event;
pub use payload::{InvalidPayload, Payload};
pub use rule::Rule;
pub use run_id::RunId;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::ops::Range;

use flaw::Flaw;
use sequence::Sequence;

/// What a run sends.
#[derive(Clone, Debug)]
pub struct Workload {
    run: RunId,
    shape: Shape,
    sequence: Sequence,
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
    /// The places of the poison events, which must be refused, in order.
    pub poison: Vec<usize>,
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
    /// The probability that an event is one that must be refused, from 0 to 1.
    pub poison: f64,
    /// How large events are; none is as large as what happens in them.
    pub payload: Option<Payload>,
    /// How much likelier some users and products are than others: 0 is all alike, event types too.
    pub skew: u8,
}

impl Shape {
    /// A hundred thousand users, of whom few do most, and nothing else that is special.
    #[must_use]
    pub const fn of_seed(seed: u64) -> Self {
        let users = NonZeroU32::new(100_000).expect("it is not 0");
        Self { seed, users, campaigns: 20, duplicates: 0.0, poison: 0.0, payload: None, skew: 2 }
    }
}

impl Workload {
    /// The workload of this run; `timestamp` is what its events say of when they happened.
    #[must_use]
    pub fn new(run: RunId, shape: &Shape, timestamp: jiff::Timestamp) -> Self {
        let &Shape { seed, campaigns, duplicates, .. } = shape;
        let rules: Vec<Rule> = (0..campaigns).map(|number| Rule::draw(seed, u64::from(number))).collect();
        let mut by_kind: HashMap<&'static str, Vec<usize>> = HashMap::new();
        for (index, rule) in rules.iter().enumerate() {
            by_kind.entry(rule.kind).or_default().push(index);
        }
        let timestamp = format!("{timestamp:.3}");
        Self { run, shape: shape.clone(), sequence: Sequence { seed, duplicates }, timestamp, rules, by_kind }
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
            if self.write(number, &mut batch.body) {
                batch.poison.push(batch.numbers.len());
            }
            batch.numbers.push(number);
            batch.body.push(b'\n');
        }
        batch
    }

    /// Appends the event of this number, and returns whether it is poison.
    fn write(&self, number: u64, out: &mut Vec<u8>) -> bool {
        let Self { run, shape, timestamp, .. } = self;
        let event = self.event(number);
        let Some(flaw) = Flaw::draw(shape.seed, number, shape.poison) else {
            event.write(run, shape, number, timestamp, out);
            return false;
        };
        let mut good = Vec::new();
        event.write(run, shape, number, timestamp, &mut good);
        out.extend_from_slice(&flaw.spoil(&String::from_utf8_lossy(&good)));
        true
    }

    /// The places, in [`rules`](Self::rules), of those that the event of this number must trigger.
    pub fn triggered_by(&self, number: u64) -> impl Iterator<Item = usize> {
        let event = self.event(number);
        let candidates = self.by_kind.get(event.kind).map_or(&[][..], Vec::as_slice);
        candidates.iter().copied().filter(move |&index| self.rules[index].wants(&event))
    }

    fn event(&self, number: u64) -> Event {
        Event::draw(&self.shape, number)
    }
}

#[cfg(test)]
mod tests;
