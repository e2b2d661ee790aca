//! The campaign workload: events of shops, and rules of campaigns about them; the same bytes on every machine.
//!
//! An event has about 430 bytes. A rule names a tenant, up to three event types, and up to three more fields; *numeric*
//! rules may also ask for a range of ages or amounts. Of 100,000 events, 2,735 match one of 1,000 plain rules.

#[path = "campaign_workload_random.rs"]
mod python_random;
#[path = "campaign_workload_rules.rs"]
mod rules;

use python_random::{Random, round_to_cents};
use rules::{Field, pattern};
use std::fmt::Display;

const TENANTS: u32 = 200;
const COMMON_TYPES: [(&str, u32); 10] = [
    ("page_view", 40),
    ("add_to_cart", 12),
    ("purchase", 6),
    ("signup", 2),
    ("app_open", 20),
    ("search", 15),
    ("refund", 1),
    ("email_click", 3),
    ("push_open", 4),
    ("checkout_start", 5),
];
const CUSTOM_TYPES: usize = 40;
const COUNTRIES: [&str; 20] = [
    "US", "GB", "DE", "FR", "JP", "BR", "IN", "CA", "MX", "ES", "IT", "NL", "SE", "PL", "AU", "KR", "ZA",
    "AR", "TR", "CH",
];
const PLATFORMS: [&str; 4] = ["ios", "android", "web", "tv"];
const TIERS: [&str; 4] = ["free", "silver", "gold", "platinum"];
const TIER_WEIGHTS: [u32; 4] = [70, 15, 10, 5];
const DOMAINS: [&str; 4] = ["gmail.com", "example.org", "corp.example", "mail.test"];
const SECTIONS: [&str; 4] = ["shop", "blog", "help", "deals"];
const PAGES: [&str; 3] = ["index", "view", "buy"];
const CURRENCIES: [&str; 3] = ["USD", "EUR", "JPY"];
const TAGS: [&str; 8] = ["new", "vip", "sale", "gift", "bundle", "clearance", "seasonal", "beta"];

/// Which rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Without ranges.
    Plain,
    /// Many with ranges.
    Numeric,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Numeric => "numeric",
        }
    }
}

/// The events as JSON texts, without end.
pub(crate) fn events() -> impl Iterator<Item = String> {
    let (mut random, types) = (Random::from_number(7), Types::new());
    (0..).map(move |index| event(&mut random, &types, index))
}

/// The patterns of `count` rules as JSON texts. Fewer rules are not the first of more.
pub(crate) fn patterns(kind: Kind, count: usize) -> Vec<String> {
    let mut random = Random::from_text(&format!("{}-{count}", kind.name()));
    let (types, fields) = (Types::new(), Field::of(kind));
    (0..count).map(|_| pattern(&mut random, &types, &fields)).collect()
}

/// Event types, and how common each is.
struct Types {
    names: Vec<String>,
    weights: Vec<u32>,
}

impl Types {
    fn new() -> Self {
        let common = COMMON_TYPES.map(|(name, weight)| (name.to_owned(), weight)).into_iter();
        let custom = (0..CUSTOM_TYPES).map(|number| (format!("custom_{number}"), 1));
        let (names, weights) = common.chain(custom).unzip();
        Self { names, weights }
    }
}

fn event(random: &mut Random, types: &Types, index: u32) -> String {
    let tenant = random.below(TENANTS);
    let kind = random.weighted(&types.names, &types.weights);
    let time = 1_700_000_000 + index;
    let (user, context, properties) = (user(random), context(random), properties(random));
    format!(
        r#"{{"id":"evt-{index:09}","tenant":"t{tenant}","type":"{kind}","ts":{time},"user":{user},"ctx":{context},"props":{properties}}}"#
    )
}

fn user(random: &mut Random) -> String {
    let (id, country) = (random.below(1_000_000), random.choice(&COUNTRIES));
    let (tier, age) = (random.weighted(&TIERS, &TIER_WEIGHTS), random.within(14, 90));
    let (mailbox, domain) = (random.below(1_000_000), random.choice(&DOMAINS));
    format!(
        r#"{{"id":"u{id:07}","country":"{country}","tier":"{tier}","age":{age},"email":"u{mailbox}@{domain}"}}"#
    )
}

fn context(random: &mut Random) -> String {
    let platform = random.choice(&PLATFORMS);
    let version =
        [random.within(1, 9), random.below(10), random.below(10)].map(|part| part.to_string()).join(".");
    let ip = [random.below(256), random.below(256), random.below(256)].map(|part| part.to_string()).join(".");
    let (section, number, page) = (random.choice(&SECTIONS), random.below(1_000), random.choice(&PAGES));
    format!(
        r#"{{"platform":"{platform}","app":{{"version":"{version}"}},"ip":"10.{ip}","url":"/{section}/{number}/{page}"}}"#
    )
}

fn properties(random: &mut Random) -> String {
    let (amount, currency) = (round_to_cents(random.unit() * 500.0), random.choice(&CURRENCIES));
    let sku = sku(random);
    let coupon =
        if random.unit() < 0.7 { "null".to_owned() } else { format!(r#""C{:03}""#, random.below(500)) };
    let tags = random.below(4);
    let tags = texts(random.sample(&TAGS, tags));
    let items: Vec<String> = (0..random.below(4)).map(|_| item(random)).collect();
    let items = items.join(",");
    format!(
        r#"{{"amount":{amount:?},"currency":"{currency}","sku":"{sku}","coupon":{coupon},"tags":{tags},"items":[{items}]}}"#
    )
}

fn item(random: &mut Random) -> String {
    let (sku, quantity) = (sku(random), random.within(1, 5));
    let price = round_to_cents(random.unit() * 100.0);
    format!(r#"{{"sku":"{sku}","qty":{quantity},"price":{price:?}}}"#)
}

fn sku(random: &mut Random) -> String {
    format!("SKU-{:05}", random.below(20_000))
}

/// A JSON array of texts, none of which needs escaping.
fn texts<T: Display>(texts: impl IntoIterator<Item = T>) -> String {
    let quoted: Vec<String> = texts.into_iter().map(|text| format!(r#""{text}""#)).collect();
    format!("[{}]", quoted.join(","))
}
