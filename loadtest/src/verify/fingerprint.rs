//! How many events triggered a campaign, and which, in sixteen bytes.

/// A multiset of event numbers: how many, and the sum of their hashes. Two that are equal hold the same numbers, but for
/// a chance of one in 2^64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fingerprint {
    pub(super) count: u64,
    sum: u64,
}

impl Fingerprint {
    pub(super) fn add(&mut self, number: u64) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(mix(number));
    }
}

/// The finaliser of `SplitMix64` (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(numbers: &[u64]) -> Fingerprint {
        let mut fingerprint = Fingerprint::default();
        for &number in numbers {
            fingerprint.add(number);
        }
        fingerprint
    }

    #[test]
    fn order_does_not_matter_and_everything_else_does() {
        assert_eq!(of(&[1, 2, 3]), of(&[3, 1, 2]));
        for other in [&[1, 2][..], &[1, 2, 2], &[1, 2, 4], &[0, 2, 4], &[1, 2, 3, 3]] {
            assert_ne!(of(&[1, 2, 3]), of(other), "{other:?}");
        }
    }
}
