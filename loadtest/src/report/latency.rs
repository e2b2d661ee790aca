//! How long requests took, over the whole run.

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::timeline::milliseconds;

/// Points of the distribution in each half of what is left of it: ten between 50 and 75 %, ten between 75 and 87.5 %.
const POINTS: u32 = 10;

/// How long requests took, in milliseconds; zeros if none was accepted.
#[derive(Clone, Debug, Default, Serialize)]
#[expect(missing_docs, reason = "the names say all")]
pub struct Latency {
    /// Requests that were accepted.
    pub requests: u64,
    pub mean: f64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p99_9: f64,
    pub max: f64,
    /// The same as a curve, the closer the nearer to the slowest request, which is the last point.
    pub distribution: Vec<Quantile>,
}

/// A share of the requests, and how long they took at most.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quantile {
    /// The share, from 0 to 1.
    pub quantile: f64,
    /// What they took at most.
    pub milliseconds: f64,
}

impl Latency {
    /// From a histogram of microseconds.
    pub(crate) fn of(latencies: &Histogram<u64>) -> Self {
        let quantile = |quantile| milliseconds(latencies.value_at_quantile(quantile));
        let distribution = latencies.iter_quantiles(POINTS).map(|point| Quantile {
            quantile: point.quantile_iterated_to(),
            milliseconds: milliseconds(point.value_iterated_to()),
        });
        Self {
            requests: latencies.len(),
            mean: latencies.mean() / 1_000.0,
            p50: quantile(0.5),
            p90: quantile(0.9),
            p99: quantile(0.99),
            p99_9: quantile(0.999),
            max: milliseconds(latencies.max()),
            distribution: distribution.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(microseconds: impl IntoIterator<Item = u64>) -> Histogram<u64> {
        let mut histogram = Histogram::new(3).expect("three digits are allowed");
        microseconds.into_iter().for_each(|value| histogram.record(value).expect("it grows"));
        histogram
    }

    #[test]
    fn the_distribution_rises_to_the_slowest_request() {
        let Latency { requests, distribution, max, .. } =
            Latency::of(&histogram((1..=5_000).map(|value| value * 1_000)));
        assert_eq!(requests, 5_000);
        let rises = |before: &Quantile, after: &Quantile| {
            before.quantile <= after.quantile && before.milliseconds <= after.milliseconds
        };
        assert!(distribution.is_sorted_by(rises), "{distribution:?}");
        assert_eq!(distribution.last().map(|last| (last.quantile, last.milliseconds)), Some((1.0, max)));
        let half = distribution.iter().find(|point| point.quantile >= 0.5).expect("it is passed");
        assert!((half.milliseconds - 2_500.0).abs() < 300.0, "{half:?}");
    }

    #[test]
    fn without_requests_there_is_no_distribution() {
        let latency = Latency::of(&histogram([]));
        assert_eq!((latency.requests, latency.distribution.len()), (0, 0));
        assert!([latency.mean, latency.p50, latency.max].iter().all(|value| value.abs() < 1e-9));
    }
}
