//! The rule of one of the tool's own campaigns: as a pattern for the server, and as the tool's own decision, against
//! which the server's is held.

use serde_json::{Value, json};

use super::draws::{Draws, Purpose};
use super::event::Event;
use super::market::{CATEGORIES, CURRENCIES, KINDS};

/// Amounts from which campaigns are interested, in whole units of the currency.
const THRESHOLDS: [u32; 5] = [20, 100, 250, 500, 1000];

/// What a campaign wants: an event type, a category, a currency, and an amount from a threshold on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub(super) kind: &'static str,
    category: &'static str,
    currency: &'static str,
    threshold: u32,
}

impl Rule {
    /// The rule of the campaign of this number.
    pub(super) fn draw(seed: u64, number: u64) -> Self {
        let mut draws = Draws::new(seed, Purpose::Rule, number);
        Self {
            kind: draws.one_of(&KINDS).0,
            category: draws.one_of(&CATEGORIES),
            currency: draws.one_of(&CURRENCIES).0,
            threshold: draws.one_of(&THRESHOLDS),
        }
    }

    /// Whether the event must trigger the campaign.
    pub(super) fn wants(&self, event: &Event) -> bool {
        event.kind == self.kind
            && event.amount_cents() >= self.threshold * 100
            && event.currency == self.currency
            && event.category == self.category
    }

    /// The same as an event pattern.
    #[must_use]
    pub fn pattern(&self) -> Value {
        let Self { kind, category, currency, threshold } = self;
        json!({
            "event_type": [kind],
            "properties": {"category": [category], "currency": [currency], "amount": [{"numeric": [">=", threshold]}]},
        })
    }

    /// The same in words.
    #[must_use]
    pub fn title(&self) -> String {
        let Self { kind, category, currency, threshold } = self;
        format!("{kind} in {category} from {threshold} {currency}")
    }
}
