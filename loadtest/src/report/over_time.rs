//! What a run's course says: how fast events were stored, when the last one was, and what was the most.

use std::time::Duration;

use serde::Serialize;

use super::per_second;
use crate::timeline::{Milestones, Sample, Timeline};

/// The shortest time of which a peak is taken, so that it is no artefact of when the run was looked at.
const PEAK_OVER: f64 = 1.0;

/// What became of the accepted events, by the receipts of their frames.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Storing {
    /// From the first request to the last stored event.
    pub seconds: f64,
    /// Events stored.
    pub stored: u64,
    /// The same a second.
    pub stored_per_second: f64,
    /// Events dropped as duplicates.
    pub duplicates: u64,
    /// Events kept as dead letters.
    pub dead_lettered: u64,
    /// From the last answer until the last event was settled.
    pub drain_seconds: f64,
}

/// The most that there was at a time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Peaks {
    /// Events accepted within a second, or within the shortest time of it that is known.
    pub accepted_per_second: f64,
    /// Events stored within a second, likewise.
    pub stored_per_second: f64,
    /// Events accepted and not settled.
    pub in_flight: u64,
    /// Events in the server's own queue, if it was asked.
    pub queued: Option<u64>,
}

impl Storing {
    /// From a run that is over, and how long it was sent.
    pub(crate) fn of(timeline: &Timeline, sending: Duration) -> Self {
        let settled = timeline.latest().settled;
        let Milestones { last_stored: seconds, last_settled, .. } = timeline.milestones();
        Self {
            seconds,
            stored: settled.stored,
            stored_per_second: per_second(settled.stored, seconds),
            duplicates: settled.duplicates,
            dead_lettered: settled.dead_lettered,
            drain_seconds: (last_settled - sending.as_secs_f64()).max(0.0),
        }
    }
}

impl Peaks {
    /// From a run that is over.
    pub(crate) fn of(timeline: &Timeline) -> Self {
        let Milestones { in_flight, queued, .. } = timeline.milestones();
        let samples = timeline.samples();
        Self {
            accepted_per_second: peak(&samples, |sample| sample.totals.accepted),
            stored_per_second: peak(&samples, |sample| sample.totals.settled.stored),
            in_flight,
            queued,
        }
    }
}

/// The highest rate over about a second: for each sample, since the latest one before it that is a second away. A run that
/// is shorter counts as a whole.
fn peak(samples: &[Sample], total: impl Fn(&Sample) -> u64) -> f64 {
    let (mut from, mut highest) = (0, 0.0_f64);
    let begin = [Sample::default()];
    let points: Vec<&Sample> = begin.iter().chain(samples).collect();
    for now in &points {
        while points.get(from + 1).is_some_and(|next| now.seconds - next.seconds >= PEAK_OVER) {
            from += 1;
        }
        let seconds = now.seconds - points[from].seconds;
        if seconds >= PEAK_OVER {
            highest = highest.max(per_second(total(now).saturating_sub(total(points[from])), seconds));
        }
    }
    match points.last() {
        Some(last) if last.seconds < PEAK_OVER => per_second(total(last), last.seconds),
        _ => highest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::{Look, Totals};
    use crate::verify::Settled;

    fn timeline(looks: &[(f64, u64, u64)]) -> Timeline {
        let mut timeline = Timeline::default();
        for &(seconds, accepted, stored) in looks {
            let totals =
                Totals { accepted, settled: Settled { stored, ..Settled::default() }, ..Totals::default() };
            timeline.push(Look { seconds, totals, ..Look::default() });
        }
        timeline
    }

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found} for {expected}");
    }

    #[test]
    fn a_peak_is_what_there_was_within_a_second() {
        let Peaks { accepted_per_second, stored_per_second, in_flight, queued } =
            Peaks::of(&timeline(&[(0.5, 100, 0), (1.0, 500, 10), (1.5, 800, 20), (2.0, 810, 800)]));
        assert_eq!((accepted_per_second, stored_per_second), (700.0, 790.0));
        assert_eq!((in_flight, queued), (780, None));
    }

    #[test]
    fn the_peak_of_a_shorter_run_is_its_mean() {
        near(Peaks::of(&timeline(&[(0.25, 10, 0), (0.5, 40, 0)])).accepted_per_second, 80.0);
        near(Peaks::of(&timeline(&[])).accepted_per_second, 0.0);
    }

    #[test]
    fn the_drain_begins_with_the_last_answer() {
        let looks = timeline(&[(1.0, 100, 50), (2.0, 100, 80), (3.0, 100, 100), (4.0, 100, 100)]);
        let storing = Storing::of(&looks, Duration::from_millis(1_500));
        assert_eq!((storing.seconds, storing.drain_seconds), (3.0, 1.5));
        near(Storing::of(&looks, Duration::from_secs(9)).drain_seconds, 0.0);
        near(Storing::of(&timeline(&[]), Duration::ZERO).stored_per_second, 0.0);
    }
}
