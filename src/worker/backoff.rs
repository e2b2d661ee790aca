//! How long to wait before another attempt: exponential, with jitter.
//!
//! Source: Marc Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015): random waits spread the attempts of
//! many workers. Waits are short, as an attempt costs little while its server is away: it ends where it connects. So the
//! batch is stored soon after the server is back, however long it was away.

use std::time::Duration;

use rand::RngExt as _;

/// The least part of its bound that a wait takes.
const LEAST: f64 = 0.4;

/// The bounds of the waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    first: Duration,
    most: Duration,
}

impl Backoff {
    /// `None` where the first bound is zero or larger than the last.
    pub(super) const fn new(first: Duration, most: Duration) -> Option<Self> {
        if first.is_zero() || first.as_nanos() > most.as_nanos() { None } else { Some(Self { first, most }) }
    }

    /// The bound before attempt `attempt`, counted from 0.
    fn bound(self, attempt: u32) -> Duration {
        let doubled = 2_u32.checked_pow(attempt).and_then(|factor| self.first.checked_mul(factor));
        doubled.unwrap_or(self.most).min(self.most)
    }

    /// How long to wait before attempt `attempt`, counted from 0.
    pub(super) fn wait(self, attempt: u32) -> Duration {
        self.bound(attempt).mul_f64(rand::rng().random_range(LEAST..1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn bounds_double_up_to_the_last_one() {
        let backoff = Backoff::new(SECOND, 5 * SECOND).expect("ordered");
        let bounds: Vec<u64> = [0, 1, 2, 3, 100].map(|attempt| backoff.bound(attempt).as_secs()).to_vec();
        assert_eq!(bounds, [1, 2, 4, 5, 5]);
    }

    #[test]
    fn waits_stay_within_their_bound_and_are_never_short() {
        let backoff = Backoff::new(SECOND, 5 * SECOND).expect("ordered");
        assert!((0..1000).map(|attempt| attempt % 8).all(|attempt| {
            let (wait, bound) = (backoff.wait(attempt), backoff.bound(attempt));
            wait <= bound && wait >= bound.mul_f64(LEAST)
        }));
    }

    #[test]
    fn bounds_in_the_wrong_order_cannot_be_made() {
        assert!(Backoff::new(2 * SECOND, SECOND).is_none());
        assert!(Backoff::new(Duration::ZERO, SECOND).is_none());
    }
}
