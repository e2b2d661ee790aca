//! Rules that hurt: nothing about them is selective, or all of them are about the same thing.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use super::Workload;
use super::shop::{COUNTRIES, ITEM_SKUS, TYPES, byte, events, letters, pick, sku};

const RULES: usize = 10_000;
const EVENTS: usize = 1_000;

type Rule = fn(&mut StdRng) -> Value;

/// All of one event type, which all events have, and one thing more.
const OF_ONE_TYPE: [(&str, Rule); 7] = [
    ("range", |random| property("amount", &range(random, 50_000, 500))),
    ("prefix", |random| property("sku", &json!({"prefix": sku(random)[..8]}))),
    ("suffix", |random| property("sku", &json!({"suffix": sku(random)[5..]}))),
    ("wildcard", |random| property("path", &json!({"wildcard": format!("/{}/*/index", letters(random, 3))}))),
    ("anything-but", |random| context("country", &json!({"anything-but": some(random, &COUNTRIES, 15)}))),
    ("ignore-case", |random| property("sku", &json!({"equals-ignore-case": sku(random).to_lowercase()}))),
    ("cidr", |random| context("ip", &json!({"cidr": format!("10.{}.{}.0/24", byte(random), byte(random))}))),
];

/// Without an event type.
const OF_ANY_TYPE: [(&str, Rule); 10] = [
    ("ranges, wide", |random| property("amount", &range(random, 25_000, 25_000))),
    ("ranges, narrow", |random| property("amount", &range(random, 50_000, 10))),
    ("ranges, two fields", two_ranges),
    ("prefixes", |random| {
        property("path", &json!({"prefix": format!("/{}/{}", letters(random, 3), letters(random, 1))}))
    }),
    ("wildcards, unanchored", |random| {
        property("note", &json!({"wildcard": format!("*{}*", letters(random, 3))}))
    }),
    ("anything-but", |random| property("sku", &json!({"anything-but": [sku(random)]}))),
    ("$or of eight", or_of_eight),
    ("elements, two fields", elements),
    (
        "identical",
        |_| json!({"event_type": ["purchase"], "properties": {"amount": [{"numeric": [">=", 250]}]}}),
    ),
    (
        "hundreds of matches",
        |random| json!({"event_type": some(random, &TYPES, 2), "context": {"country": some(random, &COUNTRIES, 3)}}),
    ),
];

/// Each of these workloads, by its name.
pub(crate) fn adverse() -> impl Iterator<Item = (String, impl Fn() -> Workload)> {
    let of_one_type = OF_ONE_TYPE.map(|(name, rule)| (format!("one event type, {name}"), rule, true));
    let of_any_type = OF_ANY_TYPE.map(|(name, rule)| (name.to_owned(), rule, false));
    of_one_type.into_iter().chain(of_any_type).map(|(name, rule, one_type)| {
        let title = name.clone();
        (title, move || workload(&name, rule, one_type))
    })
}

fn workload(name: &str, rule: Rule, one_type: bool) -> Workload {
    let mut random = StdRng::seed_from_u64(13);
    let pattern = |_| {
        let mut pattern = rule(&mut random);
        if one_type {
            pattern["event_type"] = json!(["purchase"]);
        }
        pattern.to_string()
    };
    let patterns = (0..RULES).map(pattern).collect();
    Workload { name: name.to_owned(), events: events(EVENTS, one_type), patterns }
}

fn property(name: &str, wanted: &Value) -> Value {
    json!({"properties": {name: [wanted]}})
}

fn context(name: &str, wanted: &Value) -> Value {
    json!({"context": {name: [wanted]}})
}

/// A range of amounts that begins below `start` and is up to `width` wide, both in cents.
fn range(random: &mut StdRng, start: u32, width: u32) -> Value {
    let from = random.random_range(0..start);
    let to = from + random.random_range(1..=width);
    json!({"numeric": [">=", f64::from(from) / 100.0, "<", f64::from(to) / 100.0]})
}

fn two_ranges(random: &mut StdRng) -> Value {
    let (amount, from) = (range(random, 50_000, 5_000), random.random_range(0..950));
    json!({"properties": {"amount": [amount], "quantity": [{"numeric": [">", from, "<=", from + 50]}]}})
}

fn or_of_eight(random: &mut StdRng) -> Value {
    let branch = |index| match index % 4 {
        0 => property("sku", &json!(sku(random))),
        1 => property("amount", &range(random, 50_000, 50)),
        2 => property("path", &json!({"prefix": format!("/{}/", letters(random, 3))})),
        _ => context("ip", &json!({"cidr": format!("10.{}.{}.0/24", byte(random), byte(random))})),
    };
    json!({"$or": (0..8).map(branch).collect::<Vec<_>>()})
}

fn elements(random: &mut StdRng) -> Value {
    let sku = format!("SKU-{:05}", random.random_range(0..ITEM_SKUS));
    json!({"properties": {"items": {"sku": [sku], "qty": [random.random_range(1..10), pick(random, &[1, 2, 3])]}}})
}

fn some<'a>(random: &mut StdRng, all: &[&'a str], count: usize) -> Vec<&'a str> {
    all.sample(random, count).copied().collect()
}
