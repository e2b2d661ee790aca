//! `docs/message_schema.md` teaches the rule language by examples. Here all of them are run.
//!
//! An example is one or two fenced blocks, told by what stands behind the fence:
//!
//! - `json rule`, then `text events`: a line for each event, `match` or `no match` and the event. What is indented below
//!   it is the sentence of its explanation.
//! - `json rule`, then `text errors`: everything that is wrong with the rule, an error a line.
//! - `json event`, alone if it is accepted, or with its `text errors`.
//! - `json cloudevent` or `json segment`, then `json becomes`: a message, and the event that it becomes; or `text errors`.
//! - `jsonl NAME`: a file for the commands. `console`: commands behind a `$`, and what they print.
//!
//! Lines that are too long to read go on in indented ones; in what commands print, white space does not count. No other
//! block may stand in the document.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod events;
mod examples;

use campaign_manager::event::Parser;
use campaign_manager::rules::{Pattern, RuleErrors, RuleSet, Scratch, explain, reference};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use examples::{Examples, Judged, Outcome, unbroken};

const DOCUMENT: &str = include_str!("../../docs/message_schema.md");

/// Fails with everything that is wrong.
fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "docs/message_schema.md\n{}", wrong.join("\n"));
}

/// Goes through all events of all rules and fails with what `check` finds wrong.
fn check_outcomes(mut check: impl FnMut(&Pattern, &Outcome) -> Option<String>) {
    let mut wrong = Vec::new();
    for example in Examples::read().rules {
        let pattern = match Pattern::parse(&example.rule) {
            Ok(pattern) => pattern,
            Err(errors) => {
                wrong.push(format!("line {}: the rule is refused: {errors}", example.line));
                continue;
            }
        };
        let found = example.outcomes.iter().filter_map(|outcome| {
            check(&pattern, outcome).map(|found| format!("line {}: {found}", outcome.line))
        });
        wrong.extend(found);
    }
    assert_none(&wrong);
}

/// Whether an event matches a rule: what the index says, and what the reference says.
fn verdicts(pattern: &Pattern, outcome: &Outcome) -> [bool; 2] {
    let compiled = RuleSet::from_iter([pattern.clone()]).compile();
    let mut scratch = Scratch::default();
    let verdicts = Parser::new(64).parse(outcome.event.as_bytes(), |document| {
        assert!(document.is_object(), "line {}: no event", outcome.line);
        [
            !compiled.matches(&document, &mut scratch).is_empty(),
            reference::matches(pattern, &document) == Some(true),
        ]
    });
    verdicts.unwrap_or_else(|error| panic!("line {}: {error}", outcome.line))
}

#[test]
fn events_match_the_rules_that_the_document_says() {
    check_outcomes(|pattern, outcome| {
        let verdicts = verdicts(pattern, outcome);
        let right = verdicts == [outcome.matches; 2];
        (!right).then(|| format!("index and reference say {verdicts:?} of {}", outcome.event))
    });
}

#[test]
fn explanations_say_the_sentences_of_the_document() {
    check_outcomes(|pattern, outcome| {
        if outcome.sentence.is_empty() {
            return None;
        }
        let parsed = Parser::new(64).parse(outcome.event.as_bytes(), |document| explain(pattern, &document));
        let explanation = parsed.unwrap();
        let sentence = explanation.sentence();
        (outcome.sentence != sentence).then(|| format!("the sentence is: {sentence}"))
    });
}

/// Fails with every text of which `errors_of` finds other errors than the document shows.
fn check_errors(judged: &[Judged], errors_of: impl Fn(&str) -> Vec<String>) {
    let wrong = judged.iter().filter_map(|Judged { line, text, errors }| {
        let found = errors_of(text);
        (found != *errors).then(|| format!("line {line}: the errors are:\n{}", found.join("\n")))
    });
    assert_none(&wrong.collect::<Vec<_>>());
}

#[test]
fn refused_rules_are_told_all_that_is_wrong_with_them() {
    check_errors(&Examples::read().refused_rules, |rule| {
        let errors = Pattern::parse(rule).err();
        errors.iter().flat_map(RuleErrors::errors).map(ToString::to_string).collect()
    });
}

#[test]
fn commands_print_what_the_document_shows() {
    let examples = Examples::read();
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in &examples.files {
        fs::write(folder.path().join(name), format!("{text}\n")).unwrap();
    }
    let wrong = examples.commands.iter().filter_map(|session| {
        let printed = run(&session.command, folder.path());
        let line = session.line;
        (unbroken(&printed) != session.output).then(|| format!("line {line}: it prints:\n{printed}"))
    });
    assert_none(&wrong.collect::<Vec<_>>());
}

/// Runs a command of the shell, with `campaign-manager` in its path, and returns all that it prints.
fn run(command: &str, folder: &std::path::Path) -> String {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_campaign-manager"));
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let script = format!("exec 2>&1\n{command}");
    let output = Command::new("sh").args(["-c", &script]).current_dir(folder).env("PATH", path).output();
    String::from_utf8(output.unwrap().stdout).unwrap()
}

