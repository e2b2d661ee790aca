//! The naive reference: the language written down as plainly as possible, however slow.
//!
//! Everything else that decides about matches is held against this module by property tests. [The rules](super) say
//! what elements and absence are.

use super::pattern::{Condition, Field, Pattern};
use super::value::Value;
use crate::event::Document;
use simd_json::Node;
use std::cell::Cell;
use std::collections::BTreeMap;

/// The most steps of one evaluation. What is naive can take exponential time; then there is no answer.
const MAX_STEPS: u64 = 2_000_000;

/// Whether a document matches a pattern; `None` if to find out takes too long.
#[must_use]
pub fn matches(pattern: &Pattern, document: &Document<'_>) -> Option<bool> {
    let mut leaves = Leaves::new();
    collect_entries(&[Thing::Value(*document)], None, &Position::new(), &mut leaves);
    Search { leaves, steps: Cell::new(0) }.holds(pattern.root())
}

/// The leaves of a document, and how many steps were taken.
struct Search<'a> {
    leaves: Leaves<'a>,
    steps: Cell<u64>,
}

/// The leaves of a document by path, each with its position.
type Leaves<'a> = BTreeMap<String, Vec<(Value<'a>, Position)>>;

/// In which elements a leaf is: for the path of each array around it, the number of the element; where that element is
/// an array itself, the number of the element in it, and so on.
type Position = BTreeMap<String, Vec<usize>>;

/// What stands at a path.
#[derive(Clone, Copy)]
enum Thing<'a> {
    Value(Document<'a>),
    /// What `"a.b": 1` is at `a`: an object with the entry `"b": 1`.
    Entry(&'a str, Document<'a>),
}

impl<'a> Thing<'a> {
    fn leaf(self) -> Option<Value<'a>> {
        match self {
            Self::Value(document) => document.nodes().first().and_then(Value::of),
            Self::Entry(..) => None,
        }
    }

    fn is_array(self) -> bool {
        matches!(self, Self::Value(document) if matches!(document.nodes().first(), Some(Node::Array { .. })))
    }

    fn elements(self) -> Vec<Thing<'a>> {
        match self {
            Self::Value(document) => document.elements().map(Thing::Value).collect(),
            Self::Entry(..) => Vec::new(),
        }
    }

    fn entries(self) -> Vec<(&'a str, Document<'a>)> {
        match self {
            Self::Value(document) => document.entries().collect(),
            Self::Entry(key, value) => vec![(key, value)],
        }
    }
}

/// Collects the leaves in objects that stand at one path, in the same elements.
fn collect_entries<'a>(
    objects: &[Thing<'a>],
    path: Option<&str>,
    position: &Position,
    leaves: &mut Leaves<'a>,
) {
    let mut by_step: BTreeMap<&str, Vec<Thing<'a>>> = BTreeMap::new();
    for (key, value) in objects.iter().flat_map(|object| object.entries()) {
        let (step, thing) = match key.split_once('.') {
            Some((step, rest)) => (step, Thing::Entry(rest, value)),
            None => (key, Thing::Value(value)),
        };
        by_step.entry(step).or_default().push(thing);
    }
    for (step, things) in by_step {
        let path = path.map_or_else(|| step.to_owned(), |path| format!("{path}.{step}"));
        collect(&things, &path, position, leaves);
    }
}

/// Collects the leaves in all that stands at one path, in the same elements.
fn collect<'a>(things: &[Thing<'a>], path: &str, position: &Position, leaves: &mut Leaves<'a>) {
    let flattened =
        things.iter().flat_map(|thing| if thing.is_array() { thing.elements() } else { vec![*thing] });
    let flattened: Vec<_> = flattened.collect();
    if things.iter().flat_map(|thing| thing.elements()).all(|element| element.leaf().is_some()) {
        add_leaves(&flattened, path, position, leaves);
        return collect_entries(&flattened, Some(path), position, leaves);
    }
    // Where a key is given several times, all its values are elements of the one array.
    collect_elements(&flattened, path, position, leaves);
}

