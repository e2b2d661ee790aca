//! The draws of Python's `random` on the Mersenne Twister, so far as the campaign workload needs them.
//!
//! The same seed gives the same draws in every release of Python since 3.2. The algorithms are those of its documented
//! module: [random — Generate pseudo-random numbers](https://docs.python.org/3/library/random.html).

use rand_mt::Mt;
use sha2::{Digest as _, Sha512};

/// How many numbers [`Random::unit`] may draw.
const STEPS: f64 = 9_007_199_254_740_992.0;

/// Seeded draws.
pub(crate) struct Random(Mt);

impl Random {
    /// As `Random(seed)` for a whole number.
    pub(crate) fn from_number(seed: u32) -> Self {
        Self(Mt::new_with_key([seed]))
    }

    /// As `Random(seed)` for a text: its bytes and their SHA-512 are one large number, of which the generator takes 32 bits
    /// at a time, the lowest first.
    pub(crate) fn from_text(seed: &str) -> Self {
        let mut number = seed.as_bytes().to_vec();
        number.extend_from_slice(&Sha512::digest(seed));
        let words =
            number.rchunks(4).map(|bytes| bytes.iter().fold(0, |word, byte| word << 8 | u32::from(*byte)));
        Self(Mt::new_with_key(words))
    }

    /// From 0 to below 1, in steps of 2⁻⁵³.
    pub(crate) fn unit(&mut self) -> f64 {
        let (high, low) = (self.0.next_u32() >> 5, self.0.next_u32() >> 6);
        (f64::from(high) * f64::from(1 << 26) + f64::from(low)) / STEPS
    }

    /// A whole number below `end`.
    pub(crate) fn below(&mut self, end: u32) -> u32 {
        loop {
            // As many bits as `end` has, until they are below it.
            let drawn = self.0.next_u32() >> end.leading_zeros();
            if drawn < end {
                return drawn;
            }
        }
    }

    /// A whole number from `start` to below `end`.
    pub(crate) fn within(&mut self, start: u32, end: u32) -> u32 {
        start + self.below(end - start)
    }

    /// One of `all`.
    pub(crate) fn choice<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.index(all.len())]
    }

    /// One of `all`, each as likely as its weight says.
    pub(crate) fn weighted<'a, T>(&mut self, all: &'a [T], weights: &[u32]) -> &'a T {
        let total: u32 = weights.iter().sum();
        let drawn = self.unit() * f64::from(total);
        let sums = weights.iter().scan(0, |sum, weight| {
            *sum += weight;
            Some(f64::from(*sum))
        });
        &all[sums.take_while(|sum| *sum <= drawn).count().min(all.len() - 1)]
    }

    /// Some of `all`, each at most once, in the order in which they are drawn.
    pub(crate) fn sample<'a, T>(&mut self, all: &'a [T], count: u32) -> Vec<&'a T> {
        // Up to 21 are copied, and what is drawn is taken out; of more, what was drawn already is drawn again.
        if all.len() > 21 {
            return self
                .distinct_indices(all.len(), count as usize)
                .into_iter()
                .map(|index| &all[index])
                .collect();
        }
        let mut pool: Vec<&T> = all.iter().collect();
        let take = |_| {
            let index = self.index(pool.len());
            pool.swap_remove(index)
        };
        (0..count).map(take).collect()
    }

    fn distinct_indices(&mut self, end: usize, count: usize) -> Vec<usize> {
        let mut drawn = Vec::with_capacity(count);
        while drawn.len() < count {
            let index = self.index(end);
            if !drawn.contains(&index) {
                drawn.push(index);
            }
        }
        drawn
    }

    fn index(&mut self, length: usize) -> usize {
        self.below(u32::try_from(length).expect("lists are short")) as usize
    }
}

/// `number` rounded to two digits, a tie of its exact value to the even one.
pub(crate) fn round_to_cents(number: f64) -> f64 {
    format!("{number:.2}").parse().expect("a number was written")
}
