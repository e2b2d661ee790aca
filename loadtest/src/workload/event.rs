//! One event: drawn from the seed and its number, written as JSON.
//!
//! Invariant: an event of the same number and shape has the same bytes in every process, apart from its id's run and its
//! timestamp.

use std::io::Write;

use super::Shape;
use super::draws::{Draws, Purpose};
use super::market::{CHANNELS, COUNTRIES, CURRENCIES, KINDS, PRODUCTS, Product, QUANTITIES};
use super::run_id::RunId;

/// What happens in one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub(super) kind: &'static str,
    pub(super) category: &'static str,
    pub(super) currency: &'static str,
    /// Price of a piece, in hundredths.
    pub(super) cents: u32,
    pub(super) quantity: u32,
    user: u32,
    sku: u32,
    country: &'static str,
    channel: &'static str,
    session: u64,
}

impl Event {
    /// The event of this number. Unless the shape is even, few of the users do most of what happens, few products are
    /// most of what is sold, and most of what happens is of few kinds.
    #[must_use]
    pub(super) fn draw(shape: &Shape, number: u64) -> Self {
        let &Shape { seed, users, skew, .. } = shape;
        let mut draws = Draws::new(seed, Purpose::Event, number);
        let sku = draws.below_skewed(PRODUCTS, skew);
        let Product { category, cents } = Product::of_sku(sku);
        Self {
            kind: if skew == 0 { draws.one_of(&KINDS).0 } else { draws.weighted(&KINDS) },
            category,
            currency: draws.weighted(&CURRENCIES),
            cents,
            quantity: draws.weighted(&QUANTITIES),
            user: draws.below_skewed(users.get(), skew),
            sku,
            country: draws.weighted(&COUNTRIES),
            channel: draws.weighted(&CHANNELS),
            session: draws.bits(),
        }
    }

    /// What is paid for all pieces, in hundredths.
    pub(super) fn amount_cents(&self) -> u32 {
        self.cents * self.quantity
    }

    /// Appends the event to `out`, in the envelope of `POST /events`.
    pub(super) fn write(&self, run: &RunId, shape: &Shape, number: u64, timestamp: &str, out: &mut Vec<u8>) {
        let Self { kind, category, currency, quantity, user, sku, country, channel, session, .. } = self;
        let (price, price_cents) = (self.cents / 100, self.cents % 100);
        let (amount, amount_cents) = (self.amount_cents() / 100, self.amount_cents() % 100);
        let start = out.len();
        write!(
            out,
            concat!(
                r#"{{"event_id":"{}-e{}","event_type":"{}","user_id":"user-{:06}","timestamp":"{}","#,
                r#""properties":{{"sku":"SKU-{:05}","category":"{}","price":{}.{:02},"quantity":{},"#,
                r#""amount":{}.{:02},"currency":"{}""#,
            ),
            run,
            number,
            kind,
            user,
            timestamp,
            sku,
            category,
            price,
            price_cents,
            quantity,
            amount,
            amount_cents,
            currency,
        )
        .expect("a Vec takes any write");
        let end = format!(
            r#"}},"context":{{"country":"{country}","channel":"{channel}","session":"{session:016x}"}}}}"#
        );
        if let Some(payload) = shape.payload {
            payload.describe(shape.seed, number, out.len() - start + end.len(), out);
        }
        out.extend_from_slice(end.as_bytes());
    }
}
