//! The index decides as the naive reference does, on patterns and events drawn from the fuzzer's bytes.

#![no_main]

mod grammar;

use campaign_manager::event::Parser;
use campaign_manager::rules::{EVENT_STEPS, Pattern, RULE_STEPS, RuleSet, Scratch, reference};
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok((patterns, events)) = draw(&mut Unstructured::new(bytes)) {
        check(&patterns, &events);
    }
});

/// Patterns that the language accepts, and events.
fn draw(bytes: &mut Unstructured<'_>) -> Result<(Vec<Pattern>, Vec<String>)> {
    let (patterns, events) = (bytes.int_in_range(1..=8)?, bytes.int_in_range(1..=4)?);
    let patterns = (0..patterns).map(|_| grammar::pattern(bytes)).collect::<Result<Vec<_>>>()?;
    let events = (0..events).map(|_| grammar::event(bytes)).collect::<Result<Vec<_>>>()?;
    Ok((patterns.iter().filter_map(|text| Pattern::parse(text).ok()).collect(), events))
}

fn check(patterns: &[Pattern], events: &[String]) {
    let rules = patterns.iter().cloned().collect::<RuleSet>().compile();
    let (mut parser, mut scratch) = (Parser::new(64), Scratch::default());
    for event in events {
        let compare = parser.parse(event.as_bytes(), |document| {
            let found: Vec<_> =
                rules.matches(&document, &mut scratch).iter().map(|rule| rule.0 as usize).collect();
            let most = document.nodes().len() as u64 + EVENT_STEPS + patterns.len() as u64 * RULE_STEPS;
            assert!(scratch.steps() <= most, "{} steps: {event}\n{patterns:#?}", scratch.steps());
            let set_aside = |rule: usize| scratch.set_aside().iter().any(|aside| aside.0 as usize == rule);
            for (rule, pattern) in patterns.iter().enumerate().filter(|(rule, _)| !set_aside(*rule)) {
                // The reference, which is naive, may have no answer.
                let expected = reference::matches(pattern, &document).unwrap_or(found.contains(&rule));
                assert_eq!(found.contains(&rule), expected, "{event}\n{pattern:#?}");
            }
        });
        compare.expect("only valid JSON is drawn");
    }
}
