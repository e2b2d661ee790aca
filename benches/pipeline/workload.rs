//! Seeded events and campaigns of an online shop.

use std::collections::HashSet;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

const TYPES: [&str; 8] =
    ["page_view", "app_open", "search", "add_to_cart", "purchase", "checkout_start", "email_click", "signup"];
const CURRENCIES: [&str; 3] = ["USD", "EUR", "JPY"];
const COUNTRIES: [&str; 10] = ["US", "GB", "DE", "FR", "JP", "BR", "IN", "CA", "MX", "ES"];

/// Events of one frame, and of one request.
const FRAME: usize = 100;
/// As many as there are by default; frames go to them in turn.
const SHARDS: usize = 8;
pub(crate) const REQUEST: usize = 500;

/// What a workload is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) events: usize,
    /// How many campaigns are active.
    pub(crate) campaigns: usize,
    /// Bytes of text that each event has beside the usual.
    pub(crate) text: usize,
    /// Of a hundred events, how many are sent before.
    pub(crate) duplicates: usize,
}

impl Shape {
    /// The usual one.
    pub(crate) fn of(events: usize) -> Self {
        Self { events, campaigns: 1_000, text: 0, duplicates: 0 }
    }
}

/// An event as the client sends it.
#[derive(Clone)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) kind: &'static str,
    pub(crate) user: String,
    pub(crate) json: String,
}

pub(crate) struct Workload {
    pub(crate) events: Vec<Event>,
    pub(crate) rules: Vec<Value>,
}

impl Workload {
    pub(crate) fn new(Shape { events, campaigns, text, duplicates }: Shape) -> Self {
        let mut random = StdRng::seed_from_u64(7);
        let text = "x".repeat(text);
        let mut all: Vec<Event> = (0..events).map(|index| event(&mut random, index, &text)).collect();
        // As it comes from a client that tries again: a little later, in a frame of the same shard.
        for index in FRAME * SHARDS..events {
            if random.random_range(0..100) < duplicates {
                all[index] = all[index - FRAME * SHARDS].clone();
            }
        }
        Self { events: all, rules: (0..campaigns).map(|_| rule(&mut random)).collect() }
    }

    /// How many events are stored of it.
    pub(crate) fn distinct(&self) -> usize {
        self.events.iter().map(|event| event.id.as_str()).collect::<HashSet<_>>().len()
    }

    pub(crate) fn mean_bytes(&self) -> usize {
        self.events.iter().map(|event| event.json.len()).sum::<usize>() / self.events.len().max(1)
    }

    /// The events in the order of their users, cut as frames are.
    pub(crate) fn frames(&self) -> impl Iterator<Item = &[Event]> {
        self.events.chunks(FRAME)
    }

    /// The events as bodies of requests.
    pub(crate) fn bodies(&self) -> Vec<String> {
        let body = |events: &[Event]| events.iter().map(|event| event.json.clone() + "\n").collect();
        self.events.chunks(REQUEST).map(body).collect()
    }
}

fn pick<T: Copy>(random: &mut StdRng, from: &[T]) -> T {
    *from.choose(random).expect("the list is not empty")
}

fn event(random: &mut StdRng, index: usize, text: &str) -> Event {
    let (id, user) = (format!("evt-{index:09}"), format!("u{:06}", random.random_range(0..100_000)));
    let kind = pick(random, &TYPES);
    let mut event = json!({
        "event_id": id, "event_type": kind, "user_id": user, "timestamp": "2026-11-23T05:00:00Z",
        "properties": {
            "amount": f64::from(random.random_range(0..50_000)) / 100.0, "currency": pick(random, &CURRENCIES),
            "sku": format!("SKU-{:05}", random.random_range(0..20_000)), "quantity": random.random_range(1..5),
        },
        "context": {"country": pick(random, &COUNTRIES), "ip": format!("10.0.{}.{}", random.random_range(0..256), random.random_range(0..256))},
    });
    if !text.is_empty() {
        event["properties"]["text"] = text.into();
    }
    Event { id, kind, user, json: event.to_string() }
}

/// Selective enough that an event triggers half a campaign on average.
fn rule(random: &mut StdRng) -> Value {
    json!({
        "event_type": [pick(random, &TYPES)],
        "properties": {
            "sku": [format!("SKU-{:05}", random.random_range(0..20_000)), {"prefix": format!("SKU-{:03}", random.random_range(0..200))}],
            "amount": [{"numeric": [">=", random.random_range(0..400)]}],
        },
        "context": {"country": [pick(random, &COUNTRIES), pick(random, &COUNTRIES)]},
    })
}
