//! When each request of an open loop is due: the inverse of the integral of the rate, without drift.

use std::time::Duration;

use crate::Rate;

/// The times of all requests. Pure.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Schedule {
    /// In order of time. The last one never ends.
    legs: Vec<Leg>,
}

/// A part of the time in which the rate changes evenly.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Leg {
    /// When it begins, in seconds after the start.
    begin: f64,
    /// How many requests are due before it.
    before: f64,
    /// Requests a second at its begin.
    rate: f64,
    /// By how much that grows in a second.
    growth: f64,
}

impl Schedule {
    /// Requests of so many events each, of which `rate` are to be sent in a second.
    pub(super) fn new(rate: &Rate, events: u32) -> Self {
        let (seconds, events) = (rate.leg_seconds(), f64::from(events));
        let mut legs = Vec::new();
        let (mut begin, mut before) = (0.0, 0.0);
        for (from, to) in rate.legs() {
            let growth = (to - from) / events / seconds;
            legs.push(Leg { begin, before, rate: from / events, growth });
            begin += seconds;
            before += f64::midpoint(from, to) / events * seconds;
        }
        legs.push(Leg { begin, before, rate: rate.last() / events, growth: 0.0 });
        Self { legs }
    }

    /// When the request of this number, counted from 0, is due after the start; never is [`Duration::MAX`].
    pub(super) fn due(&self, request: u64) -> Duration {
        #[expect(clippy::cast_precision_loss, reason = "exact for the first 2^53 requests")]
        let request = request as f64;
        let next = self.legs.partition_point(|leg| leg.before <= request);
        let leg = self.legs[next.saturating_sub(1)];
        let end = self.legs.get(next).map_or(f64::INFINITY, |leg| leg.begin);
        let seconds = (leg.begin + leg.time_of(request - leg.before)).min(end);
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    /// How many requests are due before then.
    pub(super) fn due_before(&self, elapsed: Duration) -> u64 {
        elapsed.checked_sub(Duration::from_nanos(1)).map_or(0, |before| self.due_by(before))
    }

    /// The integral of the rate until then, in requests.
    pub(super) fn area(&self, elapsed: Duration) -> f64 {
        let seconds = elapsed.as_secs_f64();
        let next = self.legs.partition_point(|leg| leg.begin <= seconds);
        let leg = self.legs[next.saturating_sub(1)];
        leg.before + leg.requests_by(seconds - leg.begin)
    }

    /// How many requests are due by then.
    pub(super) fn due_by(&self, elapsed: Duration) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is not below 0, and casts saturate"
        )]
        let mut due = self.area(elapsed) as u64;
        // Rounding may have put it off a little, so `due` decides.
        while due > 0 && self.due(due - 1) > elapsed {
            due -= 1;
        }
        while self.due(due) <= elapsed {
            due += 1;
        }
        due
    }
}

impl Leg {
    /// How many requests are due within so many seconds of the leg.
    fn requests_by(self, seconds: f64) -> f64 {
        seconds * (self.rate + self.growth * seconds / 2.0)
    }

