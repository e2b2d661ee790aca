//! The index decides as the naive reference does, whatever the patterns and the events.
//!
//! `PROPTEST_CASES` sets the number of cases.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/random_json.rs"]
mod random_json;

use campaign_manager::event::Parser;
use campaign_manager::rules::{Pattern, RuleSet, Scratch, explain, reference};
use proptest::collection::vec;
use proptest::prelude::Strategy;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use random_json::{about_elements, event, pattern};
use std::cell::RefCell;

/// What one thread of a worker keeps from event to event, while rules come and go.
#[derive(Default)]
struct Thread {
    scratch: RefCell<Scratch>,
}

impl Thread {
    /// Holds all patterns at once against each event, and against the reference.
    fn check(&self, patterns: &[(String, Pattern)], events: &[String]) -> Result<(), TestCaseError> {
        let compiled = patterns.iter().map(|(_, pattern)| pattern.clone()).collect::<RuleSet>().compile();
        let mut scratch = self.scratch.borrow_mut();
        let mut parser = Parser::new(64);
        for event in events {
            let difference = parser.parse(event.as_bytes(), |document| {
                let found = compiled.matches(&document, &mut scratch);
                assert!(found.is_sorted());
                patterns.iter().zip(0..).find_map(|((text, pattern), ordinal)| {
                    let expected = reference::matches(pattern, &document)?;
                    let differs = found.iter().any(|rule| rule.0 == ordinal) != expected;
                    differs.then(|| format!("{text}\n{event}\nmust match: {expected}"))
                })
            });
            if let Some(difference) = difference.unwrap() {
                return Err(TestCaseError::fail(difference));
            }
        }
        Ok(())
    }
}

/// Drawing a pattern again is no sign of trouble, however often it happens in a long run.
fn config(cases: u32) -> Config {
    Config { cases, max_local_rejects: u32::MAX, failure_persistence: None, ..Config::default() }
}

#[test]
fn a_rule_alone_matches_what_the_reference_says() {
    let thread = Thread::default();
    let cases = (pattern(), vec(event(), 1..4));
    TestRunner::new(config(Config::default().cases))
        .run(&cases, |(pattern, events)| thread.check(&[pattern], &events))
        .unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn fields_agree_about_elements_as_the_reference_says() {
    let thread = Thread::default();
    TestRunner::new(config(Config::default().cases * 4))
        .run(&about_elements(), |(pattern, events)| thread.check(&[pattern], &events))
        .unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn two_hundred_rules_at_once_match_what_the_reference_says() {
    let thread = Thread::default();
    let cases = (vec(pattern(), 200), vec(event(), 5));
    TestRunner::new(config((Config::default().cases / 50).max(5)))
        .run(&cases, |(patterns, events)| thread.check(&patterns, &events))
        .unwrap_or_else(|failure| panic!("{failure}"));
}

/// An integer of 64 bits, near others, and one of its spellings.
fn spelled() -> impl Strategy<Value = (i128, String)> {
    let bases =
        [0, 1, 100, 1 << 53, i128::from(i64::MAX), i128::from(u64::MAX) - 2, i128::from(i64::MIN) + 2];
    (proptest::sample::select(bases.to_vec()), -2..=2_i128, 0..3_usize, 0..5_u8).prop_map(
        |(base, off, zeros, form)| {
            let integer = base + off;
            let zeros = "0".repeat(zeros);
            let text = match form {
                0 => format!("{integer}"),
                1 => format!("{integer}.0{zeros}"),
                2 => {
                    format!("{}e-{}", integer * 10_i128.pow(u32::try_from(zeros.len()).unwrap()), zeros.len())
                }
                3 => format!("{integer}.{zeros}0E+0"),
                _ => format!("{integer}e0"),
            };
            (integer, text)
        },
    )
}

#[test]
fn integers_are_compared_exactly_whatever_their_spelling() {
    let compare = |((wanted, rule_text), (value, event_text)): ((i128, String), (i128, String))| {
        let cases = [
            (format!("[{rule_text}]"), value == wanted),
            (format!(r#"[{{"numeric":["=",{rule_text}]}}]"#), value == wanted),
            (format!(r#"[{{"numeric":["<",{rule_text}]}}]"#), value < wanted),
            (format!(r#"[{{"numeric":[">=",{rule_text}]}}]"#), value >= wanted),
            (format!(r#"[{{"anything-but":{rule_text}}}]"#), value != wanted),
            (format!(r#"[{{"anything-but":[{rule_text},7777]}}]"#), value != wanted),
        ];
        let event = format!(r#"{{"a":{event_text}}}"#);
        for (list, expected) in cases {
            let pattern = Pattern::parse(&format!(r#"{{"a":{list}}}"#)).unwrap();
            let compiled = RuleSet::from_iter([pattern.clone()]).compile();
            let mut scratch = Scratch::default();
            let found = Parser::new(8).parse(event.as_bytes(), |document| {
                let index = !compiled.matches(&document, &mut scratch).is_empty();
                [Some(index), reference::matches(&pattern, &document), explain(&pattern, &document).verdict()]
            });
            if found != Ok([Some(expected); 3]) {
                return Err(TestCaseError::fail(format!("{list} {event}: {found:?}, not {expected}")));
            }
        }
        Ok(())
    };
    let integers = (spelled(), spelled());
    TestRunner::new(config(Config::default().cases * 4))
        .run(&integers, compare)
        .unwrap_or_else(|failure| panic!("{failure}"));
}
