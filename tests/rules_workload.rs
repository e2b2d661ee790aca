//! The campaign workload is the same everywhere, so that figures about it compare, and it is matched rightly and without allocation.

#[path = "support/campaign_workload.rs"]
mod campaign_workload;

use campaign_manager::event::Parser;
use campaign_manager::rules::{CompiledRules, Pattern, RuleSet, Scratch};
use campaign_workload::{Kind, events, patterns};
use xxhash_rust::xxh3::Xxh3;

fn hash(lines: impl Iterator<Item = String>) -> u128 {
    let mut hasher = Xxh3::new();
    for line in lines {
        hasher.update(line.as_bytes());
        hasher.update(b"\n");
    }
    hasher.digest128()
}

/// The lines of a file of rules.
fn rules(kind: Kind, count: usize) -> impl Iterator<Item = String> {
    let patterns = patterns(kind, count).into_iter().enumerate();
    patterns.map(|(index, pattern)| format!(r#"{{"name":"c{index}","pattern":{pattern}}}"#))
}

fn compiled(kind: Kind, count: usize) -> CompiledRules {
    patterns(kind, count)
        .iter()
        .map(|text| Pattern::parse(text).expect("the rules are well-formed"))
        .collect::<RuleSet>()
        .compile()
}

/// How many matches the events have.
fn matches(rules: &CompiledRules, scratch: &mut Scratch, parser: &mut Parser, events: &[String]) -> usize {
    let matches = events.iter().map(|event| {
        parser
            .parse(event.as_bytes(), |document| rules.matches(&document, scratch).len())
            .expect("the events are well-formed")
    });
    matches.sum()
}

#[test]
fn the_campaign_workload_is_the_same_bytes_everywhere() {
    assert_eq!(hash(events().take(100_000)), 0xdaaa_bfae_5b6c_c267_34fc_1277_3911_9c31);
    for (kind, count, expected) in [
        (Kind::Plain, 100, 0xcfb4_235d_2105_2092_47bf_117a_8912_09e2),
        (Kind::Plain, 1_000, 0x5f2b_0c01_aa42_2b82_560d_cd45_998e_16df),
        (Kind::Plain, 10_000, 0x81a9_22cb_75cd_0503_8d64_8f8a_1b42_3a7d),
        (Kind::Numeric, 100, 0x7dd8_54ac_c401_39e3_84da_ed30_dedd_3ae9),
        (Kind::Numeric, 1_000, 0xd883_bff3_000e_d9a8_c0ae_43c3_88b6_ffad),
        (Kind::Numeric, 10_000, 0xbdaf_98db_a1b4_2f52_dfe6_5bda_cf15_63ab),
    ] {
        assert_eq!(hash(rules(kind, count)), expected, "{count} {} rules", kind.name());
    }
}

#[test]
fn the_campaign_workload_triggers_what_the_language_says() {
    let events: Vec<String> = events().take(100_000).collect();
    let (mut scratch, mut parser) = (Scratch::default(), Parser::new(64));
    let triggered = [Kind::Plain, Kind::Numeric]
        .map(|kind| matches(&compiled(kind, 1_000), &mut scratch, &mut parser, &events));
    assert_eq!(triggered, [2_735, 4_595]);
}

#[test]
fn the_campaign_workload_is_matched_without_allocation() {
    let events: Vec<String> = events().take(10_000).collect();
    let (rules, mut scratch, mut parser) =
        (compiled(Kind::Numeric, 1_000), Scratch::default(), Parser::new(64));
    let matched_first = matches(&rules, &mut scratch, &mut parser, &events);
    let mut matched_again = 0;
    let allocated =
        allocation_counter::measure(|| matched_again = matches(&rules, &mut scratch, &mut parser, &events));
    assert_eq!(allocated.count_total, 0);
    assert_eq!(matched_again, matched_first);
    assert!(matched_first > 100, "{matched_first} matches are too few to prove much");
}
