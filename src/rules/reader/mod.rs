//! JSON text → a checked pattern, or everything that is wrong with it.
//!
//! The reader never stops at the first error: it notes it with its place and goes on, so that one look mends a rule.
//! What it returns beside errors is not used.
//!
//! - [`fields`]: pattern objects, their fields, and `$or`, `$and`, `$not`
//! - [`operators`]: the entries of a field's list
//! - [`pointer`]: where in the rule the reader is

mod pointer;
mod fields;
mod operators;

use super::error::{RuleError, RuleErrors};
use super::pattern::{Condition, Path};
use super::predicate::Predicate;
use crate::event::{Document, Parser};

pub(super) use operators::meant;
pub(super) use pointer::Pointer;
use simd_json::Node;
use std::collections::HashMap;
use std::fmt::Display;

/// The longest rule, in bytes of JSON text.
pub(super) const MAX_BYTES: usize = 64 * 1024;
/// The most different fields that a rule may name.
pub(super) const MAX_FIELDS: usize = 256;
/// The deepest that pattern objects may be nested, the outermost included.
pub(super) const MAX_DEPTH: usize = 32;
/// The most values that a field may list, those inside an `anything-but` included.
pub(super) const MAX_VALUES: usize = 1_000;
/// The most ways in which the `$or`s of a pattern may be combined: branches beside one another add up, `$or`s that must
/// hold together multiply. (The limit of the language's home, too.)
pub(super) const MAX_COMBINATIONS: usize = 1_000;

/// Deeper JSON is not looked into at all. Beyond any depth that a rule within [`MAX_DEPTH`] can reach.
pub(super) const MAX_JSON_DEPTH: usize = 4 * MAX_DEPTH;

/// Reads and checks a rule.
pub(super) fn read(text: &str) -> Result<Condition, RuleErrors> {
    let refused = |detail: String| RuleErrors::new(vec![RuleError { pointer: String::new(), detail }]);
    if text.len() > MAX_BYTES {
        return Err(refused(format!(
            "the rule is {} bytes long; at most {MAX_BYTES} are allowed",
            text.len()
        )));
    }
    let mut reader = Reader::default();
    let root = Parser::new(MAX_JSON_DEPTH)
        .parse(text.as_bytes(), |document| reader.root(document))
        .map_err(|error| refused(format!("the rule is {error}")))?;
    if reader.errors.is_empty() { Ok(root) } else { Err(RuleErrors::new(reader.errors)) }
}

/// What an entry of a field's list asks for; nothing if it is refused.
pub(super) fn wanted(entry: Document<'_>) -> Option<Predicate> {
    Reader::default().predicate(entry)
}

/// Whether this is the name of an operator.
pub(super) fn is_operator(key: &str) -> bool {
    operators::OPERATORS.contains(&key)
}

/// Whether an operator takes this operand.
pub(super) fn is_operand(operator: &str, operand: Document<'_>) -> bool {
    let mut reader = Reader::default();
    reader.operator(operator, operand).is_some() && reader.errors.is_empty()
}

/// The state of reading one rule.
#[derive(Default)]
struct Reader {
    pointer: Pointer,
    errors: Vec<RuleError>,
    /// The different paths named so far, each once: a path may be as long as the rule, and be named in all of its branches.
    paths: HashMap<String, Path>,
}

impl Reader {
    /// Notes an error at the current place.
    fn refuse(&mut self, detail: impl Display) {
        self.errors.push(RuleError { pointer: self.pointer.to_string(), detail: detail.to_string() });
    }

    /// Reads a part of the rule, one step further down.
    fn at<R>(&mut self, step: impl Display, read: impl FnOnce(&mut Self) -> R) -> R {
        let above = self.pointer.push(step);
        let result = read(self);
        self.pointer.return_to(above);
        result
    }
}

/// A value as an error message names it.
fn shown(value: Document<'_>) -> String {
    const LONGEST: usize = 60;
    match value.nodes().first() {
        Some(Node::Object { len: 0, .. }) => "an empty object".to_owned(),
        Some(Node::Object { .. }) => "an object".to_owned(),
        Some(Node::Array { len: 0, .. }) => "an empty list".to_owned(),
        Some(Node::Array { .. }) => "a list".to_owned(),
        Some(Node::String(text)) if text.chars().nth(LONGEST).is_some() => {
            format!("{:?}…", text.chars().take(LONGEST).collect::<String>())
        }
        Some(leaf) => super::value::Value::of(leaf).map(|value| value.to_string()).unwrap_or_default(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests;
