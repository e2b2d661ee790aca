//! Random draws that depend on nothing but the seed, what they are for, and a number: any event can be made again, in
//! any order, without keeping it.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

/// What draws are for, so that one purpose's draws tell nothing about another's.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    Event = 1,
    Repeat = 2,
    Rule = 3,
    Product = 4,
    Flaw = 5,
    Payload = 6,
}

/// A source of draws.
pub(super) struct Draws(Xoshiro256PlusPlus);

impl Draws {
    pub(super) fn new(seed: u64, purpose: Purpose, number: u64) -> Self {
        // Odd constants, so that different numbers, and different purposes, never begin alike.
        let purpose = (purpose as u64).wrapping_mul(0xA24B_AED4_963E_E407);
        let number = number.wrapping_mul(0xD134_2543_DE82_EF95);
        Self(Xoshiro256PlusPlus::seed_from_u64(seed.wrapping_add(purpose) ^ number))
    }

    /// A number below `end`, each as likely as the others. `end` is above 0.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        self.0.random_range(0..end)
    }

    /// A number below `end`, the small ones likelier: of skew 0 all alike; of skew 2, a tenth of the numbers is drawn
    /// nearly half of the time.
    pub(super) fn below_skewed(&mut self, end: u32, skew: u8) -> u32 {
        let uniform: f64 = self.0.random();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the product is in 0..end"
        )]
        let drawn = (0..=skew).fold(f64::from(end), |drawn, _| drawn * uniform) as u32;
        drawn
    }

    /// Whether something happens that has this probability.
    pub(super) fn happens(&mut self, probability: f64) -> bool {
        self.0.random::<f64>() < probability
    }

    /// One of `choices`, each as likely as the others.
    pub(super) fn one_of<T: Copy, const N: usize>(&mut self, choices: &[T; N]) -> T {
        const { assert!(N > 0 && N < 1 << 16, "there is something to choose from, and few enough to count") };
        #[expect(clippy::cast_possible_truncation, reason = "N is below 65,536")]
        let end = N as u32;
        choices[self.below(end) as usize]
    }

    /// One of `choices`, each as likely as its weight says.
    pub(super) fn weighted<T: Copy, const N: usize>(&mut self, choices: &[(T, u32); N]) -> T {
        const { assert!(N > 0, "there is something to choose from") };
        let total = choices.iter().map(|(_, weight)| weight).sum();
        let mut left = self.below(total);
        for &(choice, weight) in choices {
            if left < weight {
                return choice;
            }
            left -= weight;
        }
        choices[N - 1].0
    }

    /// Sixty-four random bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.0.random()
    }
}
