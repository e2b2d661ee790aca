//! Pattern objects: fields, and the keys that combine patterns.

use super::operators::{self, OPERATORS};
use super::{MAX_COMBINATIONS, MAX_DEPTH, MAX_FIELDS, Reader, shown};
use crate::event::Document;
use crate::rules::pattern::{Condition, Field, Path};
use crate::rules::review::unknown_key;
use simd_json::Node;
use std::collections::HashSet;

/// Where a pattern object stands.
#[derive(Clone, Copy)]
struct Place<'p> {
    /// The path that its fields start from; none at the root.
    prefix: Option<&'p str>,
    /// How many pattern objects enclose it, itself included.
    depth: usize,
    /// Whether it is part of a branch of `$or`.
    in_or: bool,
}

impl Place<'_> {
    fn path(&self, key: &str) -> String {
        self.prefix.map_or_else(|| key.to_owned(), |prefix| format!("{prefix}.{key}"))
    }

    fn inside(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }
}

/// The paths that one conjunction names already.
type Named = HashSet<String>;

impl Reader {
    pub(super) fn root(&mut self, document: Document<'_>) -> Condition {
        self.whole_pattern(document, Place { prefix: None, depth: 1, in_or: false })
    }

    /// A pattern that is matched on its own.
    fn whole_pattern(&mut self, document: Document<'_>, place: Place<'_>) -> Condition {
        let pattern = self.pattern(document, place, &mut Named::new());
        let combinations = combinations(&pattern);
        if combinations > MAX_COMBINATIONS {
            self.refuse(format_args!(
                "the \"$or\"s here can be combined in more than {MAX_COMBINATIONS} ways; make them smaller, or split \
                 the rule"
            ));
        }
        pattern
    }

    /// A pattern object.
    fn pattern(&mut self, document: Document<'_>, place: Place<'_>, named: &mut Named) -> Condition {
        if !document.is_object() {
            self.refuse(format_args!("a pattern is a JSON object, not {}", shown(document)));
        } else if document.entries().next().is_none() {
            self.refuse("a pattern may not be empty; name at least one field");
        } else if place.depth > MAX_DEPTH {
            self.refuse(format_args!("patterns may be nested at most {MAX_DEPTH} deep"));
            return Condition::All(Vec::new());
        }
        let mut keys = HashSet::new();
        let mut conditions = Vec::new();
        for (key, value) in document.entries() {
            self.at(key, |reader| {
                if keys.insert(key) {
                    return reader.entry(key, value, place, named, &mut conditions);
                }
                let advice = if value.is_object() || key.starts_with('$') {
                    "use \"$and\""
                } else {
                    "put its values into one list, or use \"$and\""
                };
                reader.refuse(format_args!("{key:?} is given twice in one object; {advice}"));
                // That the field is named twice has been said.
                reader.entry(key, value, place, &mut Named::new(), &mut conditions);
            });
        }
        Condition::All(conditions)
    }

    fn entry(
        &mut self,
        key: &str,
        value: Document<'_>,
        place: Place<'_>,
        named: &mut Named,
        conditions: &mut Vec<Condition>,
    ) {
        match key {
            "$or" => {
                let in_or = Place { in_or: true, ..place.inside() };
                let branches = self.branches(key, 2, value, |reader, branch| {
                    reader.pattern(branch, in_or, &mut Named::new())
                });
                conditions.push(Condition::Any(branches));
            }
            "$and" => conditions.extend(self.branches(key, 1, value, |reader, branch| {
                Condition::Apart(Box::new(reader.whole_pattern(branch, place.inside())))
            })),
            "$not" => conditions.push(Condition::Not(Box::new(self.whole_pattern(value, place.inside())))),
            field => conditions.push(self.field(field, value, place, named)),
        }
    }

    /// The patterns in the list of `$or` and `$and`.
    fn branches(
        &mut self,
        key: &str,
        at_least: usize,
        value: Document<'_>,
        read: impl Fn(&mut Self, Document<'_>) -> Condition,
    ) -> Vec<Condition> {
        let is_list = matches!(value.nodes().first(), Some(Node::Array { .. }));
        let branches: Vec<_> = value.elements().collect();
        if !is_list {
            self.refuse(format_args!("{key:?} takes a list of patterns, not {}", shown(value)));
        } else if branches.len() < at_least {
            self.refuse(format_args!(
                "{key:?} takes a list of {at_least} or more patterns; here are {}",
                branches.len()
            ));
        }
        let numbered = branches.into_iter().enumerate();
        numbered.map(|(position, branch)| self.at(position, |reader| read(reader, branch))).collect()
    }

    fn field(&mut self, key: &str, value: Document<'_>, place: Place<'_>, named: &mut Named) -> Condition {
        if place.in_or && OPERATORS.contains(&key) {
            self.refuse(format_args!(
                "{key:?} is the name of an operator and cannot be a field inside \"$or\""
            ));
        }
        let path = place.path(key);
        if key.starts_with('$') && holds_patterns(value) {
            self.refuse(unknown_key(key));
            return Condition::All(Vec::new());
        }
        match value.nodes().first() {
            Some(Node::Object { .. }) => {
                self.pattern(value, Place { prefix: Some(&path), ..place.inside() }, named)
            }
            Some(Node::Array { .. }) => self.leaf(path, value.elements(), named),
            _ if OPERATORS.contains(&key) => {
                self.refuse(operators::meant(key, value));
                Condition::All(Vec::new())
            }
            _ => self.leaf(path, std::iter::once(value), named),
        }
    }

    fn leaf<'d>(
        &mut self,
        path: String,
        values: impl Iterator<Item = Document<'d>>,
        named: &mut Named,
    ) -> Condition {
        if !self.paths.contains_key(&path) {
            self.paths.insert(path.clone(), Path::new(&path));
            if self.paths.len() == MAX_FIELDS + 1 {
                self.refuse(format_args!("a rule may name at most {MAX_FIELDS} fields"));
            }
        }
        if named.contains(&path) {
            self.refuse(format_args!(
                "the field {path:?} is named twice; put its values into one list, or use \"$and\""
            ));
        }
        let wanted = self.wanted(values);
        let field = Field { path: self.paths[&path].clone(), wanted };
        named.insert(path);
        Condition::Field(field)
    }
}

/// Whether a list holds patterns in the place of values.
fn holds_patterns(list: Document<'_>) -> bool {
    list.elements().any(|entry| entry.entries().any(|(key, _)| !OPERATORS.contains(&key)))
}

/// In how many ways the `$or`s of a pattern can be combined. Patterns matched on their own count for themselves.
fn combinations(condition: &Condition) -> usize {
    match condition {
        Condition::All(parts) => parts.iter().map(combinations).fold(1, usize::saturating_mul),
        Condition::Any(branches) => branches.iter().map(combinations).fold(0, usize::saturating_add),
        Condition::Field(_) | Condition::Apart(_) | Condition::Not(_) => 1,
    }
}
