//! A campaign's rule: a tenant, event types, and one to three fields more.

use super::python_random::Random;
use super::{
    COUNTRIES, CURRENCIES, DOMAINS, Kind, PLATFORMS, SECTIONS, TAGS, TENANTS, TIERS, Types, sku, texts,
};

/// A field that a rule may name beside the tenant and the event type.
#[derive(Clone, Copy)]
pub(super) enum Field {
    Country,
    Tier,
    Platform,
    Url,
    Currency,
    Coupon,
    Sku,
    Tags,
    Email,
    Age,
    Amount,
}

impl Field {
    /// The fields to draw from; ranges are twice as likely as others.
    pub(super) fn of(kind: Kind) -> Vec<Self> {
        use Field::{Age, Amount, Country, Coupon, Currency, Email, Platform, Sku, Tags, Tier, Url};
        let mut fields = vec![Country, Tier, Platform, Url, Currency, Coupon, Sku, Tags, Email];
        if kind == Kind::Numeric {
            fields.extend([Age, Amount, Age, Amount]);
        }
        fields
    }

    /// The key in the event, and the key inside.
    fn path(self) -> (&'static str, &'static str) {
        match self {
            Self::Country => ("user", "country"),
            Self::Tier => ("user", "tier"),
            Self::Email => ("user", "email"),
            Self::Age => ("user", "age"),
            Self::Platform => ("ctx", "platform"),
            Self::Url => ("ctx", "url"),
            Self::Currency => ("props", "currency"),
            Self::Coupon => ("props", "coupon"),
            Self::Sku => ("props", "sku"),
            Self::Tags => ("props", "tags"),
            Self::Amount => ("props", "amount"),
        }
    }

    /// What is wanted of it, as JSON.
    fn wanted(self, random: &mut Random) -> String {
        match self {
            Self::Country => some(random, &COUNTRIES, 5),
            Self::Tier => format!(r#"[{{"anything-but":{}}}]"#, some(random, &TIERS, 3)),
            Self::Platform => texts(random.sample(&PLATFORMS, 2)),
            Self::Url => {
                format!(r#"[{{"prefix":"/{}/{}"}}]"#, random.choice(&SECTIONS), random.within(1, 10))
            }
            Self::Currency => texts([random.choice(&CURRENCIES)]),
            Self::Coupon => r#"[{"exists":true}]"#.to_owned(),
            Self::Sku => texts((0..30).map(|_| sku(random))),
            Self::Tags => texts(random.sample(&TAGS[..5], 2)),
            Self::Email => format!(r#"[{{"wildcard":"*@{}"}}]"#, random.choice(&DOMAINS[..2])),
            Self::Age => {
                format!(r#"[{{"numeric":[">=",{},"<",{}]}}]"#, random.within(14, 40), random.within(41, 90))
            }
            Self::Amount => format!(r#"[{{"numeric":[">",{}]}}]"#, random.below(400)),
        }
    }
}

/// Some of `all`, at least one and fewer than `end`.
fn some(random: &mut Random, all: &[&str], end: u32) -> String {
    let count = random.within(1, end);
    texts(random.sample(all, count))
}

pub(super) fn pattern(random: &mut Random, types: &Types, fields: &[Field]) -> String {
    let tenant = random.below(TENANTS);
    let kinds = random.within(1, 4);
    let kinds = texts(random.sample(&types.names, kinds));
    let mut objects: Vec<Object> = Vec::new();
    let more = random.within(1, 4);
    for field in random.sample(fields, more) {
        let (key, inner) = field.path();
        let place = objects.iter().position(|object| object.key == key).unwrap_or_else(|| {
            objects.push(Object { key, entries: Vec::new() });
            objects.len() - 1
        });
        objects[place].put(inner, field.wanted(random));
    }
    let objects: String = objects.iter().map(Object::json).collect();
    format!(r#"{{"tenant":["t{tenant}"],"type":{kinds}{objects}}}"#)
}

/// An object inside a pattern: its entries in the order in which they came.
struct Object {
    key: &'static str,
    entries: Vec<(&'static str, String)>,
}

impl Object {
    /// A field that is drawn twice stays at its place and wants what was drawn last.
    fn put(&mut self, key: &'static str, wanted: String) {
        match self.entries.iter_mut().find(|(present, _)| *present == key) {
            Some((_, present)) => *present = wanted,
            None => self.entries.push((key, wanted)),
        }
    }

    fn json(&self) -> String {
        let entries: Vec<_> =
            self.entries.iter().map(|(key, wanted)| format!(r#""{key}":{wanted}"#)).collect();
        format!(r#","{}":{{{}}}"#, self.key, entries.join(","))
    }
}
