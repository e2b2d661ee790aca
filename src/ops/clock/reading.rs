//! A reading of a server's clock, and which of two to believe. Pure but for taking one.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// How fast the monotonic clock may drift from a server's, in parts of the time that passes: twice what the kernel allows a
/// clock that is being slewed.
const DRIFT: u32 = 1_000;

/// What a server's clock showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What it showed.
    time: Timestamp,
    /// When: in the middle of the round trip.
    taken: Instant,
    /// How far off that may be: half of the round trip.
    error: Duration,
}

impl Reading {
    /// Reads a clock: `ask` is the round trip, and nothing more.
    pub async fn take<E>(ask: impl Future<Output = Result<Timestamp, E>>) -> Result<Self, E> {
        let mut all = Self::take_all(async { Ok(vec![ask.await?]) }).await?;
        Ok(all.remove(0))
    }

    /// Reads several clocks in one round trip.
    pub async fn take_all<E>(ask: impl Future<Output = Result<Vec<Timestamp>, E>>) -> Result<Vec<Self>, E> {
        let asked = Instant::now();
        let times = ask.await?;
        let error = asked.elapsed() / 2;
        Ok(times.into_iter().map(|time| Self { time, taken: asked + error, error }).collect())
    }

    /// What the clock shows at another moment, before or after.
    #[must_use]
    pub fn at(&self, moment: Instant) -> Timestamp {
        let passed = match moment.checked_duration_since(self.taken) {
            Some(passed) => SignedDuration::try_from(passed),
            None => SignedDuration::try_from(self.taken - moment).map(|before| -before),
        };
        let passed = passed.unwrap_or(SignedDuration::MAX);
        self.time.saturating_add(passed).unwrap_or(self.time)
    }

    /// Puts `newer` in the place of the reading that was kept, unless that is the better one and the two agree.
    pub(super) fn refine(kept: &mut Option<Self>, newer: Self) {
        match kept {
            Some(kept) if kept.is_better_than(&newer) => {}
            _ => *kept = Some(newer),
        }
    }

    fn is_better_than(&self, newer: &Self) -> bool {
        let error = self.error + newer.taken.saturating_duration_since(self.taken) / DRIFT;
        let apart = newer.time.duration_since(self.at(newer.taken)).unsigned_abs();
        error < newer.error && apart <= error + newer.error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(began: Instant, second: u64, milliseconds: i64, error: u64) -> Reading {
        Reading {
            time: Timestamp::from_millisecond(milliseconds).expect("in range"),
            taken: began + Duration::from_secs(second),
            error: Duration::from_millis(error),
        }
    }

    /// What is kept after these, as milliseconds at the beginning.
    fn kept(readings: &[(u64, i64, u64)]) -> i64 {
        let (began, mut kept) = (Instant::now(), None);
        for (second, milliseconds, error) in readings {
            Reading::refine(&mut kept, reading(began, *second, *milliseconds, *error));
        }
        kept.expect("there are some").at(began).as_millisecond()
    }

    #[test]
    fn a_reading_is_carried_on_in_both_directions() {
        let began = Instant::now();
        let reading = reading(began, 10, 10_000, 0);
        let shown = [0, 10, 15].map(|second| reading.at(began + Duration::from_secs(second)).as_second());
        assert_eq!(shown, [0, 10, 15]);
    }

    #[test]
    fn a_slow_answer_does_not_replace_a_quick_one_that_it_agrees_with() {
        assert_eq!(kept(&[(0, 1_000, 1), (5, 6_400, 500)]), 1_000);
    }

    #[test]
    fn a_quick_answer_replaces_a_slow_one() {
        assert_eq!(kept(&[(0, 1_400, 500), (5, 6_000, 1)]), 1_000);
    }

    #[test]
    fn with_time_a_reading_gets_worse_until_a_newer_one_replaces_it() {
        assert_eq!(kept(&[(0, 1_000, 1), (1_000, 1_001_100, 500)]), 1_100);
    }

    #[test]
    fn a_clock_that_was_set_is_followed_at_once_in_both_directions() {
        assert_eq!(kept(&[(0, 1_000, 1), (5, 9_000, 500)]), 4_000);
        assert_eq!(kept(&[(0, 9_000, 1), (5, 6_000, 500)]), 1_000);
    }
}
