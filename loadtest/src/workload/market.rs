//! The shop that the events come from: what can happen in it, and what it sells.

use super::draws::{Draws, Purpose};

/// What can happen, and how often in a hundred.
pub(super) const KINDS: [(&str, u32); 8] = [
    ("product_viewed", 45),
    ("product_added", 18),
    ("checkout_started", 10),
    ("purchase", 9),
    ("product_wishlisted", 8),
    ("product_removed", 6),
    ("product_reviewed", 3),
    ("refund", 1),
];

/// What people pay in, and how often in a hundred.
pub(super) const CURRENCIES: [(&str, u32); 4] = [("EUR", 50), ("USD", 30), ("GBP", 15), ("CHF", 5)];

/// Where people are, and how often in a hundred.
pub(super) const COUNTRIES: [(&str, u32); 8] =
    [("DE", 26), ("US", 24), ("FR", 14), ("GB", 12), ("ES", 9), ("IT", 8), ("CH", 4), ("AT", 3)];

/// What people come through, and how often in a hundred.
pub(super) const CHANNELS: [(&str, u32); 4] = [("web", 50), ("ios", 25), ("android", 20), ("store", 5)];

/// How many pieces at once, and how often in a hundred.
pub(super) const QUANTITIES: [(u32, u32); 4] = [(1, 70), (2, 18), (3, 8), (6, 4)];

/// Parts of the shop. A product is in one of them.
pub(super) const CATEGORIES: [&str; 10] =
    ["books", "music", "garden", "kitchen", "toys", "sports", "fashion", "beauty", "computers", "furniture"];

/// How many products there are.
pub(super) const PRODUCTS: u32 = 20_000;

/// How much likelier cheap products are than dear ones.
const PRICE_SKEW: u8 = 2;

/// Something that the shop sells; the same in every run, whatever the seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Product {
    /// The part of the shop.
    pub(super) category: &'static str,
    /// The price of a piece, in hundredths: from 0.99 to 899.99, cheap ones far likelier.
    pub(super) cents: u32,
}

impl Product {
    pub(super) fn of_sku(sku: u32) -> Self {
        let mut draws = Draws::new(0, Purpose::Product, u64::from(sku));
        let category = draws.one_of(&CATEGORIES);
        Self { category, cents: draws.below_skewed(900, PRICE_SKEW) * 100 + 99 }
    }
}
