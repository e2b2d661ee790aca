//! One event: drawn from the seed and its number, written as JSON.
//!
//! Invariant: an event with the same seed, number and users has the same bytes in every process, apart from its id's
//! run and its timestamp.

use std::io::Write;
use std::num::NonZeroU32;

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
    /// The event of this number. Few of the users do most of what happens, and few products are most of what is sold.
    #[must_use]
    pub(super) fn draw(seed: u64, number: u64, users: NonZeroU32) -> Self {
        let mut draws = Draws::new(seed, Purpose::Event, number);
        let sku = draws.below_skewed(PRODUCTS);
        let Product { category, cents } = Product::of_sku(sku);
        Self {
            kind: draws.weighted(&KINDS),
            category,
            currency: draws.weighted(&CURRENCIES),
            cents,
            quantity: draws.weighted(&QUANTITIES),
            user: draws.below_skewed(users.get()),
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
    pub(super) fn write(&self, run: &RunId, number: u64, timestamp: &str, out: &mut Vec<u8>) {
        let Self { kind, category, currency, quantity, user, sku, country, channel, session, .. } = self;
        let (price, price_cents) = (self.cents / 100, self.cents % 100);
        let (amount, amount_cents) = (self.amount_cents() / 100, self.amount_cents() % 100);
        write!(
            out,
            concat!(
                r#"{{"event_id":"{}-e{}","event_type":"{}","user_id":"user-{:06}","timestamp":"{}","#,
                r#""properties":{{"sku":"SKU-{:05}","category":"{}","price":{}.{:02},"quantity":{},"#,
                r#""amount":{}.{:02},"currency":"{}"}},"#,
                r#""context":{{"country":"{}","channel":"{}","session":"{:016x}"}}}}"#,
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
            country,
            channel,
            session,
        )
        .expect("a Vec takes any write");
    }
}
