//! Why an event does or does not match a rule.
//!
//! Every part of the rule is compiled and matched as a rule of its own, so that what is explained is what the worker
//! decides, and no second evaluator can disagree with it.

mod sentence;

use super::index::{RuleSet, Scratch};
use super::pattern::{Condition, Field, Pattern};
use super::predicate::Alternatives;
use crate::event::Document;
use serde::Serialize;
use simd_json::Node;

/// How many values of a field are kept: a rule may ask for a field a thousand times, and an event may hold ten thousand
/// values of it.
const SEEN: usize = 10;
/// How many characters of a text are kept.
const LONGEST: usize = 200;

/// The tree of a rule, with what was found for each part.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    matches: bool,
    sentence: String,
    rule: Part,
}

impl Explanation {
    /// Whether the event matches the rule.
    #[must_use]
    pub fn matches(&self) -> bool {
        self.matches
    }

    /// The tree.
    #[must_use]
    pub fn rule(&self) -> &impl Serialize {
        &self.rule
    }

    /// What decided, in a sentence: the field, what was seen, and what the rule wants.
    #[must_use]
    pub fn sentence(&self) -> &str {
        &self.sentence
    }
}

/// Says why `document` does or does not match `pattern`.
#[must_use]
pub fn explain(pattern: &Pattern, document: &Document<'_>) -> Explanation {
    let mut examiner = Examiner { document, scratch: Scratch::default() };
    let rule = examiner.part(pattern.root());
    let sentence = sentence::of(&rule, &mut examiner);
    Explanation { matches: rule.satisfied, sentence, rule }
}

/// A part of a rule and how it fares on its own.
#[derive(Clone, Debug, Serialize)]
struct Part {
    satisfied: bool,
    #[serde(flatten)]
    what: What,
    #[serde(skip)]
    condition: Condition,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum What {
    /// The parts of a pattern object: all must hold.
    All(Vec<Part>),
    /// The branches of `$or`: one must hold.
    Any(Vec<Part>),
    /// A branch of `$and`.
    Apart(Box<Part>),
    /// The inside of `$not`: it must not hold.
    Not(Box<Part>),
    Field {
        path: String,
        wanted: String,
        /// The first leaves of the event at the field; long texts are cut.
        seen: Vec<serde_json::Value>,
        /// How many more there are.
        #[serde(skip_serializing_if = "is_zero")]
        more: usize,
    },
}

/// Finds out how parts of a rule fare with one event.
struct Examiner<'d> {
    document: &'d Document<'d>,
    scratch: Scratch,
}

impl Examiner<'_> {
    /// Whether the event satisfies a part of a rule on its own.
    fn satisfies(&mut self, condition: &Condition) -> bool {
        let rules = RuleSet::from_iter([Pattern::of(condition.clone())]).compile();
        !rules.matches(self.document, &mut self.scratch).is_empty()
    }

    /// What stands at a path that has no leaf: an object, or an array without values.
    fn container_at(&self, path: &str) -> Option<&'static str> {
        container_at(*self.document, path)
    }

    fn part(&mut self, condition: &Condition) -> Part {
        let what = match condition {
            Condition::All(parts) => What::All(parts.iter().map(|part| self.part(part)).collect()),
            Condition::Any(branches) => What::Any(branches.iter().map(|branch| self.part(branch)).collect()),
            Condition::Apart(pattern) => What::Apart(Box::new(self.part(pattern))),
            Condition::Not(pattern) => What::Not(Box::new(self.part(pattern))),
            Condition::Field(field) => self.field(field),
        };
        Part { satisfied: self.satisfies(condition), what, condition: condition.clone() }
    }

    fn field(&mut self, field: &Field) -> What {
        let rules = RuleSet::from_iter([Pattern::of(Condition::Field(field.clone()))]).compile();
        let seen = rules.values_seen(self.document, &mut self.scratch);
        What::Field {
            path: field.path.as_str().to_owned(),
            wanted: Alternatives(&field.wanted).to_string(),
            more: seen.len().saturating_sub(SEEN),
            seen: seen.into_iter().take(SEEN).map(|value| shortened(value.into())).collect(),
        }
    }
}

fn shortened(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::String(text) => match text.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", &text[..end]).into(),
            None => text.into(),
        },
        other => other,
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

fn container_at(document: Document<'_>, path: &str) -> Option<&'static str> {
    if path.is_empty() {
        return match document.nodes().first()? {
            Node::Object { .. } => Some("an object, not a value"),
            Node::Array { .. } => {
                document.elements().find_map(|element| container_at(element, "")).or(Some("an empty array"))
            }
            Node::String(_) | Node::Static(_) => None,
        };
    }
    let below = document.entries().find_map(|(key, value)| match path.strip_prefix(key)? {
        "" => container_at(value, ""),
        rest => container_at(value, rest.strip_prefix('.')?),
    });
    below.or_else(|| document.elements().find_map(|element| container_at(element, path)))
}
