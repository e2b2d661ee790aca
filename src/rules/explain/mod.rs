//! Why an event does or does not match a rule.
//!
//! Every part of the rule is compiled and matched as a rule of its own, so that what is explained is what the worker
//! decides, and no second evaluator can disagree with it. All parts together may take as many steps as an event may; of a
//! part that takes more it is not known whether the event satisfies it.

mod sentence;

use super::index::{CompiledRules, EVENT_STEPS, RuleOrdinal, RuleSet, Scratch};
use super::pattern::{Condition, Field, Pattern};
use super::predicate::Alternatives;
use crate::event::Document;
use serde::Serialize;
use simd_json::Node;
use std::collections::HashSet;

/// How many values of a field are kept: a rule may ask for a field a thousand times, and an event may hold ten thousand
/// values of it.
const SEEN: usize = 10;
/// How many characters of a text are kept.
const LONGEST: usize = 200;

/// The tree of a rule, with what was found for each part.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    matches: Option<bool>,
    sentence: String,
    rule: Part,
    #[serde(skip)]
    steps: u64,
}

impl Explanation {
    /// Whether the event is known to match the rule.
    #[must_use]
    pub fn matches(&self) -> bool {
        self.matches == Some(true)
    }

    /// Whether the event matches the rule; `None` if that takes more steps than a rule may.
    #[must_use]
    pub fn verdict(&self) -> Option<bool> {
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

    /// How many steps the explanation took.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }
}

/// Says why `document` does or does not match `pattern`.
#[must_use]
pub fn explain(pattern: &Pattern, document: &Document<'_>) -> Explanation {
    let mut examiner = Examiner::new(pattern, document);
    let matches = examiner.verdict(pattern.root());
    let rule = Part { satisfied: matches, ..examiner.part(pattern.root()) };
    let sentence = sentence::of(&rule, &mut examiner);
    Explanation { matches, sentence, rule, steps: examiner.steps }
}

/// A part of a rule and how it fares on its own.
#[derive(Clone, Debug, Serialize)]
struct Part {
    /// `None` if to find out takes too many steps.
    satisfied: Option<bool>,
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

/// What a condition costs to compile, in steps.
const COMPILING: u64 = 100;

/// Finds out how parts of a rule fare with one event.
struct Examiner<'d> {
    document: &'d Document<'d>,
    /// All parts, in the order in which the tree is walked, each as a rule of its own.
    parts: CompiledRules,
    satisfied: HashSet<RuleOrdinal>,
    unknown: HashSet<RuleOrdinal>,
    next: u32,
    /// What the event holds at the fields of the parts.
    found: Scratch,
    scratch: Scratch,
    steps: u64,
}

impl<'d> Examiner<'d> {
    /// Holds every part of a rule against the event. All of them share what an event may take.
    fn new(pattern: &Pattern, document: &'d Document<'d>) -> Self {
        let mut conditions = Vec::new();
        list(pattern.root(), &mut conditions);
        let parts: RuleSet = conditions.into_iter().cloned().map(Pattern::of).collect();
        let (parts, mut found) = (parts.compile(), Scratch::default());
        let satisfied = parts.matches(document, &mut found).iter().copied().collect();
        let unknown = found.set_aside().iter().copied().collect();
        let steps = found.steps();
        Self { document, parts, satisfied, unknown, next: 0, found, scratch: Scratch::default(), steps }
    }

    /// Whether the event satisfies a condition on its own, as a worker finds out.
    fn verdict(&mut self, condition: &Condition) -> Option<bool> {
        let rules = RuleSet::from_iter([Pattern::of(condition.clone())]).compile();
        let matches = !rules.matches(self.document, &mut self.scratch).is_empty();
        self.steps += self.scratch.steps();
        self.scratch.set_aside().is_empty().then_some(matches)
    }

    /// Whether the event satisfies these conditions together; `None` also where too much was asked already.
    fn satisfies_all(&mut self, conditions: &[Condition]) -> Option<bool> {
        self.steps += COMPILING * conditions.len() as u64;
        if self.steps > 2 * EVENT_STEPS {
            return None;
        }
        self.verdict(&Condition::All(conditions.to_vec()))
    }

    /// What stands at a path that has no leaf: an object, or an array without values.
    fn container_at(&self, path: &str) -> Option<&'static str> {
        container_at(*self.document, path)
    }

    fn part(&mut self, condition: &Condition) -> Part {
        let ordinal = RuleOrdinal(self.next);
        self.next += 1;
        let satisfied = (!self.unknown.contains(&ordinal)).then(|| self.satisfied.contains(&ordinal));
        let what = match condition {
            Condition::All(parts) => What::All(parts.iter().map(|part| self.part(part)).collect()),
            Condition::Any(branches) => What::Any(branches.iter().map(|branch| self.part(branch)).collect()),
            Condition::Apart(pattern) => What::Apart(Box::new(self.part(pattern))),
            Condition::Not(pattern) => What::Not(Box::new(self.part(pattern))),
            Condition::Field(field) => self.field(field),
        };
        Part { satisfied, what, condition: condition.clone() }
    }

    fn field(&self, field: &Field) -> What {
        let (seen, count) = self.parts.values_at(&field.path, self.document, &self.found, SEEN);
        What::Field {
            path: field.path.as_str().to_owned(),
            wanted: Alternatives(&field.wanted).to_string(),
            more: count - seen.len(),
            seen: seen.into_iter().map(|value| shortened(value.into())).collect(),
        }
    }
}

/// Lists a condition and all conditions in it, in the order in which [`Examiner::part`] walks them.
fn list<'p>(condition: &'p Condition, conditions: &mut Vec<&'p Condition>) {
    conditions.push(condition);
    match condition {
        Condition::All(parts) | Condition::Any(parts) => parts.iter().for_each(|part| list(part, conditions)),
        Condition::Apart(pattern) | Condition::Not(pattern) => list(pattern, conditions),
        Condition::Field(_) => {}
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
