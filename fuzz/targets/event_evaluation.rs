//! Any bytes as an event, against every rule of the conformance corpus at once: a refusal, or matches in ascending order
//! and in bounded steps; and the same matches when it is tried again.

#![no_main]

use campaign_manager::event::Parser;
use campaign_manager::rules::{CompiledRules, Pattern, RuleSet, Scratch};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

#[derive(serde::Deserialize)]
struct Case {
    pattern: String,
}

static RULES: LazyLock<CompiledRules> = LazyLock::new(|| {
    let cases = include_str!("../../tests/corpus/match.jsonl").lines();
    let patterns = cases.map(|line| {
        let case: Case = serde_json::from_str(line).expect("the corpus is JSON Lines");
        Pattern::parse(&case.pattern).expect("the corpus holds valid rules")
    });
    patterns.collect::<RuleSet>().compile()
});

fuzz_target!(|event: &[u8]| {
    let mut scratch = Scratch::default();
    // Whatever the parser refuses is no event.
    let _ = Parser::new(64).parse(event, |document| {
        let matched = RULES.matches(&document, &mut scratch).to_vec();
        assert!(matched.is_sorted());
        let (nodes, rules) = (document.nodes().len() as u64, RULES.len() as u64);
        assert!(scratch.steps() <= 1_000 * (nodes + event.len() as u64) + 100 * rules, "{}", scratch.steps());
        assert_eq!(RULES.matches(&document, &mut scratch), matched);
    });
});
