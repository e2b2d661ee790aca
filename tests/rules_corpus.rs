//! The conformance corpus of the rule language: `tests/corpus/README.md` says where its labels come from.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use campaign_manager::event::{Document, Parser};
use campaign_manager::rules::{Pattern, RuleSet, Scratch, explain, reference};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize)]
struct Single {
    pattern: String,
    event: String,
    matches: bool,
}

#[derive(Deserialize)]
struct Many {
    rules: BTreeMap<String, String>,
    event: String,
    matched: Vec<String>,
}

#[derive(Deserialize)]
struct Invalid {
    pattern: String,
}

fn lines<T: for<'de> Deserialize<'de>>(text: &str) -> Vec<T> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn singles() -> Vec<Single> {
    lines(include_str!("corpus/match.jsonl"))
}

fn many() -> Vec<Many> {
    lines(include_str!("corpus/match-many.jsonl"))
}

fn parse(pattern: &str) -> Pattern {
    Pattern::parse(pattern).unwrap_or_else(|errors| panic!("{pattern}\n{errors}"))
}

/// Labels of `match-many.jsonl` that contradict the language, and what it says instead: line, rule, whether it matches.
/// The reference gives the right answer itself when it holds such a rule alone.
const MISLABELLED: [(usize, &str, bool); 2] = [
    // `b` is "fox"; the rule wants a string that ends with "xy" or starts with "yx".
    (102, "r18", false),
    // `c` is "", which is not 1; `a` is "foo", which is not "x".
    (216, "r10", true),
];

/// The names of the rules that a many-rule case must find.
fn expected(line: usize, case: &Many) -> BTreeSet<String> {
    let mut matched: BTreeSet<String> = case.matched.iter().cloned().collect();
    for (_, rule, matches) in MISLABELLED.iter().filter(|(at, ..)| *at == line) {
        let changed = if *matches { matched.insert((*rule).to_owned()) } else { matched.remove(*rule) };
        assert!(changed, "the label of {rule} in line {line} is right already");
    }
    matched
}

/// Holds one way of matching against all cases; it is given all the patterns of a case at once.
fn assert_agrees(mut matches: impl FnMut(&[Pattern], &Document<'_>) -> Vec<usize>) {
    let mut parser = Parser::new(64);
    for Single { pattern, event, matches: expected } in singles() {
        let parsed = parse(&pattern);
        let found = parser.parse(event.as_bytes(), |document| matches(&[parsed], &document)).unwrap();
        assert_eq!(!found.is_empty(), expected, "{pattern} {event}");
    }
    for (number, case) in many().iter().enumerate() {
        let patterns: Vec<_> = case.rules.values().map(|rule| parse(rule)).collect();
        let found = parser.parse(case.event.as_bytes(), |document| matches(&patterns, &document)).unwrap();
        let names: Vec<_> = case.rules.keys().cloned().collect();
        let found: BTreeSet<_> = found.into_iter().map(|rule| names[rule].clone()).collect();
        assert_eq!(found, expected(number + 1, case), "{:?} {}", case.rules, case.event);
    }
}

#[test]
fn the_reference_agrees_with_every_case() {
    assert_agrees(|patterns, document| {
        (0..patterns.len()).filter(|rule| reference::matches(&patterns[*rule], document)).collect()
    });
}

#[test]
fn the_index_agrees_with_every_case() {
    let mut scratch = Scratch::default();
    assert_agrees(|patterns, document| {
        let compiled = patterns.iter().cloned().collect::<RuleSet>().compile();
        compiled.matches(document, &mut scratch).iter().map(|rule| rule.0 as usize).collect()
    });
}

#[test]
fn the_rules_of_all_cases_at_once_match_each_event_as_they_do_alone() {
    let mut parser = Parser::new(64);
    let cases = singles();
    let patterns: Vec<_> = cases.iter().map(|case| parse(&case.pattern)).collect();
    let compiled = patterns.iter().cloned().collect::<RuleSet>().compile();
    let mut scratch = Scratch::default();
    for Single { event, .. } in cases.iter().step_by(151) {
        let check = |document: Document<'_>| {
            let found: Vec<_> =
                compiled.matches(&document, &mut scratch).iter().map(|rule| rule.0 as usize).collect();
            let alone = (0..patterns.len()).filter(|rule| reference::matches(&patterns[*rule], &document));
            assert_eq!(found, alone.collect::<Vec<_>>(), "{event}");
        };
        parser.parse(event.as_bytes(), check).unwrap();
    }
}

#[test]
fn explanations_agree_with_every_case_and_name_a_field_of_the_rule() {
    assert_agrees(|patterns, document| {
        let explanations = patterns.iter().map(|pattern| explain(pattern, document)).enumerate();
        let matching = explanations.filter_map(|(rule, explanation)| {
            let sentence = explanation.sentence();
            let (verdict, reason) = sentence.split_once(": ").unwrap();
            assert_eq!(verdict == "the event matches", explanation.matches(), "{sentence}");
            assert!(reason.contains("the rule wants ") || reason.contains("which fits "), "{sentence}");
            explanation.matches().then_some(rule)
        });
        matching.collect()
    });
}

#[test]
fn every_invalid_rule_is_refused_with_a_place_and_a_reason() {
    for Invalid { pattern } in lines::<Invalid>(include_str!("corpus/invalid.jsonl")) {
        let errors = Pattern::parse(&pattern).expect_err(&pattern);
        for error in errors.errors() {
            assert!(error.pointer.is_empty() || error.pointer.starts_with('/'), "{pattern} {error}");
            assert!(error.detail.len() > 10, "{pattern} {error}");
        }
    }
}
