//! Which of the predicates at a path a text satisfies, found without trying each.

use super::affixes::Affixes;
use super::grams::Grams;
use super::networks::Networks;
use super::paths::PathId;
use super::program::{Check, PredicateId, Program};
use super::verdicts::Epochs;
use crate::rules::fold::fold_char;
use crate::rules::predicate::Predicate;
use crate::rules::value::Value;

/// A path with predicates under which rules are found.
#[derive(Debug, Default)]
pub(super) struct Watch {
    pub(super) path: PathId,
    pub(super) exists: Option<PredicateId>,
    prefixes: Affixes,
    /// Backwards.
    suffixes: Affixes,
    ignoring_case: IgnoringCase,
    wildcards: Grams,
    networks: Networks,
}

/// Folded, as are the texts that are held against them.
#[derive(Debug, Default)]
struct IgnoringCase {
    equal: Affixes,
    prefixes: Affixes,
    /// Backwards.
    suffixes: Affixes,
}

/// Room for the texts of an event, made ready for being looked up.
#[derive(Debug, Default)]
pub(super) struct Texts {
    backwards: Vec<u8>,
    folded: String,
    folded_backwards: Vec<u8>,
    grams: Epochs,
}

impl Watch {
    /// Watches `path` for these predicates, for each of which there is a [`Key`](super::keys::Key).
    pub(super) fn new(path: PathId, program: &Program, predicates: &[PredicateId]) -> Self {
        let (mut affixes, mut wildcards, mut networks) = (<[Vec<_>; 5]>::default(), Vec::new(), Vec::new());
        let [prefixes, suffixes, folded, folded_prefixes, folded_suffixes] = &mut affixes;
        let mut exists = None;
        for id in predicates {
            let Check::Holds(predicate) = program.check(*id) else { continue };
            match predicate {
                Predicate::Prefix(text) => prefixes.push((text.bytes().collect(), *id)),
                Predicate::Suffix(text) => suffixes.push((text.bytes().rev().collect(), *id)),
                Predicate::EqualsIgnoreCase(text) => folded.push((text.bytes().collect(), *id)),
                Predicate::PrefixIgnoreCase(text) => folded_prefixes.push((text.bytes().collect(), *id)),
                Predicate::SuffixIgnoreCase(text) => {
                    folded_suffixes.push((text.bytes().rev().collect(), *id));
                }
                Predicate::Wildcard(wildcard) => wildcards.push((wildcard, *id)),
                Predicate::Network(network) => networks.push((*network, *id)),
                Predicate::Exists => exists = Some(*id),
                Predicate::Exact(_) | Predicate::Range(_) | Predicate::AnythingBut(_) | Predicate::Absent => {
                }
            }
        }
        let [prefixes, suffixes, equal, folded_prefixes, folded_suffixes] = affixes.map(Affixes::new);
        let ignoring_case = IgnoringCase { equal, prefixes: folded_prefixes, suffixes: folded_suffixes };
        let (wildcards, networks) = (Grams::new(&wildcards), Networks::new(networks));
        Self { path, exists, prefixes, suffixes, ignoring_case, wildcards, networks }
    }

    /// Calls `found` with each predicate about texts that `text` satisfies, and returns how many steps that took.
    pub(super) fn find(
        &self,
        program: &Program,
        text: &str,
        texts: &mut Texts,
        mut found: impl FnMut(PredicateId),
    ) -> u64 {
        let mut steps = 0;
        let mut count = |id| {
            steps += 1;
            found(id);
        };
        self.prefixes.of(text.as_bytes()).for_each(&mut count);
        if !self.suffixes.is_empty() {
            texts.backwards.clear();
            texts.backwards.extend(text.bytes().rev());
            self.suffixes.of(&texts.backwards).for_each(&mut count);
        }
        self.ignoring_case.find(text, texts, &mut count);
        self.networks.of(text, &mut count);
        if !self.wildcards.is_empty() {
            let mut tried = text.len() as u64;
            self.wildcards.of(text.as_bytes(), &mut texts.grams, |id| {
                let Check::Holds(wildcard) = program.check(id) else { return };
                tried += wildcard.steps(Value::String(text));
                if wildcard.holds(Value::String(text)) {
                    count(id);
                }
            });
            steps += tried;
        }
        steps
    }

    /// The bytes that this takes.
    pub(super) fn bytes(&self) -> usize {
        let IgnoringCase { equal, prefixes, suffixes } = &self.ignoring_case;
        let affixes = [&self.prefixes, &self.suffixes, equal, prefixes, suffixes];
        size_of::<Self>()
            + affixes.into_iter().map(Affixes::bytes).sum::<usize>()
            + self.wildcards.bytes()
            + self.networks.bytes()
    }
}

impl IgnoringCase {
    fn find(&self, text: &str, texts: &mut Texts, count: &mut impl FnMut(PredicateId)) {
        if self.equal.is_empty() && self.prefixes.is_empty() && self.suffixes.is_empty() {
            return;
        }
        let Texts { folded, folded_backwards, .. } = texts;
        folded.clear();
        folded.extend(text.chars().map(fold_char));
        self.equal.equal_to(folded.as_bytes()).into_iter().for_each(&mut *count);
        self.prefixes.of(folded.as_bytes()).for_each(&mut *count);
        if !self.suffixes.is_empty() {
            folded_backwards.clear();
            folded_backwards.extend(folded.bytes().rev());
            self.suffixes.of(folded_backwards).for_each(count);
        }
    }
}
