//! JSON numbers with an exact order: integers of `i64` and `u64` as integers, everything else as binary64.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// A JSON number.
///
/// It is kept as the nearest binary64 and what an integer exceeds it by (at most 1,024 for a `u64`). Rounding keeps
/// order, so comparing the pair compares the numbers exactly, whatever their spelling: 1, 1.0 and 1e0 are one number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number {
    /// Never NaN, never −0.
    nearest: f64,
    excess: i16,
}

impl Number {
    /// The bits that tell two numbers apart.
    pub(crate) fn bits(self) -> (u64, i16) {
        (self.nearest.to_bits(), self.excess)
    }

    /// As [`Ord`] says, but without a branch, for searching.
    #[expect(clippy::needless_bitwise_bool, reason = "a branch would be mispredicted half of the time")]
    pub(crate) fn is_less(self, other: Self) -> bool {
        (self.nearest < other.nearest) | ((self.nearest <= other.nearest) & (self.excess < other.excess))
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "the excess holds what is lost"
    )]
    fn from_integer(integer: i128) -> Self {
        let nearest = integer as f64;
        Self { nearest, excess: (integer - nearest as i128) as i16 }
    }
}

impl From<i64> for Number {
    fn from(integer: i64) -> Self {
        Self::from_integer(integer.into())
    }
}

impl From<u64> for Number {
    fn from(integer: u64) -> Self {
        Self::from_integer(integer.into())
    }
}

impl From<f64> for Number {
    fn from(float: f64) -> Self {
        Self { nearest: float + 0.0, excess: 0 } // −0 + 0 is 0
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.bits() == other.bits()
    }
}

impl Eq for Number {}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bits().hash(state);
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nearest.total_cmp(&other.nearest).then(self.excess.cmp(&other.excess))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.excess == 0 {
            return match self.nearest.abs() {
                magnitude if magnitude != 0.0 && !(1e-5..1e17).contains(&magnitude) => {
                    write!(f, "{:e}", self.nearest)
                }
                _ => write!(f, "{}", self.nearest),
            };
        }
        #[expect(clippy::cast_possible_truncation, reason = "only integers of i64 and u64 have an excess")]
        let integer = self.nearest as i128 + i128::from(self.excess);
        write!(f, "{integer}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spelling_does_not_matter() {
        assert_eq!(Number::from(1_i64), Number::from(1.0));
        assert_eq!(Number::from(0_i64), Number::from(-0.0));
        assert_eq!(Number::from(1_u64 << 63), Number::from(9_223_372_036_854_775_808.0));
    }

    #[test]
    fn neighbours_beyond_the_53rd_bit_stay_apart() {
        assert!(Number::from(9_007_199_254_740_993_i64) > Number::from(9_007_199_254_740_992.0));
        assert!(Number::from(u64::MAX) < Number::from(18_446_744_073_709_551_616.0));
        assert!(Number::from(i64::MIN) > Number::from(-9.3e18));
    }

    #[test]
    fn numbers_are_shown_as_people_write_them() {
        let shown = [
            Number::from(80_i64),
            Number::from(0.5),
            Number::from(0.0),
            Number::from(1e300),
            Number::from(u64::MAX),
            Number::from(9_007_199_254_740_993_i64),
        ];
        let texts = shown.map(|number| number.to_string());
        assert_eq!(texts, ["80", "0.5", "0", "1e300", "18446744073709551615", "9007199254740993"]);
    }

    proptest! {
        #[test]
        fn integers_keep_their_order(a in any::<i64>(), b in any::<u64>(), c in any::<i64>()) {
            prop_assert_eq!(Number::from(a).cmp(&Number::from(c)), a.cmp(&c));
            prop_assert_eq!(Number::from(a).cmp(&Number::from(b)), i128::from(a).cmp(&i128::from(b)));
            prop_assert_eq!(Number::from(a) == Number::from(c), a == c);
            prop_assert_eq!(Number::from(a).is_less(Number::from(b)), i128::from(a) < i128::from(b));
        }
    }
}
