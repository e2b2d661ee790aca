//! Which of many wildcards a text may satisfy.
//!
//! Each wildcard is known by three bytes that stand in one of its pieces, its *gram*: of all its grams the one that the
//! fewest other wildcards have. A text that satisfies the wildcard has them, too. After Google Code Search's trigrams
//! (Cox, "Regular Expression Matching with a Trigram Index", 2012), with one gram in the place of all.

use super::program::{PredicateId, Span};
use super::verdicts::Epochs;
use crate::rules::wildcard::Wildcard;
use hashbrown::HashTable;
use std::collections::HashMap;

type Gram = u32;

/// Wildcards, each standing for a predicate.
#[derive(Debug, Default)]
pub(super) struct Grams {
    table: HashTable<Entry>,
    predicates: Vec<PredicateId>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    gram: Gram,
    number: u32,
    /// In [`Grams::predicates`].
    predicates: Span,
}

/// Whether a wildcard has a gram at all.
pub(super) fn has_gram(wildcard: &Wildcard) -> bool {
    grams_of(wildcard).next().is_some()
}

fn grams_of(wildcard: &Wildcard) -> impl Iterator<Item = Gram> {
    wildcard.pieces().flat_map(|piece| grams(piece.as_bytes()))
}

fn grams(text: &[u8]) -> impl Iterator<Item = Gram> {
    text.windows(3).map(|window| Gram::from_le_bytes([window[0], window[1], window[2], 0]))
}

fn hash(gram: Gram) -> u64 {
    let product = u64::from(gram).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    product ^ product >> 32
}

impl Grams {
    /// All of the wildcards have a gram.
    pub(super) fn new(wildcards: &[(&Wildcard, PredicateId)]) -> Self {
        let mut frequency: HashMap<Gram, u32> = HashMap::new();
        for gram in wildcards.iter().flat_map(|(wildcard, _)| grams_of(wildcard)) {
            *frequency.entry(gram).or_default() += 1;
        }
        let rarest = |wildcard| grams_of(wildcard).min_by_key(|gram| (frequency[gram], *gram));
        let known = wildcards.iter().filter_map(|(wildcard, id)| Some((rarest(wildcard)?, *id)));
        let mut known: Vec<_> = known.collect();
        known.sort_unstable();
        let mut grams = Self::default();
        for same in known.chunk_by(|(one, _), (other, _)| one == other) {
            let start = grams.predicates.len();
            grams.predicates.extend(same.iter().map(|(_, predicate)| *predicate));
            let number = u32::try_from(grams.table.len()).expect("there are 2²⁴ grams");
            let entry = Entry { gram: same[0].0, number, predicates: Span::since(&grams.predicates, start) };
            grams.table.insert_unique(hash(entry.gram), entry, |entry| hash(entry.gram));
        }
        grams
    }

    pub(super) fn is_empty(&self) -> bool {
        self.predicates.is_empty()
    }

    /// Calls `found` with each wildcard, once, whose gram a text has; `seen` is room for the grams come upon.
    pub(super) fn of(&self, text: &[u8], seen: &mut Epochs, mut found: impl FnMut(PredicateId)) {
        seen.grow(self.table.len());
        seen.begin();
        for gram in grams(text) {
            let entry = self.table.find(hash(gram), |entry| entry.gram == gram);
            if let Some(entry) = entry.filter(|entry| seen.is_new(entry.number)) {
                entry.predicates.of(&self.predicates).iter().for_each(|predicate| found(*predicate));
            }
        }
    }

    /// The bytes that this takes.
    pub(super) fn bytes(&self) -> usize {
        self.table.allocation_size() + self.predicates.capacity() * size_of::<PredicateId>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_wildcard_that_a_text_satisfies_is_found_once(
            wildcards in proptest::collection::vec("[ab]{0,2}\\*[ab]{3,4}(\\*[ab]{1,3})?", 0..20),
            text in "[ab]{0,12}",
        ) {
            let wildcards: Vec<_> = wildcards.iter().map(|text| Wildcard::parse(text).unwrap()).collect();
            let numbered: Vec<_> = wildcards.iter().zip((0..).map(PredicateId)).collect();
            let mut found = Vec::new();
            let mut seen = Epochs::default();
            Grams::new(&numbered).of(text.as_bytes(), &mut seen, |id| found.push(id));
            for (wildcard, id) in numbered {
                let times = found.iter().filter(|found| **found == id).count();
                prop_assert!(times <= 1 && (times == 1 || !wildcard.matches(&text)), "{wildcard} {times}");
            }
        }
    }
}
