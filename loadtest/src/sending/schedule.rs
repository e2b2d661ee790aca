//! When each request of an open loop is due: an even rate, without drift.

use std::time::Duration;

/// An even rate of requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Schedule {
    requests_per_second: f64,
}

impl Schedule {
    /// So many requests a second, which is above 0.
    pub(super) fn new(requests_per_second: f64) -> Self {
        Self { requests_per_second }
    }

    /// When the request of this number, counted from 0, is due after the start.
    pub(super) fn due(self, request: u64) -> Duration {
        #[expect(clippy::cast_precision_loss, reason = "exact for the first 2^53 requests")]
        let seconds = request as f64 / self.requests_per_second;
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    /// How many requests are due by then.
    pub(super) fn due_by(self, elapsed: Duration) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is above 0, and casts saturate"
        )]
        let about = (elapsed.as_secs_f64() * self.requests_per_second) as u64;
        // Rounding may have put it one off, so `due` decides.
        let sure = about.saturating_sub(1);
        (sure..about + 2).find(|&request| self.due(request) > elapsed).unwrap_or(about + 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_due_evenly() {
        let schedule = Schedule::new(4.0);
        let due: Vec<u128> = (0..5).map(|request| schedule.due(request).as_millis()).collect();
        assert_eq!(due, [0, 250, 500, 750, 1000]);
    }

    #[test]
    fn rounding_does_not_add_up() {
        let schedule = Schedule::new(3.0);
        assert_eq!(schedule.due(3 * 3_600 * 24), Duration::from_hours(24));
    }

    #[test]
    fn what_is_due_by_a_time_is_what_was_due_before_it() {
        for rate in [0.1, 1.0, 3.0, 777.7, 100_000.0] {
            let schedule = Schedule::new(rate);
            for request in [0, 1, 2, 3, 1_000, 123_456] {
                let due = schedule.due(request);
                assert_eq!(schedule.due_by(due), request + 1, "{rate} {request}");
                if let Some(before) = due.checked_sub(Duration::from_nanos(2)) {
                    assert_eq!(schedule.due_by(before), request, "{rate} {request}");
                }
            }
        }
    }
}
