//! What an open loop offers: the events that are due, by its schedule alone, whatever becomes of them. Pure.
//!
//! Invariant: what is offered between the begin and the end of sending, summed over any intervals, is the area under the
//! rate, and never more than there is to send.

use std::time::Duration;

use super::schedule::Schedule;
use crate::load::{Load, Pace, Volume};

/// What an open loop offers.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    schedule: Schedule,
    /// Events in a request.
    batch: u32,
    /// The most events that there are.
    most: u64,
    /// When the last event is due at the latest, after the first; without it, all events are due in the end.
    end: Option<Duration>,
}

impl Offer {
    /// What this run offers; none in a closed loop, which offers whatever is taken.
    pub(crate) fn of(load: &Load) -> Option<Self> {
        let Pace::Open(rate) = &load.pace else { return None };
        let (most, end) = match load.volume {
            Volume::Events(events) => (events.get(), None),
            Volume::Time(time) => (u64::MAX, Some(time)),
        };
        let batch = load.batch.get();
        Some(Self { schedule: Schedule::new(rate, batch), batch, most, end })
    }

    /// Ends it after so long, if it has not ended before.
    pub(crate) fn end_after(&mut self, elapsed: Duration) {
        self.end = Some(self.end.map_or(elapsed, |end| end.min(elapsed)));
    }

    /// Events in all the requests that were due before the end.
    pub(crate) fn total(&self) -> u64 {
        let requests = self.end.map_or(u64::MAX, |end| self.schedule.due_before(end));
        requests.saturating_mul(self.batch.into()).min(self.most)
    }

    /// Events a second that are due from one time to a later one, on average; none once nothing more is due.
    pub(crate) fn rate(&self, from: Duration, to: Duration) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "exact for the first 2^53 events")]
        let most = self.most as f64;
        let end = self.end.unwrap_or(Duration::MAX);
        let due = |by: Duration| (self.schedule.area(by.min(end)) * f64::from(self.batch)).min(most);
        let seconds = to.checked_sub(from)?.as_secs_f64();
        (seconds > 0.0 && from < end && due(from) < most).then(|| (due(to) - due(from)) / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Legs;

    fn offer(rate: &str, seconds: u64, batch: u32) -> Offer {
        let legs: Legs = rate.parse().expect("a rate");
        let end = Duration::from_secs(seconds);
        Offer { schedule: Schedule::new(&legs.over(end), batch), batch, most: u64::MAX, end: Some(end) }
    }

    fn rate(offer: &Offer, from: u64, to: u64) -> Option<f64> {
        let rate = offer.rate(Duration::from_millis(from), Duration::from_millis(to));
        rate.map(|rate| (rate * 1e6).round() / 1e6)
    }

    #[test]
    fn what_is_offered_ends_with_the_time_of_sending() {
        let offer = offer("0..200", 10, 1);
        assert_eq!(rate(&offer, 4_900, 5_100), Some(100.0));
        assert_eq!(rate(&offer, 9_000, 13_000), Some(190.0 / 4.0), "a quarter of it");
        assert_eq!(rate(&offer, 10_300, 10_500), None);
        assert_eq!(rate(&offer, 200, 200), None);
        assert_eq!(offer.total(), 1_000);
    }

    #[test]
    fn over_several_legs_at_once_it_is_the_area_under_all_of_them() {
        let offer = offer("1000,5000,1000", 12, 10);
        assert_eq!(rate(&offer, 2_000, 12_000), Some(2_600.0));
        assert_eq!(
            rate(&offer, 0, 12_000),
            Some(28_000.0 / 12.0).map(|rate: f64| (rate * 1e6).round() / 1e6)
        );
        assert_eq!(offer.total(), 28_000);
    }

    #[test]
    fn a_number_of_events_is_offered_until_all_are_due() {
        let offer = Offer { most: 1_250, end: None, ..offer("100", 1, 100) };
        assert_eq!(rate(&offer, 0, 10_000), Some(100.0));
        assert_eq!(rate(&offer, 12_000, 13_000), Some(50.0));
        assert_eq!(rate(&offer, 13_000, 14_000), None);
        assert_eq!(offer.total(), 1_250);
        let offer = Offer { most: 7, end: None, ..self::offer("600", 1, 10) };
        assert_eq!(offer.total(), 7, "in the end, however long that is");
    }

    #[test]
    fn what_ends_early_offers_what_was_due_by_then() {
        for most in [u64::MAX, 1_000] {
            let mut offer = Offer { most, ..offer("100", 10, 10) };
            offer.end_after(Duration::from_millis(2_550));
            assert_eq!(offer.total(), 260, "the first request is due at once");
            assert_eq!(rate(&offer, 2_500, 2_600), Some(50.0));
            assert_eq!(rate(&offer, 2_600, 2_700), None);
        }
    }
}
