//! What a run has found: how fast, how late, and whether the server kept its promise.

#[cfg(test)]
mod fixtures;
mod latency;
mod over_time;
mod text;
mod html;

pub use latency::{Latency, Quantile};
pub use over_time::{Peaks, Storing};

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::load::{Load, Pace, Volume};
use crate::sending::{Counts, Sent};
use crate::timeline::Sample;
use crate::verify::Verification;

/// What a run has found. As JSON it is what `--json` writes.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What the fields mean: a change that a reader must know of raises it. Fields may be added without one.
    pub format: u32,
    /// The run's name; the ids of its events begin with it.
    pub run: String,
    /// When sending began, by the clock of the machine that sent.
    pub began: Timestamp,
    /// What was asked for.
    pub settings: Settings,
    /// What was sent.
    pub sending: Sending,
    /// From the moment an accepted request was due (in a closed loop: sent) to its acceptance, resending included.
    pub latency: Latency,
    /// What became of it.
    pub storing: Storing,
    /// The most that there was at a time.
    pub peaks: Peaks,
    /// Whether every accepted event is stored once, with the triggers that it must have.
    pub outcome: Outcome,
    /// Campaigns of the run that could not be archived.
    pub campaigns_left_active: usize,
    /// The run over time.
    pub samples: Vec<Sample>,
}

/// What was asked for.
#[derive(Clone, Debug, Serialize)]
pub struct Settings {
    /// The server.
    pub target: String,
    /// How many events to send, if that was said.
    pub events: Option<u64>,
    /// For how many seconds to send, if not how many events.
    pub duration: Option<f64>,
    /// Connections, each with one request at a time.
    pub connections: u32,
    /// Events in a request.
    pub batch: u32,
    /// Events a second on schedule, as it was written; none in a closed loop.
    pub rate: Option<String>,
    /// What the events were drawn from.
    pub seed: u64,
    /// How many users there are.
    pub users: u32,
    /// Campaigns of the run.
    pub campaigns: u32,
    /// The share of events that repeat one sent before.
    pub duplicates: f64,
    /// The share of events that must be refused.
    pub poison: f64,
    /// How large the events are to be, in bytes; none as large as what they say.
    pub payload: Option<String>,
    /// How much likelier some users and products are than others.
    pub skew: u8,
    /// Whether nobody else was to send to the server.
    pub alone: bool,
    /// For how many seconds nothing could move before the run was given up.
    pub patience: f64,
}

/// What was sent.
#[derive(Clone, Debug, Serialize)]
pub struct Sending {
    /// From the first request to the last answer.
    pub seconds: f64,
    /// Events that were due in an open loop; those never sent for want of a free connection have no latency.
    pub offered: Option<u64>,
    /// Events accepted, repeated ones included.
    pub accepted: u64,
    /// The same a second.
    pub accepted_per_second: f64,
    /// Events that the server called unacceptable.
    pub refused: u64,
    /// Why it did so the first time.
    pub refusal: Option<String>,
    /// Answers by status.
    pub answers: BTreeMap<u16, u64>,
    /// Requests without an answer.
    pub failures: u64,
    /// What happened to the latest of them.
    pub failure: Option<String>,
    /// Requests that were sent again.
    pub resent: u64,
    /// Requests that were given up.
    pub given_up: u64,
    /// Why sending ended before its time, if it did so of its own accord.
    pub ended_early: Option<String>,
}

/// Whether the server kept its promise.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Outcome {
    /// It did.
    Kept(Verification),
    /// It did not.
    Broken {
        /// What differs, in words.
        differences: Vec<String>,
        /// All that was compared.
        verification: Verification,
    },
    /// The run was given up while accepted events were on their way; what is there is as it must be.
    Undrained {
        /// How many, and for how long nothing had moved, in words.
        reason: String,
        /// All that was compared.
        verification: Verification,
    },
    /// It could not be asked.
    Unknown {
        /// Why.
        reason: String,
    },
}

impl Report {
    /// The format that this tool writes.
    pub const FORMAT: u32 = 1;

    /// What was compared, if the rows could be read.
    pub(crate) fn verification(&self) -> Option<&Verification> {
        match &self.outcome {
            Outcome::Kept(verification)
            | Outcome::Broken { verification, .. }
            | Outcome::Undrained { verification, .. } => Some(verification),
            Outcome::Unknown { .. } => None,
        }
    }

    /// Whether the run did what it was to do, and the server kept its promise.
    #[must_use]
    pub fn passed(&self) -> bool {
        matches!(self.outcome, Outcome::Kept(_)) && self.sending.ended_early.is_none()
    }
}

impl Settings {
    pub(crate) fn of(load: &Load) -> Self {
        let rate = match &load.pace {
            Pace::Closed => None,
            Pace::Open(rate) => Some(rate.to_string()),
        };
        let (events, duration) = match load.volume {
            Volume::Events(events) => (Some(events.get()), None),
            Volume::Time(time) => (None, Some(time.as_secs_f64())),
        };
        Self {
            target: load.target.to_string(),
            events,
            duration,
            connections: load.connections.get(),
            batch: load.batch.get(),
            rate,
            seed: load.shape.seed,
            users: load.shape.users.get(),
            campaigns: load.shape.campaigns,
            duplicates: load.shape.duplicates,
            poison: load.shape.poison,
            payload: load.shape.payload.map(|payload| payload.to_string()),
            skew: load.shape.skew,
            alone: load.alone,
            patience: load.patience.as_secs_f64(),
        }
    }
}

impl Sending {
    /// Events that were due and not answered when sending ended: the server, or the connections, did not keep up.
    #[must_use]
    pub fn left_over(&self) -> Option<u64> {
        Some(self.offered?.saturating_sub(self.accepted + self.refused))
    }

    pub(crate) fn of(sent: Sent, counts: &Counts, offered: Option<u64>) -> Self {
        Self {
            seconds: sent.duration.as_secs_f64(),
            offered,
            accepted: counts.accepted_events,
            accepted_per_second: per_second(counts.accepted_events, sent.duration.as_secs_f64()),
            refused: counts.refused_events,
            refusal: counts.refusal.clone(),
            answers: counts.answers.clone(),
            failures: counts.failures,
            failure: counts.failure.clone(),
            resent: counts.resent,
            given_up: counts.given_up,
            ended_early: sent.ended_early,
        }
    }
}

impl From<Verification> for Outcome {
    fn from(verification: Verification) -> Self {
        match (verification.differences(), verification.waiting) {
            (differences, None) if differences.is_empty() => Self::Kept(verification),
            (differences, Some(wait)) if differences.is_empty() => {
                Self::Undrained { reason: wait.to_string(), verification }
            }
            (mut differences, waiting) => {
                if let Some(wait) = waiting {
                    differences.insert(0, wait.to_string());
                }
                Self::Broken { differences, verification }
            }
        }
    }
}

fn per_second(events: u64, seconds: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "exact for the first 2^53 events")]
    let events = events as f64;
    if seconds > 0.0 { events / seconds } else { 0.0 }
}