/// The names that an error message offers in the place of a wrong one, as parts of `operator`.
fn offered(operator: &str, rule: &str) -> Vec<String> {
    let errors = Pattern::parse(rule).unwrap_err().to_string();
    let (_, names) = errors.split_once("; use ").unwrap();
    names.split('"').skip(1).step_by(2).map(|name| format!("{operator}{name}")).collect()
}

/// Everything that a rule can be made of, as [`note_entry`] names it.
fn constructs() -> BTreeSet<String> {
    let offered = [
        offered("", r#"{"a": [{"?": 1}]}"#),
        offered("anything-but ", r#"{"a": [{"anything-but": {"?": 1}}]}"#),
        offered("numeric ", r#"{"a": [{"numeric": ["?", 1]}]}"#),
    ];
    let written_out = [
        "a string",
        "a number",
        "a boolean",
        "null",
        "prefix equals-ignore-case",
        "suffix equals-ignore-case",
        "anything-but a string",
        "anything-but a number",
        "anything-but a list",
        "exists true",
        "exists false",
        "$or",
        "$and",
        "$not",
    ];
    offered.into_iter().flatten().chain(written_out.map(str::to_owned)).collect()
}

/// Notes what a pattern object is made of.
fn note_pattern(pattern: &Value, noted: &mut BTreeSet<String>) {
    for (key, value) in pattern.as_object().into_iter().flatten() {
        match (key.as_str(), value) {
            ("$or" | "$and", branches) => {
                noted.insert(key.clone());
                branches.as_array().into_iter().flatten().for_each(|branch| note_pattern(branch, noted));
            }
            ("$not", excluded) => {
                noted.insert(key.clone());
                note_pattern(excluded, noted);
            }
            (_, Value::Object(_)) => note_pattern(value, noted),
            (_, Value::Array(entries)) => entries.iter().for_each(|entry| note_entry(entry, noted)),
            (_, scalar) => note_entry(scalar, noted),
        }
    }
}

/// Notes what an entry of a field's list is.
fn note_entry(entry: &Value, noted: &mut BTreeSet<String>) {
    let Value::Object(operator) = entry else {
        noted.insert(kind(entry));
        return;
    };
    for (name, operand) in operator {
        noted.insert(name.clone());
        match operand {
            Value::Object(inner) => noted.extend(inner.keys().map(|key| format!("{name} {key}"))),
            Value::Array(terms) if name == "numeric" => {
                noted.extend(terms.iter().filter_map(Value::as_str).map(|term| format!("{name} {term}")));
            }
            Value::Bool(wanted) => {
                noted.insert(format!("{name} {wanted}"));
            }
            other => {
                noted.insert(format!("{name} {}", kind(other)));
            }
        }
    }
}

fn kind(value: &Value) -> String {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    kind.to_owned()
}

#[test]
fn every_operator_has_an_event_that_matches_and_one_that_does_not() {
    let mut taught = BTreeSet::new();
    for example in Examples::read().rules {
        let both =
            [true, false].map(|wanted| example.outcomes.iter().any(|outcome| outcome.matches == wanted));
        if both == [true, true] {
            note_pattern(&serde_json::from_str(&example.rule).unwrap(), &mut taught);
        }
    }
    let missing: Vec<_> = constructs().difference(&taught).cloned().collect();
    assert!(missing.is_empty(), "docs/message_schema.md has no example of {missing:?}");
}

#[test]
fn every_limit_is_told_with_its_message() {
    let many = |count: usize, part: fn(usize) -> String| (0..count).map(part).collect::<Vec<_>>().join(",");
    let beyond_limits = [
        format!(r#"{{"a": "{}"}}"#, "x".repeat(65_536 - 8)),
        format!("{{{}}}", many(257, |field| format!(r#""f{field}": 1"#))),
        format!("{}1{}", r#"{"a":"#.repeat(33), "}".repeat(33)),
        format!(r#"{{"a": [{}]}}"#, many(1_001, |value| value.to_string())),
        format!(r#"{{"$or": [{}]}}"#, many(1_001, |branch| format!(r#"{{"a": {branch}}}"#))),
    ];
    for rule in beyond_limits {
        let errors = Pattern::parse(&rule).unwrap_err();
        for error in errors.errors() {
            assert!(DOCUMENT.contains(&format!("`{}`", error.detail)), "{}", error.detail);
        }
    }
}

#[test]
fn the_document_is_full_of_examples() {
    let examples = Examples::read();
    let outcomes = examples.rules.iter().flat_map(|example| &example.outcomes);
    let sentences = outcomes.clone().filter(|outcome| !outcome.sentence.is_empty()).count();
    let found = [
        ("rules", examples.rules.len(), 50),
        ("events", outcomes.count(), 150),
        ("sentences", sentences, 20),
        ("refused rules", examples.refused_rules.len(), 8),
        ("whole events", examples.events.len(), 2),
        ("messages", examples.messages.len(), 6),
        ("commands", examples.commands.len(), 4),
    ];
    for (what, count, at_least) in found {
        println!("{count} {what}");
        assert!(count >= at_least, "{count} {what} were found; there should be {at_least} or more");
    }
}
