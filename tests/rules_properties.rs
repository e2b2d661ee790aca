//! The index decides as the naive reference does, whatever the patterns and the events.
//!
//! `PROPTEST_CASES` sets the number of cases.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/random_json.rs"]
mod random_json;

use campaign_manager::event::Parser;
use campaign_manager::rules::{Pattern, RuleSet, Scratch, reference};
use proptest::collection::vec;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use random_json::{event, pattern};
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
                    let expected = reference::matches(pattern, &document);
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
fn two_hundred_rules_at_once_match_what_the_reference_says() {
    let thread = Thread::default();
    let cases = (vec(pattern(), 200), vec(event(), 5));
    TestRunner::new(config((Config::default().cases / 50).max(5)))
        .run(&cases, |(patterns, events)| thread.check(&patterns, &events))
        .unwrap_or_else(|failure| panic!("{failure}"));
}
