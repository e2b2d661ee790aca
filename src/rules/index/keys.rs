//! Keys: the literals and predicates under which rules are found, and which of them hold for an event.

use super::affixes::Prefixes;
use super::leaves::Leaves;
use super::literals::LiteralId;
use super::paths::PathId;
use super::program::{PredicateId, Program, Span};
use super::ranges::Ranges;
use crate::rules::predicate::Predicate;
use crate::rules::value::Value;
use simd_json::Node;

/// A literal or a predicate under which rules can be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(u32);

const PREDICATE: u32 = 1 << 31;

impl Key {
    pub(super) fn literal(literal: LiteralId) -> Self {
        Self(u32::try_from(literal.index()).expect("literals are numbered by u32"))
    }

    /// A predicate, if rules can be found under it: those that hold for a text or a number are known without trying
    /// each.
    pub(super) fn predicate(program: &Program, id: PredicateId) -> Option<Self> {
        let can_be_found =
            matches!(program.predicate(id), Predicate::Prefix(_) | Predicate::Range(_) | Predicate::Exists);
        can_be_found.then_some(Self(id.0 | PREDICATE))
    }

    pub(super) fn bits(self) -> u32 {
        self.0
    }

    pub(super) fn as_predicate(self) -> Option<PredicateId> {
        (self.0 & PREDICATE != 0).then_some(PredicateId(self.0 & !PREDICATE))
    }
}

/// A path with keys, and how those that hold are found.
#[derive(Debug)]
pub(super) struct Watch {
    path: PathId,
    exists: Option<Key>,
    prefixes: Prefixes,
    ranges: Ranges,
}

impl Watch {
    /// Watches `path` for literals, and for these predicates.
    pub(super) fn new(path: PathId, program: &Program, predicates: &[PredicateId]) -> Self {
        let mut prefixes = Vec::new();
        let mut ranges = Vec::new();
        let mut exists = None;
        for id in predicates {
            match program.predicate(*id) {
                Predicate::Prefix(text) => prefixes.push((text.as_bytes().into(), *id)),
                Predicate::Range(range) => ranges.push((*range, *id)),
                Predicate::Exists => exists = Key::predicate(program, *id),
                _ => {}
            }
        }
        Self { path, exists, prefixes: Prefixes::new(prefixes), ranges: Ranges::new(ranges) }
    }

    /// The bytes that this takes.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.prefixes.bytes() + self.ranges.bytes()
    }
}

/// The keys that hold for one event, by path.
#[derive(Debug, Default)]
pub(super) struct Keys {
    keys: Vec<Key>,
    /// By watch; the keys of each are sorted.
    spans: Vec<Span>,
}

impl Keys {
    /// Finds the keys that hold for an event.
    pub(super) fn find(&mut self, watches: &[Watch], leaves: &Leaves, nodes: &[Node<'_>]) {
        self.keys.clear();
        self.spans.clear();
        for watch in watches {
            let start = self.keys.len();
            for leaf in leaves.at(watch.path) {
                if leaf.literal != LiteralId::UNKNOWN {
                    self.keys.push(Key::literal(leaf.literal));
                }
                self.keys.extend(watch.exists);
                self.find_predicates(watch, &nodes[leaf.node as usize]);
            }
            if self.keys.len() - start > 1 {
                self.keys[start..].sort_unstable();
                self.remove_doubles(start);
            }
            self.spans.push(Span::since(&self.keys, start));
        }
    }

    fn find_predicates(&mut self, watch: &Watch, node: &Node<'_>) {
        let keys = &mut self.keys;
        let mut found = |id: PredicateId| keys.push(Key(id.0 | PREDICATE));
        match Value::of(node) {
            Some(Value::String(text)) => watch.prefixes.of(text.as_bytes()).for_each(found),
            Some(Value::Number(number)) => watch.ranges.holding(number, &mut found),
            _ => {}
        }
    }

    fn remove_doubles(&mut self, start: usize) {
        let mut kept = start;
        for at in start..self.keys.len() {
            if at == start || self.keys[at] != self.keys[kept - 1] {
                self.keys[kept] = self.keys[at];
                kept += 1;
            }
        }
        self.keys.truncate(kept);
    }

    /// The keys that hold at the path of a watch, sorted.
    pub(super) fn at(&self, watch: usize) -> &[Key] {
        self.spans[watch].of(&self.keys)
    }
}
