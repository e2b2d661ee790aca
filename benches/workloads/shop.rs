//! A shop's events with something for every operator to look at.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

pub(super) const TYPES: [&str; 8] =
    ["page_view", "app_open", "search", "add_to_cart", "purchase", "checkout_start", "email_click", "signup"];
pub(super) const COUNTRIES: [&str; 20] = [
    "US", "GB", "DE", "FR", "JP", "BR", "IN", "CA", "MX", "ES", "IT", "NL", "SE", "PL", "AU", "KR", "ZA",
    "AR", "TR", "CH",
];
/// Goods in the items of an event are few, so that rules about them often meet one and then want another of its fields.
pub(super) const ITEM_SKUS: u32 = 500;

/// `count` events, all purchases where `purchases`.
pub(super) fn events(count: usize, purchases: bool) -> Vec<String> {
    let mut random = StdRng::seed_from_u64(11);
    (0..count).map(|index| event(&mut random, index, purchases).to_string()).collect()
}

fn event(random: &mut StdRng, index: usize, purchase: bool) -> Value {
    let items: Vec<Value> = (0..random.random_range(0..6)).map(|_| item(random)).collect();
    json!({
        "event_id": format!("evt-{index:09}"), "event_type": if purchase { "purchase" } else { pick(random, &TYPES) },
        "user_id": format!("u{:06}", random.random_range(0..100_000)),
        "properties": {
            "amount": f64::from(random.random_range(0..50_000)) / 100.0, "quantity": random.random_range(0..1_000),
            "sku": sku(random), "path": format!("/{}/{}/index", letters(random, 3), letters(random, 6)),
            "note": letters(random, 40), "items": items,
        },
        "context": {
            "country": pick(random, &COUNTRIES), "ip": format!("10.{}.{}.{}", byte(random), byte(random), byte(random)),
        },
    })
}

fn item(random: &mut StdRng) -> Value {
    json!({"sku": format!("SKU-{:05}", random.random_range(0..ITEM_SKUS)), "qty": random.random_range(1..10)})
}

pub(super) fn byte(random: &mut StdRng) -> u8 {
    random.random()
}

pub(super) fn sku(random: &mut StdRng) -> String {
    format!("SKU-{:05}", random.random_range(0..20_000))
}

pub(super) fn letters(random: &mut StdRng, count: usize) -> String {
    (0..count).map(|_| char::from(random.random_range(b'a'..=b'z'))).collect()
}

pub(super) fn pick<T: Copy>(random: &mut StdRng, from: &[T]) -> T {
    *from.choose(random).expect("the list is not empty")
}
