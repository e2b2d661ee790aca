//! How a run goes right now: what the looks of the last second or so say together. Pure.

use std::fmt;

use indicatif::HumanCount;

use crate::timeline::{Latencies, Look, Totals};

/// The looks since what was shown last.
#[derive(Clone, Debug)]
pub(super) struct Recent {
    /// Seconds that are shown together, at least.
    every: f64,
    shown: f64,
    totals: Totals,
    latencies: Latencies,
}

/// How a run goes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Going {
    accepted_per_second: f64,
    stored_per_second: f64,
    in_flight: u64,
    /// Half of the latencies, and 99 in a hundred, took at most so many milliseconds.
    latency: Option<(f64, f64)>,
    /// Requests, so far, that the server was too busy for: answers 429 and 503.
    busy: [(u16, u64); 2],
    /// Requests without an answer, so far.
    failures: u64,
    /// Events refused, so far.
    refused: u64,
}

impl Recent {
    /// Shows so many seconds together.
    pub(super) fn new(every: f64) -> Self {
        Self { every, shown: 0.0, totals: Totals::default(), latencies: Latencies::default() }
    }

    /// Takes a look, and says how the run goes if it is time to.
    pub(super) fn push(&mut self, look: &Look) -> Option<Going> {
        self.latencies.add(&look.latencies);
        let seconds = look.seconds - self.shown;
        if seconds < self.every {
            return None;
        }
        let now = &look.totals;
        let latency = self.latencies.percentiles().map(|latency| (latency.p50, latency.p99));
        let going = Going {
            accepted_per_second: rate(self.totals.accepted, now.accepted, seconds),
            stored_per_second: rate(self.totals.settled.stored, now.settled.stored, seconds),
            in_flight: now.in_flight(),
            latency,
            busy: [429, 503].map(|status| (status, now.answered(status))),
            failures: now.failures,
            refused: now.refused,
        };
        (self.shown, self.totals, self.latencies) = (look.seconds, now.clone(), Latencies::default());
        Some(going)
    }
}

impl fmt::Display for Going {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/s accepted · {}/s stored",
            whole(self.accepted_per_second),
            whole(self.stored_per_second)
        )?;
        if let Some((p50, p99)) = self.latency {
            write!(f, " · p50 {p50:.1} ms, p99 {p99:.1} ms")?;
        }
        write!(f, " · {} in flight", HumanCount(self.in_flight))?;
        for (status, count) in self.busy.into_iter().filter(|(_, count)| *count > 0) {
            write!(f, " · {} × {status}", HumanCount(count))?;
        }
        for (count, what) in [(self.failures, "without an answer"), (self.refused, "refused")] {
            if count > 0 {
                write!(f, " · {} {what}", HumanCount(count))?;
            }
        }
        Ok(())
    }
}

fn rate(before: u64, now: u64, seconds: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "shown only")]
    let events = now.saturating_sub(before) as f64;
    events / seconds
}

fn whole(rate: f64) -> HumanCount {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts saturate")]
    HumanCount(rate.round() as u64)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::verify::Settled;

    fn look(seconds: f64, accepted: u64, stored: u64, milliseconds: u64) -> Look {
        let mut latencies = Latencies::default();
        latencies.record(Duration::from_millis(milliseconds));
        let settled = Settled { stored, ..Settled::default() };
        Look {
            seconds,
            latencies,
            totals: Totals { accepted, settled, ..Totals::default() },
            ..Look::default()
        }
    }

    #[test]
    fn looks_within_a_second_are_shown_together() {
        let mut recent = Recent::new(1.0);
        assert_eq!(recent.push(&look(0.5, 600, 200, 4)), None);
        let shown = recent.push(&look(1.25, 12_500, 10_000, 20)).expect("it is time");
        insta::assert_snapshot!(shown, @"10,000/s accepted · 8,000/s stored · p50 4.0 ms, p99 20.1 ms · 2,500 in flight");
        assert_eq!(recent.push(&look(2.0, 12_500, 12_500, 1)), None);
        let shown = recent.push(&look(2.25, 12_500, 12_500, 1)).expect("it is time again");
        insta::assert_snapshot!(shown, @"0/s accepted · 2,500/s stored · p50 1.0 ms, p99 1.0 ms · 0 in flight");
    }

    #[test]
    fn trouble_is_named_once_there_is_some() {
        let mut look = Look { seconds: 2.0, ..Look::default() };
        look.totals.answers.extend([(202, 9), (429, 1_234), (500, 3)]);
        (look.totals.failures, look.totals.refused) = (2, 7);
        let shown = Recent::new(1.0).push(&look).expect("it is time");
        insta::assert_snapshot!(
            shown,
            @"0/s accepted · 0/s stored · 0 in flight · 1,234 × 429 · 2 without an answer · 7 refused"
        );
    }
}