    /// The inverse of it, in the form that loses no precision where the growth is small.
    fn time_of(self, requests: f64) -> f64 {
        if requests <= 0.0 {
            return 0.0;
        }
        let rate_then = (self.rate * self.rate + 2.0 * self.growth * requests).max(0.0).sqrt();
        2.0 * requests / (self.rate + rate_then)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Legs;

    fn schedule(rate: &str, seconds: u64, events: u32) -> Schedule {
        let legs: Legs = rate.parse().expect(rate);
        Schedule::new(&legs.over(Duration::from_secs(seconds)), events)
    }

    fn milliseconds(schedule: &Schedule, requests: impl IntoIterator<Item = u64>) -> Vec<u128> {
        requests.into_iter().map(|request| schedule.due(request).as_millis()).collect()
    }

    #[test]
    fn requests_are_due_evenly() {
        assert_eq!(milliseconds(&schedule("4", 1, 1), 0..5), [0, 250, 500, 750, 1000]);
        assert_eq!(milliseconds(&schedule("400", 1, 100), 0..5), [0, 250, 500, 750, 1000]);
    }

    #[test]
    fn rounding_does_not_add_up() {
        let schedule = schedule("3", 10, 1);
        assert_eq!(schedule.due(3 * 3_600 * 24), Duration::from_hours(24));
    }

    #[test]
    fn a_ramp_begins_slowly_and_ends_fast_and_goes_on_as_fast() {
        let schedule = schedule("0..20", 10, 1);
        // At t seconds t² requests are due, until there are 100 after 10 seconds.
        assert_eq!(
            milliseconds(&schedule, [0, 1, 4, 25, 81, 100, 120]),
            [0, 1000, 2000, 5000, 9000, 10000, 11000]
        );
    }

    #[test]
    fn steps_take_equal_shares_of_the_time() {
        let schedule = schedule("1,10,2", 30, 1);
        assert_eq!(
            milliseconds(&schedule, [9, 10, 11, 109, 110, 111]),
            [9000, 10000, 10100, 19900, 20000, 20500]
        );
    }

    #[test]
    fn before_the_end_as_many_are_due_as_lie_under_the_rate() {
        for (rate, requests) in [("100", 1_000), ("0..100", 500), ("50,100", 750), ("0.01", 1)] {
            assert_eq!(schedule(rate, 10, 1).due_before(Duration::from_secs(10)), requests, "{rate}");
        }
        assert_eq!(schedule("100", 10, 1).due_before(Duration::ZERO), 0);
    }

    #[test]
    fn where_the_rate_ends_at_nothing_no_more_is_ever_due() {
        let schedule = schedule("10..0", 10, 1);
        assert_eq!(schedule.due(100), Duration::MAX);
        assert_eq!(schedule.due_by(Duration::from_hours(1_000)), 51);
    }

    /// Rates as somebody may write them, with rests and rises.
    fn rates() -> impl Strategy<Value = String> {
        let number = prop_oneof![Just(0.0), 0.1..10.0, 10.0..100_000.0];
        let leg = (number.clone(), number).prop_filter("something is sent", |(from, to)| from + to > 0.0);
        prop::collection::vec(leg, 1..5).prop_map(|legs| {
            legs.iter().map(|(from, to)| format!("{from}..{to}")).collect::<Vec<_>>().join(",")
        })
    }

    /// The area under the rate until then, by the middle of each leg, which is exact as legs are straight.
    fn area(rate: &Rate, until: Duration) -> f64 {
        let (mut begin, mut area, until) = (0.0, 0.0, until.as_secs_f64());
        for _ in rate.legs() {
            let end = (begin + rate.leg_seconds()).min(until);
            if end > begin {
                area += rate.at(Duration::from_secs_f64(f64::midpoint(begin, end))) * (end - begin);
            }
            begin += rate.leg_seconds();
        }
        area + rate.last() * (until - begin).max(0.0)
    }

    proptest! {
        #[test]
        fn as_many_requests_are_due_as_lie_under_the_rate(
            text in rates(), seconds in 1_u64..10_000, share in 0.0..1.5_f64, events in 1_u32..1_000,
        ) {
            let time = Duration::from_secs(seconds);
            let rate = text.parse::<Legs>().expect("a rate").over(time);
            let until = time.mul_f64(share);
            let requests = area(&rate, until) / f64::from(events);
            #[expect(clippy::cast_precision_loss, reason = "few enough")]
            let due = Schedule::new(&rate, events).due_by(until) as f64;
            // The first is due at 0, before anything lies under the rate.
            let rounding = 1e-6 + 1e-9 * requests;
            let ahead = due - requests;
            prop_assert!(-rounding < ahead && ahead <= 1.0 + rounding, "{} due, {} under the rate", due, requests);
        }

        #[test]
        fn no_request_is_due_before_the_one_before_it(text in rates(), first in 0_u64..1_000_000, events in 1_u32..1_000) {
            let schedule = schedule(&text, 60, events);
            for request in first..first + 50 {
                prop_assert!(schedule.due(request) <= schedule.due(request + 1));
            }
        }

        #[test]
        fn what_is_due_by_a_time_is_what_was_due_before_it(text in rates(), request in 0_u64..1_000_000, events in 1_u32..1_000) {
            let schedule = schedule(&text, 60, events);
            let due = schedule.due(request);
            if due < Duration::MAX {
                prop_assert!(schedule.due_by(due) > request);
                let by = schedule.due_by(due);
                prop_assert!(schedule.due(by - 1) <= due && schedule.due(by) > due);
            }
        }
    }
}
