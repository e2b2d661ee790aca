//! `match --cases`: rules and events that come in pairs, as in a conformance corpus.
//!
//! A line is `{"pattern": …, "event": …}` or `{"rules": {"name": pattern, …}, "event": …}`, patterns and events as they are,
//! or as JSON text in strings. Blank lines are none. A line gives `{"matches": …}`, `{"matched": [names, sorted]}`, `{"invalid": "…"}` for a pattern that is
//! refused, or `{"error": "…"}` for an event or a line that cannot be read.

use super::lines::{Lines, complaint, text_of};
use super::matching::{NO_OBJECT, write_line};
use super::{MAX_EVENT_DEPTH, OfflineError};
use crate::event::Parser;
use crate::rules::{Pattern, RuleSet, Scratch};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

#[derive(Deserialize)]
struct Case<'a> {
    #[serde(borrow)]
    event: &'a RawValue,
    #[serde(borrow)]
    pattern: Option<&'a RawValue>,
    #[serde(borrow)]
    rules: Option<BTreeMap<String, &'a RawValue>>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Matches(bool),
    Matched(Vec<String>),
    Invalid(String),
    Error(String),
}

/// Runs the cases of a file (`-` is standard input) and writes their outcomes to `out`.
pub fn run(cases: &Path, mut out: impl Write) -> Result<(), OfflineError> {
    let mut lines = Lines::open(cases)?;
    let (mut parser, mut scratch) = (Parser::new(MAX_EVENT_DEPTH), Scratch::default());
    let mut line = Vec::new();
    while let Some(number) = lines.read_into(&mut line)? {
        write_line(&mut out, &outcome(&line, number, &mut parser, &mut scratch))?;
    }
    out.flush().map_err(OfflineError::Unwritable)
}

fn outcome(line: &[u8], number: usize, parser: &mut Parser, scratch: &mut Scratch) -> Outcome {
    let case: Case<'_> = match serde_json::from_slice(line) {
        Ok(case) => case,
        Err(error) => {
            let (reason, column) = complaint(&error);
            return Outcome::Error(format!("{reason} at line {number} column {column}"));
        }
    };
    let event = text_of(case.event);
    match (case.pattern, case.rules) {
        (Some(pattern), None) => {
            let matched = matched(&BTreeMap::from([(String::new(), pattern)]), &event, parser, scratch);
            matched.map_or_else(|refused| refused, |names| Outcome::Matches(!names.is_empty()))
        }
        (None, Some(rules)) => {
            let matched = matched(&rules, &event, parser, scratch);
            matched.map_or_else(|refused| refused, Outcome::Matched)
        }
        _ => Outcome::Error("a case has either \"pattern\" or \"rules\"".to_owned()),
    }
}

/// The names of the rules that match, sorted.
fn matched(
    rules: &BTreeMap<String, &RawValue>,
    event: &str,
    parser: &mut Parser,
    scratch: &mut Scratch,
) -> Result<Vec<String>, Outcome> {
    let patterns = rules.values().map(|rule| Pattern::parse(&text_of(rule)));
    let patterns: RuleSet =
        patterns.collect::<Result<_, _>>().map_err(|errors| Outcome::Invalid(errors.to_string()))?;
    let compiled = patterns.compile();
    let parsed = parser.parse(event.as_bytes(), |document| {
        let matched = document.is_object().then(|| compiled.matches(&document, scratch).to_vec());
        matched.ok_or_else(|| Outcome::Error(NO_OBJECT.to_owned()))
    });
    let matched = parsed.map_err(|error| Outcome::Error(error.to_string()))??;
    let names: Vec<_> = rules.keys().collect();
    Ok(matched.into_iter().map(|rule| names[rule.0 as usize].clone()).collect())
}
