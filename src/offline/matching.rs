//! `match`: a stream of events against a file of rules.
//!
//! Each line of input gives one line of output: `{"event": 0, "matched": ["name", …]}`, the names in the order of the
//! rules, or `{"event": 0, "error": "…"}` for a line that is no JSON object. Blank lines are none, as in a body of NDJSON.

use super::lines::Lines;
use super::stats::Timing;
use super::{MAX_EVENT_DEPTH, NamedRules, OfflineError};
use crate::event::{Document, Parser, Place};
use crate::rules::{CompiledRules, Explanation, Scratch, explain};
use serde::Serialize;
use std::io::Write;
use std::path::Path;

/// What to tell beside the matches.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Reporting {
    /// Say of each rule why it does or does not match each event
    #[arg(long)]
    explain: bool,
    /// Print to standard error how large the rules are and how fast they match
    #[arg(long)]
    stats: bool,
}

/// A line of output.
#[derive(Serialize)]
struct Outcome<'a> {
    /// The number of the event, from 0.
    event: u64,
    #[serde(flatten)]
    verdict: Verdict<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Verdict<'a> {
    Matched {
        matched: Vec<&'a str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        explained: Vec<Explained<'a>>,
    },
    Refused {
        error: String,
    },
}

#[derive(Serialize)]
struct Explained<'a> {
    name: &'a str,
    #[serde(flatten)]
    explanation: Explanation,
}

/// Rules, ready, and what matching them needs.
struct Matching<'r> {
    rules: &'r NamedRules,
    compiled: CompiledRules,
    parser: Parser,
    scratch: Scratch,
    explain: bool,
}

/// Matches the events of `events` (`-` is standard input) and writes the outcomes to `out`, figures to `figures`.
pub fn run(
    rules: &Path,
    events: &Path,
    reporting: Reporting,
    mut out: impl Write,
    figures: impl Write,
) -> Result<(), OfflineError> {
    let stdin = Path::new("-");
    if rules == stdin && events == stdin {
        return Err(OfflineError::OneInput);
    }
    let rules = NamedRules::read(rules)?;
    let mut lines = Lines::open(events)?;
    let (mut timing, compiled) = Timing::compiling(|| rules.rule_set().compile());
    let mut matching = Matching {
        rules: &rules,
        compiled,
        parser: Parser::new(MAX_EVENT_DEPTH),
        scratch: Scratch::default(),
        explain: reporting.explain,
    };
    let mut line = Vec::new();
    let mut number = 0;
    while let Some(line_number) = lines.read_into(&mut line)? {
        if reporting.stats {
            timing.take(&line, &matching.compiled);
        }
        let outcome = Outcome { event: number, verdict: matching.verdict(&line, line_number) };
        write_line(&mut out, &outcome)?;
        number += 1;
    }
    out.flush().map_err(OfflineError::Unwritable)?;
    if reporting.stats { timing.write(&matching.compiled, figures) } else { Ok(()) }
}

/// Writes a value as a line of JSON.
pub(super) fn write_line(out: &mut impl Write, value: &impl Serialize) -> Result<(), OfflineError> {
    let written = serde_json::to_writer(&mut *out, value).map_err(std::io::Error::from);
    written.and_then(|()| out.write_all(b"\n")).map_err(OfflineError::Unwritable)
}

impl<'r> Matching<'r> {
    fn verdict(&mut self, line: &[u8], line_number: usize) -> Verdict<'r> {
        let Self { rules, compiled, parser, scratch, explain } = self;
        let parsed = parser.parse(line, |document| {
            if !document.is_object() {
                return Verdict::Refused { error: NO_OBJECT.to_owned() };
            }
            let matched = compiled.matches(&document, scratch);
            Verdict::Matched {
                matched: matched.iter().map(|rule| rules.names[rule.0 as usize].as_str()).collect(),
                explained: if *explain { explanations(rules, &document) } else { Vec::new() },
            }
        });
        let start = Place { line: line_number, column: 1 };
        parsed.unwrap_or_else(|error| Verdict::Refused { error: error.from(start).to_string() })
    }
}

/// What is said of an event that is valid JSON, but not an object.
pub(super) const NO_OBJECT: &str = "an event is a JSON object";

fn explanations<'r>(rules: &'r NamedRules, document: &Document<'_>) -> Vec<Explained<'r>> {
    let named = rules.names.iter().zip(&rules.patterns);
    named.map(|(name, pattern)| Explained { name, explanation: explain(pattern, document) }).collect()
}
