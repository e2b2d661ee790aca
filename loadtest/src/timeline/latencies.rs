//! The latencies of an interval: a histogram small enough that a run may keep hundreds of them.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// A latency is counted as no longer than this, so that a histogram stays small.
pub const LONGEST: Duration = Duration::from_hours(24);
/// Decimal digits that an interval's histogram tells apart.
const DIGITS: u8 = 2;

/// Latencies of requests, within a hundredth of their length.
#[derive(Clone, Debug, PartialEq)]
pub struct Latencies(Histogram<u32>);

/// Latencies of an interval, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Percentiles {
    /// Requests accepted in the interval.
    pub requests: u64,
    /// What half of them took at most.
    pub p50: f64,
    /// What nine in ten of them took at most.
    pub p90: f64,
    /// What 99 in a hundred of them took at most.
    pub p99: f64,
    /// What the slowest one took.
    pub max: f64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self(Histogram::new(DIGITS).expect("two digits are allowed"))
    }
}

impl Latencies {
    /// Counts one.
    pub fn record(&mut self, latency: Duration) {
        self.0.record(microseconds(latency)).expect("the histogram grows with its values");
    }

    /// Counts all of `other`, too.
    pub fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("the histogram grows with its values");
    }

    /// How many there are.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.0.len()
    }

    /// How they are spread, unless there are none.
    #[must_use]
    pub fn percentiles(&self) -> Option<Percentiles> {
        let quantile = |quantile| milliseconds(self.0.value_at_quantile(quantile));
        (!self.0.is_empty()).then(|| Percentiles {
            requests: self.0.len(),
            p50: quantile(0.5),
            p90: quantile(0.9),
            p99: quantile(0.99),
            max: milliseconds(self.0.max()),
        })
    }
}

/// As histograms count a latency: in microseconds, at most [`LONGEST`].
#[must_use]
pub fn microseconds(latency: Duration) -> u64 {
    u64::try_from(latency.min(LONGEST).as_micros()).expect("a day of them fits")
}

/// As reports show what a histogram has counted.
#[must_use]
pub fn milliseconds(microseconds: u64) -> f64 {
    Duration::from_micros(microseconds).as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(milliseconds: &[u64]) -> Latencies {
        let mut latencies = Latencies::default();
        for &latency in milliseconds {
            latencies.record(Duration::from_millis(latency));
        }
        latencies
    }

    #[test]
    fn added_latencies_are_those_of_both() {
        let mut both = of(&[1, 2, 3]);
        both.add(&of(&[4_000, 5]));
        assert_eq!(both, of(&[1, 2, 3, 4_000, 5]));
        assert_eq!(both.requests(), 5);
    }

    #[test]
    fn percentiles_are_within_a_hundredth_of_what_was_recorded() {
        let percentiles = of(&(1..=1_000).collect::<Vec<_>>()).percentiles().expect("there are some");
        let Percentiles { requests, p50, p90, p99, max } = percentiles;
        assert_eq!(requests, 1_000);
        for (found, expected) in [(p50, 500.0), (p90, 900.0), (p99, 990.0), (max, 1_000.0)] {
            assert!((found - expected).abs() <= expected / 100.0, "{found} for {expected}");
        }
    }

    #[test]
    fn no_latencies_have_no_percentiles() {
        assert_eq!(Latencies::default().percentiles(), None);
    }

    #[test]
    fn what_takes_for_ever_counts_as_a_day() {
        let mut latencies = Latencies::default();
        latencies.record(Duration::MAX);
        let max = latencies.percentiles().expect("there is one").max;
        assert!((max - 86_400_000.0).abs() <= 864_000.0, "{max}");
    }
}
