//! Matching allocates nothing once its buffers have grown.

#[path = "support/random_json.rs"]
mod random_json;

use campaign_manager::event::Parser;
use campaign_manager::rules::{RuleSet, Scratch};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use random_json::{event, pattern};

#[test]
fn parsing_and_matching_allocate_nothing_in_the_steady_state() {
    let mut runner = TestRunner::deterministic();
    let mut draw = |count: usize| -> Vec<String> {
        (0..count).map(|_| event().new_tree(&mut runner).unwrap().current()).collect()
    };
    let events = draw(400);
    let patterns = (0..300).map(|_| pattern().new_tree(&mut runner).unwrap().current().1);
    let rules = patterns.collect::<RuleSet>().compile();
    let mut parser = Parser::new(64);
    let mut scratch = Scratch::default();
    let mut match_all = || {
        let matched = events.iter().map(|event| {
            parser.parse(event.as_bytes(), |document| rules.matches(&document, &mut scratch).len()).unwrap()
        });
        matched.sum::<usize>()
    };
    let matched_first = match_all();
    let mut matched_again = 0;
    let allocated = allocation_counter::measure(|| matched_again = match_all());
    assert_eq!(allocated.count_total, 0);
    assert_eq!(matched_again, matched_first);
    assert!(matched_first > 1_000, "{matched_first} matches are too few to prove much");
}
