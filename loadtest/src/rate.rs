//! How many events a second an open loop offers, over time: a fixed rate, a ramp, steps, or any row of these.
//!
//! Invariants: the legs are of equal length and follow one another without a gap; after the last one its end rate goes on.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A rate over time, as it is written: `1000`, `1000..50000`, `1000,2000,5000`.
#[derive(Clone, Debug, PartialEq)]
pub struct Legs(Vec<Leg>);

/// A part of the time in which the rate goes evenly from one value to another, in events a second.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Leg {
    from: f64,
    to: f64,
}

/// Text that is no rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no rate; write events a second as 1000, a ramp as 1000..50000, or steps as 1000,2000,5000")]
pub struct InvalidRate(String);

/// A rate over a certain time.
#[derive(Clone, Debug, PartialEq)]
pub struct Rate {
    legs: Legs,
    /// How long each leg takes, in seconds.
    leg_seconds: f64,
}

impl FromStr for Legs {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Self, InvalidRate> {
        let legs: Option<Vec<Leg>> = text.split(',').map(Leg::read).collect();
        legs.map(Self).ok_or_else(|| InvalidRate(text.to_owned()))
    }
}

impl Leg {
    fn is_level(self) -> bool {
        self.from.total_cmp(&self.to).is_eq()
    }

    /// A leg in which something is sent.
    fn read(text: &str) -> Option<Self> {
        let (from, to) = text.split_once("..").unwrap_or((text, text));
        let number = |text: &str| text.trim().parse().ok().filter(|rate| (0.0..=1e9).contains(rate));
        let leg = Self { from: number(from)?, to: number(to)? };
        (leg.from + leg.to > 0.0).then_some(leg)
    }
}

impl Legs {
    /// Whether the rate is the same all the time, however long that is.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        matches!(self.0.as_slice(), [leg] if leg.is_level())
    }

    /// The legs one after another, together as long as `time`, which is above 0.
    #[must_use]
    pub fn over(self, time: Duration) -> Rate {
        #[expect(clippy::cast_precision_loss, reason = "nobody writes 2^53 legs")]
        let leg_seconds = time.as_secs_f64() / self.0.len() as f64;
        Rate { legs: self, leg_seconds }
    }
}

impl Rate {
    /// Events a second at this time after the start.
    #[must_use]
    pub fn at(&self, elapsed: Duration) -> f64 {
        let mut left = elapsed.as_secs_f64();
        for leg in &self.legs.0 {
            if left < self.leg_seconds {
                return leg.from + (leg.to - leg.from) * left / self.leg_seconds;
            }
            left -= self.leg_seconds;
        }
        self.last()
    }

    /// The rates at the begin and the end of each leg, in order.
    pub(crate) fn legs(&self) -> impl Iterator<Item = (f64, f64)> {
        self.legs.0.iter().map(|leg| (leg.from, leg.to))
    }

    /// How long each leg takes, in seconds.
    pub(crate) fn leg_seconds(&self) -> f64 {
        self.leg_seconds
    }

    /// Events a second after the last leg.
    pub(crate) fn last(&self) -> f64 {
        self.legs.0.last().map_or(0.0, |leg| leg.to)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.legs.fmt(f)
    }
}

impl fmt::Display for Legs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, leg) in self.0.iter().enumerate() {
            let (comma, Leg { from, to }) = (if place > 0 { "," } else { "" }, leg);
            write!(f, "{comma}{from}")?;
            if !leg.is_level() {
                write!(f, "..{to}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(text: &str, seconds: &[f64]) -> Vec<f64> {
        let rate = text.parse::<Legs>().expect(text).over(Duration::from_secs(10));
        seconds.iter().map(|&at| rate.at(Duration::from_secs_f64(at))).collect()
    }

    #[test]
    fn a_rate_is_fixed_or_rises_or_goes_in_steps_and_then_stays() {
        assert_eq!(rates("50", &[0.0, 5.0, 99.0]), [50.0, 50.0, 50.0]);
        assert_eq!(rates("100..200", &[0.0, 2.5, 10.0, 99.0]), [100.0, 125.0, 200.0, 200.0]);
        assert_eq!(rates("1,2,5,4", &[0.0, 2.4, 2.5, 5.0, 9.9, 99.0]), [1.0, 1.0, 2.0, 5.0, 4.0, 4.0]);
        assert_eq!(rates("10..0,0..20", &[0.0, 4.0, 5.0, 7.5]), [10.0, 2.0, 0.0, 10.0]);
    }

    #[test]
    fn a_rate_is_shown_as_it_was_written() {
        for text in ["50", "0.5", "100..200", "1,2,5", "10..0,0..20,20"] {
            assert_eq!(text.parse::<Legs>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn what_never_sends_anything_or_is_no_rate_is_refused() {
        for text in ["", "0", "-1", "0..0", "1,,2", "1..2..3", "fast", "1000,0", "inf", "NaN", "1e10"] {
            let refusal = text.parse::<Legs>().expect_err(text).to_string();
            assert!(refusal.contains("1000..50000"), "{refusal}");
        }
    }
}
