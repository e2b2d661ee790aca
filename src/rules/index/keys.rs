//! Keys: the literals and predicates under which rules are found, and which of them hold for an event.

use super::budget::Budget;
use super::leaves::Leaves;
use super::literals::LiteralId;
use super::program::{Check, PredicateId, Program, Span, sort_and_dedup};
use super::watch::{Texts, Watch};
use crate::rules::predicate::Predicate;
use crate::rules::value::Value;
use simd_json::Node;
use std::ops::Range;

/// A literal or a predicate under which rules can be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(u32);

const PREDICATE: u32 = 1 << 31;

impl Key {
    pub(super) fn literal(literal: LiteralId) -> Self {
        Self(literal.number())
    }

    /// A predicate, if rules can be found under it: those that hold for a text are known without trying each.
    pub(super) fn predicate(program: &Program, id: PredicateId) -> Option<Self> {
        let Check::Holds(predicate) = program.check(id) else { return None };
        let can_be_found = match predicate {
            Predicate::Exact(_) | Predicate::Range(_) | Predicate::AnythingBut(_) | Predicate::Absent => {
                false
            }
            Predicate::Wildcard(wildcard) => super::grams::has_gram(wildcard),
            Predicate::Prefix(_)
            | Predicate::Suffix(_)
            | Predicate::EqualsIgnoreCase(_)
            | Predicate::PrefixIgnoreCase(_)
            | Predicate::SuffixIgnoreCase(_)
            | Predicate::Network(_)
            | Predicate::Exists => true,
        };
        can_be_found.then_some(Self::found(id))
    }

    /// A predicate that can be found.
    pub(super) fn found(id: PredicateId) -> Self {
        Self(id.0 | PREDICATE)
    }

    pub(super) fn bits(self) -> u32 {
        self.0
    }

    pub(super) fn as_predicate(self) -> Option<PredicateId> {
        (self.0 & PREDICATE != 0).then_some(PredicateId(self.0 & !PREDICATE))
    }
}

/// The keys that hold for one event, path by path, found when they are first asked for.
#[derive(Debug, Default)]
pub(super) struct Keys {
    holding: Vec<Key>,
    /// By watch.
    found: Vec<Option<Span>>,
    texts: Texts,
}

impl Keys {
    /// Makes ready for an event, and for rules with so many watches.
    pub(super) fn begin(&mut self, watches: usize) {
        self.holding.clear();
        self.found.clear();
        self.found.resize(watches, None);
    }

    /// The keys that hold at the path of a watch, as places for [`Keys::get`].
    pub(super) fn holding(
        &mut self,
        number: u32,
        watches: &[Watch],
        program: &Program,
        leaves: &Leaves,
        nodes: &[Node<'_>],
        budget: &mut Budget,
    ) -> Range<usize> {
        if let Some(found) = self.found[number as usize] {
            return found.range();
        }
        let watch = &watches[number as usize];
        let start = self.holding.len();
        for leaf in leaves.at(watch.path) {
            if leaf.literal != LiteralId::UNKNOWN {
                self.holding.push(Key::literal(leaf.literal));
            }
            self.holding.extend(watch.exists.map(Key::found));
            if let Some(Value::String(text)) = Value::of(&nodes[leaf.node as usize]) {
                let keys = &mut self.holding;
                let steps = watch.find(program, text, &mut self.texts, |id| keys.push(Key::found(id)));
                budget.take(steps);
            }
        }
        if leaves.count(watch.path) > 1 {
            sort_and_dedup(&mut self.holding, start);
        } else {
            self.holding[start..].sort_unstable();
        }
        let found = Span::since(&self.holding, start);
        self.found[number as usize] = Some(found);
        found.range()
    }

    pub(super) fn get(&self, at: usize) -> Key {
        self.holding[at]
    }

    /// Whether a key is one of those that hold at a path.
    pub(super) fn among(&self, holding: Range<usize>, key: Key) -> bool {
        self.holding[holding].binary_search(&key).is_ok()
    }
}
