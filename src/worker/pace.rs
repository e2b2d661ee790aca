//! How often a worker reads. Pure.
//!
//! Each read begins a batch, and a batch costs much the same whether it is small or large: round trips to both servers, and a
//! transaction with its sync. So while events come thickly reads keep a distance, in which the next batch gathers in Redis.
//! While they come thinly each is fetched as it comes, and where more waits than was asked for nothing is waited for.

use std::time::{Duration, Instant};

/// From the beginning of one read to that of the next.
const DISTANCE: Duration = Duration::from_millis(8);
/// So many events have to be expected within the distance.
const WORTHWHILE: f64 = 100.0;
/// What came so long ago counts for a third of what came just now: one request with many events is no flood.
const MEMORY: Duration = Duration::from_millis(64);

/// The distance between the reads of a worker.
#[derive(Debug)]
pub(super) struct Pace {
    /// When the last read began.
    begun: Instant,
    /// When the last read ended.
    ended: Instant,
    /// The events that came, as far as they are remembered: those of the time [`MEMORY`], while as many come all the time.
    lately: f64,
    /// Whether the last read left some behind.
    more_wait: bool,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { begun: now, ended: now, lately: 0.0, more_wait: false }
    }

    /// Notes when a read began and ended, how many events it has brought, and whether more may wait.
    pub(super) fn note(&mut self, (begun, ended): (Instant, Instant), events: usize, more_wait: bool) {
        let passed = ended.duration_since(self.ended).div_duration_f64(MEMORY);
        #[expect(clippy::cast_precision_loss, reason = "a batch has less than 2^52 events")]
        let brought = events as f64;
        *self = Self { begun, ended, lately: self.lately * (-passed).exp() + brought, more_wait };
    }

    /// How long to wait before the next read.
    pub(super) fn rest(&self, now: Instant) -> Duration {
        let expected = self.lately * DISTANCE.div_duration_f64(MEMORY);
        if self.more_wait || expected < WORTHWHILE {
            return Duration::ZERO;
        }
        DISTANCE.saturating_sub(now.duration_since(self.begun))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    /// How long it rests after so many reads of a millisecond, with the rests that it asked for and others of `gap`
    /// between them, each of which brought so many events.
    fn rest_after(reads: u32, gap: Duration, events: usize) -> Duration {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        for _ in 0..reads {
            now += gap + pace.rest(now);
            pace.note((now, now + MILLISECOND), events, false);
            now += MILLISECOND;
        }
        pace.rest(now)
    }

    #[test]
    fn while_events_come_thickly_reads_keep_a_distance() {
        assert_eq!(rest_after(50, Duration::ZERO, 150), 7 * MILLISECOND);
    }

    #[test]
    fn events_that_come_thinly_are_fetched_as_they_come() {
        assert_eq!(rest_after(1_000, DISTANCE, 90), Duration::ZERO);
        assert_eq!(rest_after(1_000, MILLISECOND, 10), Duration::ZERO);
    }

    #[test]
    fn a_request_with_many_events_is_no_flood() {
        assert_eq!(rest_after(20, MEMORY, 500), Duration::ZERO);
        assert_eq!(rest_after(1, Duration::ZERO, 500), Duration::ZERO);
    }

    /// How long it rests after a read of so many milliseconds that brought much.
    fn rest_after_one(milliseconds: u32, more_wait: bool) -> Duration {
        let start = Instant::now();
        let end = start + milliseconds * MILLISECOND;
        let mut pace = Pace::new(start);
        pace.note((start, end), 5_000, more_wait);
        pace.rest(end)
    }

    #[test]
    fn a_read_that_took_long_is_followed_at_once() {
        assert_eq!(rest_after_one(8, false), Duration::ZERO);
        assert_eq!(rest_after_one(3, false), 5 * MILLISECOND);
    }

    #[test]
    fn one_that_left_some_behind_too() {
        assert_eq!(rest_after_one(3, true), Duration::ZERO);
    }
}
