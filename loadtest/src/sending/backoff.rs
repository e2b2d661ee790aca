//! How long to wait before a request is sent again, with jitter, so that connections that failed together do not come
//! back together.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);
/// Over how long connections that the server sent away together spread at least.
const SPREAD: Duration = Duration::from_millis(100);

/// The waits of one request.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Backoff {
    pub(super) fn new() -> Self {
        Self(FIRST)
    }

    /// The next wait, of which `chance`, from 0 to 1, is the random part. Where the server has said how long, it is that and
    /// up to half as much again, never less; otherwise anything up to twice as long as the last time.
    pub(super) fn next(&mut self, told: Option<Duration>, chance: f64) -> Duration {
        if let Some(told) = told {
            return told.saturating_add((told / 2).max(SPREAD).mul_f64(chance));
        }
        let wait = self.0.mul_f64(chance);
        self.0 = (self.0 * 2).min(LONGEST);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milliseconds(waits: impl Iterator<Item = Duration>) -> Vec<u128> {
        waits.map(|wait| wait.as_millis()).collect()
    }

    #[test]
    fn connections_that_were_sent_away_together_come_back_spread_and_none_too_early() {
        let waits = |told| {
            milliseconds(
                [0.0, 0.25, 0.5, 1.0].map(|chance| Backoff::new().next(Some(told), chance)).into_iter(),
            )
        };
        assert_eq!(waits(Duration::from_secs(1)), [1_000, 1_125, 1_250, 1_500]);
        assert_eq!(waits(Duration::ZERO), [0, 25, 50, 100]);
        assert_eq!(Backoff::new().next(Some(Duration::MAX), 0.0), Duration::MAX);
    }

    #[test]
    fn waits_without_a_word_of_the_server_grow_up_to_two_seconds() {
        let mut backoff = Backoff::new();
        let longest = milliseconds((0..8).map(|_| backoff.next(None, 1.0)));
        assert_eq!(longest, [50, 100, 200, 400, 800, 1_600, 2_000, 2_000]);
        assert_eq!(backoff.next(None, 0.0), Duration::ZERO);
    }
}
