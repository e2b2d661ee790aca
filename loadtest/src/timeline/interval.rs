//! One look at a run, and the interval that several of them make.

use std::collections::BTreeMap;

use serde::Serialize;

use super::latencies::{Latencies, Percentiles};
use crate::verify::Settled;

/// What a run has counted since it began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Events accepted, repeated ones included.
    pub accepted: u64,
    /// Events that the server called unacceptable.
    pub refused: u64,
    /// What had become of events: those of other clients count, too.
    pub settled: Settled,
    /// Answers by status.
    pub answers: BTreeMap<u16, u64>,
    /// Requests without an answer.
    pub failures: u64,
}

/// What a look at a run has found.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// Seconds since the run began.
    pub seconds: f64,
    /// Events a second that are due in an open loop, while sending goes on.
    pub offered: Option<f64>,
    /// What was counted by then.
    pub totals: Totals,
    /// Events in the server's queue, by its own count, if it was asked.
    pub queued: Option<u64>,
    /// Latencies of the requests accepted since the look before.
    pub latencies: Latencies,
}

/// An interval of a run. It begins where the one before it ends, the first at 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Sample {
    /// Its end, in seconds since the run began.
    pub seconds: f64,
    /// Events a second that were due in an open loop, on average; none after sending.
    pub offered_per_second: Option<f64>,
    /// What was counted since the run began.
    #[serde(flatten)]
    pub totals: Totals,
    /// The most events in it that were accepted and not settled.
    pub in_flight: u64,
    /// The most events in it that were in the server's queue, by the server's own count.
    pub queued: Option<u64>,
    /// Latencies of the requests accepted in it, in milliseconds; none if there are none.
    pub latency: Option<Percentiles>,
}

/// Looks that are kept as one.
#[derive(Clone, Debug)]
pub(super) struct Interval {
    looks: u64,
    end: f64,
    /// Events that were due, and the seconds in which they were.
    offered: (f64, f64),
    totals: Totals,
    in_flight: u64,
    queued: Option<u64>,
    latencies: Latencies,
}

impl Totals {
    /// Events accepted and not settled.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.accepted.saturating_sub(self.settled.total())
    }

    /// Answers of this status.
    #[must_use]
    pub fn answered(&self, status: u16) -> u64 {
        self.answers.get(&status).copied().unwrap_or_default()
    }
}

impl Interval {
    /// The interval from `begin` to this look.
    pub(super) fn of(look: Look, begin: f64) -> Self {
        let Look { seconds: end, offered, totals, queued, latencies } = look;
        let length = end - begin;
        let offered = offered.map_or((0.0, 0.0), |rate| (rate * length, length));
        Self { looks: 1, end, offered, in_flight: totals.in_flight(), totals, queued, latencies }
    }

    /// Goes on to the end of the interval after it.
    pub(super) fn absorb(&mut self, next: Self) {
        let (events, seconds) = self.offered;
        self.looks += next.looks;
        self.end = next.end;
        self.offered = (events + next.offered.0, seconds + next.offered.1);
        self.totals = next.totals;
        self.in_flight = self.in_flight.max(next.in_flight);
        self.queued = self.queued.max(next.queued);
        self.latencies.add(&next.latencies);
    }

    pub(super) fn looks(&self) -> u64 {
        self.looks
    }

    pub(super) fn end(&self) -> f64 {
        self.end
    }

    pub(super) fn sample(&self) -> Sample {
        let (events, seconds) = self.offered;
        Sample {
            seconds: self.end,
            offered_per_second: (seconds > 0.0).then(|| events / seconds),
            totals: self.totals.clone(),
            in_flight: self.in_flight,
            queued: self.queued,
            latency: self.latencies.percentiles(),
        }
    }
}
