//! Events and rules that are matched: those of campaigns, and those that hurt.

#[path = "../../tests/support/campaign_workload.rs"]
mod campaign_workload;
mod shop;
pub(crate) mod adverse;
pub(crate) mod parsed;

use campaign_manager::rules::{Pattern, RuleSet};

pub(crate) use campaign_workload::Kind;

/// Rules, and events to be matched against them, as JSON texts.
pub(crate) struct Workload {
    pub(crate) name: String,
    pub(crate) events: Vec<String>,
    pub(crate) patterns: Vec<String>,
}

impl Workload {
    /// Rules of campaigns, and `events` of shops.
    pub(crate) fn campaign(kind: Kind, rules: usize, events: usize) -> Self {
        Self {
            name: format!("{}-{rules}", kind.name()),
            events: campaign_workload::events().take(events).collect(),
            patterns: campaign_workload::patterns(kind, rules),
        }
    }

    /// Both kinds of campaigns' rules, 1,000 to 100,000 of them.
    pub(crate) fn sizes() -> impl Iterator<Item = (Kind, usize)> {
        let counts = [1_000, 10_000, 100_000];
        [Kind::Plain, Kind::Numeric].into_iter().flat_map(move |kind| counts.map(|count| (kind, count)))
    }

    /// The rules, checked and not yet compiled.
    pub(crate) fn rule_set(&self) -> RuleSet {
        rule_set(&self.patterns)
    }
}

/// Checks rules.
pub(crate) fn rule_set(patterns: &[String]) -> RuleSet {
    patterns.iter().map(|text| Pattern::parse(text).expect("the rules are well-formed")).collect()
}
