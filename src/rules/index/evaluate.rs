//! Whether an event satisfies a group.
//!
//! As long as no array holds elements at a path that several fields of the group share, the fields cannot disagree about
//! elements, and each is tested for itself. Otherwise [`super::consistency`] decides.

use super::RuleOrdinal;

use super::blocks::{Block, Entry, OpenTest, Posting};
use super::consistency::{self, Work};
use super::keys::Keys;
use super::leaves::{Leaf, Leaves, MANY_LEAVES};
use super::literals::{LiteralId, Literals};
use super::paths::{PathId, Paths};
use super::program::{Check, Clause, Group, PredicateId, Program, Test, TestId};
use super::verdicts::{Epochs, Verdicts};
use super::vocabulary::{Look, QuickTest, Vocabulary};
use super::watch::Watch;
use crate::rules::value::Value;
use simd_json::Node;
use std::ops::Range;

/// One event and the rules it is held against.
pub(super) struct Evaluation<'a> {
    pub(super) program: &'a Program,
    pub(super) paths: &'a Paths,
    pub(super) vocabulary: &'a Vocabulary,
    pub(super) watches: &'a [Watch],
    pub(super) nodes: &'a [Node<'a>],
    pub(super) leaves: &'a mut Leaves,
    pub(super) keys: &'a mut Keys,
    pub(super) tests: &'a mut Verdicts,
    pub(super) predicates: &'a mut Verdicts,
    pub(super) work: &'a mut Work,
    /// The rules that take long and have been met, of those that may be met again.
    pub(super) met: &'a mut Epochs,
    /// A rule that is found in several nodes may be among these several times.
    pub(super) matched: &'a mut Vec<RuleOrdinal>,
}

