//! Any text as a rule: it is refused with places and reasons, or it compiles and can be matched and explained.

#![no_main]

use campaign_manager::event::Parser;
use campaign_manager::rules::{EVENT_STEPS, Pattern, RULE_STEPS, RuleSet, Scratch, explain};
use libfuzzer_sys::fuzz_target;

const EVENTS: [&str; 4] = [
    "{}",
    r#"{"a":[{"b":1,"c":"x"},{"b":2,"c":"y"}],"a.b":null,"d":"10.0.0.1"}"#,
    r#"{"event_type":"purchase","properties":{"amount":129.99,"tags":["new","vip"],"coupon":null}}"#,
    r#"{"a":{"a":{"a":[[1,"Éa*b",true],[]]}},"b":-1e300}"#,
];

fuzz_target!(|text: &str| {
    let pattern = match Pattern::parse(text) {
        Ok(pattern) => pattern,
        Err(errors) => {
            assert!(!errors.errors().is_empty());
            for error in errors.errors() {
                assert!(error.pointer.is_empty() || error.pointer.starts_with('/'), "{error}");
                assert!(!error.detail.is_empty());
            }
            return;
        }
    };
    let rules = RuleSet::from_iter([pattern.clone()]).compile();
    let (mut parser, mut scratch) = (Parser::new(64), Scratch::default());
    for event in EVENTS {
        let agree = parser.parse(event.as_bytes(), |document| {
            let matched = !rules.matches(&document, &mut scratch).is_empty();
            let explanation = explain(&pattern, &document);
            assert!(scratch.steps() <= 2 * RULE_STEPS && explanation.steps() <= 4 * EVENT_STEPS, "{event}");
            let verdict = scratch.set_aside().is_empty().then_some(matched);
            explanation.verdict() == verdict
        });
        assert_eq!(agree, Ok(true), "{event}");
    }
});