/// Collects the leaves in the elements of an array.
fn collect_elements<'a>(elements: &[Thing<'a>], path: &str, position: &Position, leaves: &mut Leaves<'a>) {
    add_leaves(elements, path, position, leaves);
    for (number, element) in elements.iter().enumerate() {
        let mut position = position.clone();
        position.entry(path.to_owned()).or_default().push(number);
        if element.is_array() {
            collect_elements(&element.elements(), path, &position, leaves);
        } else {
            collect_entries(&[*element], Some(path), &position, leaves);
        }
    }
}

fn add_leaves<'a>(things: &[Thing<'a>], path: &str, position: &Position, leaves: &mut Leaves<'a>) {
    for leaf in things.iter().filter_map(|thing| thing.leaf()) {
        leaves.entry(path.to_owned()).or_default().push((leaf, position.clone()));
    }
}

impl Search<'_> {
    /// Counts a step; `None` after the last one.
    fn step(&self) -> Option<()> {
        self.steps.set(self.steps.get() + 1);
        (self.steps.get() <= MAX_STEPS).then_some(())
    }

    fn leaves_of(&self, field: &Field) -> &[(Value<'_>, Position)] {
        self.leaves.get(field.path.as_str()).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether a pattern of its own matches: one of the combinations of its `$or`s does.
    fn holds(&self, pattern: &Condition) -> Option<bool> {
        for combination in combinations(pattern) {
            if self.combination_holds(&combination)? {
                return Some(true);
            }
        }
        Some(false)
    }

    fn combination_holds(&self, combination: &[&Condition]) -> Option<bool> {
        let mut fields = Vec::new();
        for condition in combination {
            let holds = match condition {
                Condition::Apart(pattern) => self.holds(pattern)?,
                Condition::Not(pattern) => !self.holds(pattern)?,
                Condition::Field(field) => {
                    fields.push(field);
                    true
                }
                Condition::All(_) | Condition::Any(_) => unreachable!("combinations are flat"),
            };
            if !holds {
                return Some(false);
            }
        }
        self.consistent(&fields, &Position::new(), &[])
    }

    /// Whether each field can be satisfied by a leaf, or be absent, all in the same elements. `bound` are the elements
    /// that the fields before have chosen by their leaves, `absent` the fields that rely on their absence from these.
    fn consistent(&self, fields: &[&Field], bound: &Position, absent: &[&Field]) -> Option<bool> {
        self.step()?;
        let Some((field, rest)) = fields.split_first() else {
            let is_absent = |field: &&Field| {
                !self.leaves_of(field).iter().any(|(_, position)| compatible(position, bound))
            };
            return Some(absent.iter().all(is_absent));
        };
        for (value, position) in self.leaves_of(field) {
            self.step()?;
            if compatible(position, bound)
                && field.wanted.iter().any(|predicate| predicate.holds(*value))
                && self.consistent(rest, &joined(position, bound), absent)?
            {
                return Some(true);
            }
        }
        if field.allows_absence() {
            return self.consistent(rest, bound, &[absent, &[field]].concat());
        }
        Some(false)
    }
}

/// The disjunctive normal form: lists of fields and of patterns of their own.
fn combinations(condition: &Condition) -> Vec<Vec<&Condition>> {
    match condition {
        Condition::All(parts) => parts.iter().fold(vec![Vec::new()], |so_far, part| {
            let with = combinations(part);
            so_far
                .iter()
                .flat_map(|before| with.iter().map(move |after| [&**before, after].concat()))
                .collect()
        }),
        Condition::Any(branches) => branches.iter().flat_map(combinations).collect(),
        flat => vec![vec![flat]],
    }
}

/// Whether two positions are never in different elements of the same array.
fn compatible(one: &Position, other: &Position) -> bool {
    one.iter().all(|(path, elements)| {
        other
            .get(path)
            .is_none_or(|others| elements.iter().zip(others).all(|(element, other)| element == other))
    })
}

/// Two compatible positions together.
fn joined(one: &Position, other: &Position) -> Position {
    let mut joined = one.clone();
    for (path, elements) in other {
        let known = joined.entry(path.clone()).or_default();
        if elements.len() > known.len() {
            known.clone_from(elements);
        }
    }
    joined
}
