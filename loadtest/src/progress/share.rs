//! How much of a phase is done, and how long the rest may take. Pure.

use std::time::Duration;

use super::Phase;
use crate::load::Volume;
use crate::timeline::Look;

/// How much of a phase is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Share {
    /// From 0 to 1.
    pub(super) done: f64,
    /// What the rest takes if all goes on as it did so far; not known at the begin.
    pub(super) left: Option<Duration>,
}

impl Share {
    /// As of this look; `before` was the first look of the phase.
    pub(super) fn of(phase: Phase, volume: Volume, before: &Look, now: &Look) -> Option<Self> {
        match (phase, volume) {
            (Phase::Sending, Volume::Time(time)) => {
                Some(Self::new(0.0, now.seconds, time.as_secs_f64(), now.seconds))
            }
            (Phase::Sending, Volume::Events(events)) => {
                let answered = now.totals.accepted + now.totals.refused;
                Some(Self::new(0.0, float(answered), float(events.get()), now.seconds))
            }
            (Phase::Draining, _) => Some(Self::new(
                float(before.totals.settled.total()),
                float(now.totals.settled.total()),
                float(now.totals.accepted),
                now.seconds - before.seconds,
            )),
            (Phase::Preparing | Phase::Verifying | Phase::Archiving, _) => None,
        }
    }

    /// It went from `from` to `now` within these seconds, and goes to `all`.
    fn new(from: f64, now: f64, all: f64, seconds: f64) -> Self {
        let done = if all > 0.0 { (now / all).clamp(0.0, 1.0) } else { 1.0 };
        let speed = (now - from) / seconds;
        let left = Duration::try_from_secs_f64((all - now).max(0.0) / speed).ok();
        Self { done, left }
    }

    /// In thousandths.
    pub(super) fn thousandths(self) -> u64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
        let thousandths = (self.done * 1_000.0) as u64;
        thousandths
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown only")]
fn float(events: u64) -> f64 {
    events as f64
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;
    use crate::timeline::Totals;
    use crate::verify::Settled;

    fn look(seconds: f64, accepted: u64, refused: u64, stored: u64) -> Look {
        let settled = Settled { stored, ..Settled::default() };
        Look {
            seconds,
            totals: Totals { accepted, refused, settled, ..Totals::default() },
            ..Look::default()
        }
    }

    fn share(phase: Phase, volume: Volume, before: &Look, now: &Look) -> (u64, Option<u64>) {
        let share = Share::of(phase, volume, before, now).expect("a phase of a known size");
        (share.thousandths(), share.left.map(|left| left.as_secs()))
    }

    #[test]
    fn sending_for_a_time_is_done_when_it_is_over() {
        let time = Volume::Time(Duration::from_secs(20));
        let start = Look::default();
        assert_eq!(share(Phase::Sending, time, &start, &look(5.0, 0, 0, 0)), (250, Some(15)));
        assert_eq!(share(Phase::Sending, time, &start, &look(25.0, 0, 0, 0)), (1_000, Some(0)));
    }

    #[test]
    fn sending_events_is_done_when_all_are_answered() {
        let events = Volume::Events(NonZeroU64::new(1_000).expect("not zero"));
        let start = Look::default();
        assert_eq!(share(Phase::Sending, events, &start, &look(2.0, 390, 10, 0)), (400, Some(3)));
        assert_eq!(share(Phase::Sending, events, &start, &look(2.0, 0, 0, 0)), (0, None), "who knows");
    }

    #[test]
    fn draining_is_done_when_all_that_was_accepted_is_settled() {
        let time = Volume::Time(Duration::from_secs(1));
        let (before, now) = (look(10.0, 1_000, 0, 500), look(12.0, 1_000, 0, 700));
        assert_eq!(share(Phase::Draining, time, &before, &now), (700, Some(3)));
        let nothing = look(10.0, 0, 0, 0);
        assert_eq!(share(Phase::Draining, time, &nothing, &nothing).0, 1_000);
    }
}