impl Evaluation<'_> {
    /// Holds the rules of a block against the event.
    pub(super) fn block(&mut self, block: &Block<'_>, tests: &[QuickTest]) {
        self.work.candidates += block.len() as u64;
        self.work.steps += block.len() as u64;
        let joints = if self.leaves.any_array() { block.joints() } else { 0 };
        let (all, mut failed) = (block.all(), 0);
        for round in block.rounds() {
            for Entry { test, place } in round {
                self.work.steps += 1;
                let test = &tests[test as usize];
                failed |= u64::from(!test.may_hold(self.look(test.path))) << place;
            }
            if failed == all {
                break;
            }
        }
        let mut open = all & (!failed | joints);
        while open != 0 {
            let place = open.trailing_zeros();
            open &= open - 1;
            self.candidate(&block.posting(place), joints >> place & 1 == 1);
        }
    }

    /// Holds a rule against the event, of which the quick tests may hold, unless it has joints that matter here.
    fn candidate(&mut self, posting: &Posting<'_>, joints: bool) {
        if joints || posting.rest || self.leaves.any_hidden_rank() {
            let again = posting.repeated && !self.met.is_new(posting.rule);
            if again || !self.group(&self.program.rules[posting.rule as usize]) {
                return;
            }
        } else if !posting.further_tests().all(|test| self.open(test)) {
            return;
        }
        self.matched.push(RuleOrdinal(posting.rule));
    }

    fn open(&mut self, open: OpenTest<'_>) -> bool {
        match open {
            OpenTest::Further(test) => self.test(test),
            OpenTest::Listed { path, test, hashes } => {
                self.work.steps += 1;
                let may_hold =
                    |leaf: Leaf| hashes.contains(&Literals::hash(path, value_at(self.nodes, leaf.node)));
                (self.leaves.count(path) >= MANY_LEAVES || self.leaves.at(path).any(may_hold))
                    && self.test(test)
            }
        }
    }

    /// The leaves at a path in short; from then on it is known which literals they are.
    fn look(&mut self, path: PathId) -> Look {
        self.leaves.look(path, self.vocabulary, self.nodes)
    }

    /// The keys that hold at the path of a watch, as places for [`Keys::get`].
    pub(super) fn holding(&mut self, watch: u32) -> Range<usize> {
        self.look(self.watches[watch as usize].path);
        let steps = &mut self.work.steps;
        self.keys.holding(watch, self.watches, self.program, self.leaves, self.nodes, steps)
    }

    /// Whether the event matches a pattern of its own.
    pub(super) fn group(&mut self, group: &Group) -> bool {
        let program = self.program;
        if self.leaves.any_array_at(group.joints.of(&program.joints)) {
            return consistency::holds(self, group);
        }
        group.required.of(&program.required).iter().all(|test| self.test(*test))
            && group.rest.iter().all(|clause| self.clause(clause))
    }

    fn clause(&mut self, clause: &Clause) -> bool {
        match clause {
            Clause::Test(test) => self.test(*test),
            Clause::All(parts) => parts.iter().all(|part| self.clause(part)),
            Clause::Any(branches) => branches.iter().any(|(_, branch)| self.clause(branch)),
            Clause::Apart { group, negated } => self.group(group) != *negated,
        }
    }

    /// Whether a field is satisfied by any leaf, or by its absence from the event; found out once for each event.
    pub(super) fn test(&mut self, id: TestId) -> bool {
        self.work.steps += 1;
        if let Some(known) = self.tests.get(id.0) {
            return known;
        }
        let test = self.program.test(id);
        let holds = match self.leaves.count(test.path) {
            0 => test.absent,
            _ => self.some_leaf(test),
        };
        self.tests.set(id.0, holds);
        holds
    }

    /// Whether any leaf of the event satisfies a test.
    fn some_leaf(&mut self, test: &Test) -> bool {
        self.look(test.path);
        let program = self.program;
        let literals = test.literals.of(&program.literals);
        let equal = if self.leaves.count(test.path) < MANY_LEAVES {
            self.leaves.at(test.path).any(|leaf| contains(literals, leaf.literal))
        } else {
            self.work.steps += literals.len() as u64;
            literals.iter().any(|literal| self.leaves.has(*literal))
        };
        equal || test.predicates.of(&program.predicates).iter().any(|predicate| self.predicate(*predicate))
    }

    /// Whether any leaf satisfies a predicate; found out once for each event.
    fn predicate(&mut self, id: PredicateId) -> bool {
        self.work.steps += 1;
        if let Some(known) = self.predicates.get(id.0) {
            return known;
        }
        let (path, check) = &self.program.checks[id.0 as usize];
        let (nodes, steps) = (self.nodes, &mut self.work.steps);
        let holds = self.leaves.at(*path).any(|Leaf { node, literal, .. }| {
            *steps += 1;
            satisfies(check, nodes, node, literal)
        });
        self.predicates.set(id.0, holds);
        holds
    }

    /// Whether one leaf satisfies a test.
    pub(super) fn this_leaf(&self, test: &Test, node: u32, literal: LiteralId) -> bool {
        let program = self.program;
        let mut predicates = test.predicates.of(&program.predicates).iter();
        contains(test.literals.of(&program.literals), literal)
            || predicates.any(|id| satisfies(program.check(*id), self.nodes, node, literal))
    }
}

fn satisfies(check: &Check, nodes: &[Node<'_>], node: u32, literal: LiteralId) -> bool {
    match check {
        Check::NoneOf(literals) => !contains(literals, literal),
        Check::Holds(predicate) => predicate.holds(value_at(nodes, node)),
    }
}

fn value_at<'a>(nodes: &[Node<'a>], node: u32) -> Value<'a> {
    Value::of(&nodes[node as usize]).expect("only leaves are noted as leaves")
}

fn contains(sorted: &[LiteralId], literal: LiteralId) -> bool {
    const FEW: usize = 8;
    if sorted.len() <= FEW { sorted.contains(&literal) } else { sorted.binary_search(&literal).is_ok() }
}
