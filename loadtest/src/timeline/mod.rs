//! A run over time, in as many intervals as a chart can show, however long it takes. Pure.
//!
//! Each look at the run goes into the last interval until that one is full. Once there are more than [`MOST`] intervals, each
//! pair becomes one, and an interval holds twice as many looks from then on. Invariants: every interval but the last holds
//! as many looks as every other, none is dropped, and what intervals count adds up to what the run has counted.

mod interval;
mod latencies;

pub use interval::{Look, Sample, Totals};
pub use latencies::{LONGEST, Latencies, Percentiles, microseconds, milliseconds};

use interval::Interval;

/// The most intervals. A run that has had more looks has at least half as many.
const MOST: usize = 600;

/// A run over time.
#[derive(Clone, Debug)]
pub struct Timeline {
    intervals: Vec<Interval>,
    /// Looks in an interval that is full.
    full: u64,
    latest: Totals,
    milestones: Milestones,
}

/// What is known to a look's precision, however long the intervals are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Milestones {
    /// Seconds from the begin to the last event stored.
    pub last_stored: f64,
    /// Seconds from the begin to the last event settled.
    pub last_settled: f64,
    /// The most events that were accepted and not settled.
    pub in_flight: u64,
    /// The most events in the server's own queue, if it was asked.
    pub queued: Option<u64>,
}

impl Default for Timeline {
    fn default() -> Self {
        Self { intervals: Vec::new(), full: 1, latest: Totals::default(), milestones: Milestones::default() }
    }
}

impl Timeline {
    /// Takes the next look.
    pub fn push(&mut self, look: Look) {
        self.milestones.pass(&self.latest, &look);
        self.latest = look.totals.clone();
        let begin = self.intervals.last().map_or(0.0, Interval::end);
        let next = Interval::of(look, begin);
        match self.intervals.last_mut() {
            Some(last) if last.looks() < self.full => last.absorb(next),
            _ => self.intervals.push(next),
        }
        if self.intervals.len() > MOST {
            self.halve();
        }
    }

    /// The totals of the latest look.
    #[must_use]
    pub fn latest(&self) -> &Totals {
        &self.latest
    }

    /// What was passed on the way.
    #[must_use]
    pub fn milestones(&self) -> Milestones {
        self.milestones
    }

    /// The intervals so far, the last of which may be shorter than the others.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample> {
        self.intervals.iter().map(Interval::sample).collect()
    }

    fn halve(&mut self) {
        let mut halved: Vec<Interval> = Vec::with_capacity(MOST);
        for (place, interval) in std::mem::take(&mut self.intervals).into_iter().enumerate() {
            match halved.last_mut() {
                Some(before) if place % 2 == 1 => before.absorb(interval),
                _ => halved.push(interval),
            }
        }
        (self.intervals, self.full) = (halved, self.full * 2);
    }
}

impl Milestones {
    fn pass(&mut self, before: &Totals, look: &Look) {
        let now = &look.totals;
        if now.settled.stored > before.settled.stored {
            self.last_stored = look.seconds;
        }
        if now.settled.total() > before.settled.total() {
            self.last_settled = look.seconds;
        }
        self.in_flight = self.in_flight.max(now.in_flight());
        self.queued = self.queued.max(look.queued);
    }
}

#[cfg(test)]
mod tests;
