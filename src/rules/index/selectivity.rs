//! Which fields rules can be found under, and how few events satisfy them.
//!
//! What the rules say is all that is known of the events to come. So the values that rules name at a path are taken to be
//! equally frequent, as frequent as all the others together; and so are the stretches between the bounds of ranges.

use super::keys::Key;
use super::paths::PathId;
use super::program::{Check, Program, Test};
use super::vocabulary::Vocabulary;
use crate::rules::number::Number;
use crate::rules::predicate::{Predicate, Range};
use std::collections::BTreeSet;
use std::ops::Bound;

/// The share of events that are taken to have a field at all.
const PRESENT: f64 = 0.5;

/// By test: the share of events that are taken to satisfy it.
pub(super) fn shares(program: &Program, vocabulary: &Vocabulary, paths: usize) -> Vec<f64> {
    let mut keys = vec![BTreeSet::new(); paths];
    for test in &program.tests {
        if let Some(Means::Keys(found)) = means(program, test) {
            keys[test.path.index()].extend(found);
        }
    }
    let keys = keys.iter().map(BTreeSet::len).collect();
    let frequencies = Frequencies { program, vocabulary, keys };
    program.tests.iter().map(|test| frequencies.share(test)).collect()
}

/// What is known of the frequency of values at each path.
struct Frequencies<'p> {
    program: &'p Program,
    vocabulary: &'p Vocabulary,
    /// By path: how many different keys there are.
    keys: Vec<usize>,
}

/// What a field can be found under: a leaf that satisfies the field satisfies one of these, and the other way round.
pub(super) enum Means {
    Keys(Vec<Key>),
    Ranges(Vec<Range>),
}

impl Frequencies<'_> {
    fn share(&self, test: &Test) -> f64 {
        let shares: f64 = match means(self.program, test) {
            Some(Means::Keys(keys)) => keys.iter().map(|key| self.share_of_key(test.path, *key)).sum(),
            Some(Means::Ranges(ranges)) => {
                ranges.iter().map(|range| self.share_of_range(test.path, range)).sum()
            }
            None => 1.0,
        };
        shares.min(1.0)
    }

    fn share_of_key(&self, path: PathId, key: Key) -> f64 {
        match key.as_predicate().map(|id| self.program.check(id)) {
            Some(Check::Holds(Predicate::Exists)) => PRESENT,
            _ => 1.0 / count(self.keys[path.index()] + 1),
        }
    }

    fn share_of_range(&self, path: PathId, range: &Range) -> f64 {
        let bounds = self.vocabulary.bounds(path);
        let place = |bound: Bound<Number>, unbounded| match bound {
            Bound::Included(number) | Bound::Excluded(number) => {
                bounds.partition_point(|known| *known < number) + 1
            }
            Bound::Unbounded => unbounded,
        };
        // With n bounds there are n + 1 stretches; one bound stands between the stretches of its place and the one before.
        let stretches = place(range.upper, bounds.len() + 1) - place(range.lower, 0);
        count(stretches.max(1)) / count(bounds.len() + 1)
    }
}

/// What a field can be found under, if leaves that satisfy it can be told without trying each of its predicates.
pub(super) fn means(program: &Program, test: &Test) -> Option<Means> {
    let literals = test.literals.of(&program.literals);
    let predicates = test.predicates.of(&program.predicates);
    if test.absent {
        return None;
    }
    let ranges = predicates.iter().map(|id| match program.check(*id) {
        Check::Holds(Predicate::Range(range)) => Some(*range),
        _ => None,
    });
    if literals.is_empty()
        && let Some(ranges) = ranges.collect::<Option<_>>()
    {
        return Some(Means::Ranges(ranges));
    }
    let keys = predicates.iter().map(|id| Key::predicate(program, *id));
    let literals = literals.iter().map(|literal| Some(Key::literal(*literal)));
    literals.chain(keys).collect::<Option<_>>().map(Means::Keys)
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn count(things: usize) -> f64 {
    things as f64
}
