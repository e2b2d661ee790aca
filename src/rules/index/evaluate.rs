//! Whether an event satisfies a group.
//!
//! As long as no array holds elements at a path that several fields of the group share, the fields cannot disagree about
//! elements, and each is tested for itself. Otherwise [`super::consistency`] decides.

use super::RuleAtWork;
use super::RuleOrdinal;
use super::access::{Entered, NodeId};
use super::blocks::{Block, Entry, OpenTest, Posting};
use super::budget::Budget;
use super::consistency::{self, Work};
use super::keys::Keys;
use super::leaves::{Leaf, Leaves, MANY_LEAVES};
use super::literals::{LiteralId, Literals};
use super::paths::{PathId, Paths};
use super::program::{Check, Clause, Group, GroupId, PredicateId, Program, Test, TestId};
use super::ranges::{self, Ranged};
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
    pub(super) groups: &'a mut Verdicts,
    pub(super) entered: &'a mut Entered,
    pub(super) work: &'a mut Work,
    pub(super) at_work: &'a RuleAtWork,
    /// The rules that take long and have been met, of those that may be met again.
    pub(super) met: &'a mut Epochs,
    /// A rule that is found in several nodes may be among these several times.
    pub(super) matched: &'a mut Vec<RuleOrdinal>,
    /// The rules that were given up, as they took too many steps; some of these may be among the matched ones, too.
    pub(super) set_aside: &'a mut Vec<RuleOrdinal>,
}

impl Evaluation<'_> {
    /// Holds the rules of a block against the event.
    pub(super) fn block(&mut self, block: &Block<'_>, tests: &[QuickTest]) {
        self.work.candidates += block.len() as u64;
        self.work.budget.take(block.len() as u64);
        let joints = if self.leaves.any_array() { block.joints() } else { 0 };
        let (all, mut failed) = (block.all(), 0);
        for round in block.rounds() {
            for Entry { test, place } in round {
                self.work.budget.take(1);
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
        let rule = RuleOrdinal(posting.rule);
        let whole = joints || posting.rest || self.leaves.any_hidden_rank();
        if whole && posting.repeated && !self.met.is_new(rule.0) {
            return;
        }
        let taken = self.work.budget.taken();
        self.work.budget.begin_rule();
        self.at_work.begin(rule);
        let matches = if whole {
            self.group(&self.program.rules[rule.0 as usize])
        } else {
            posting.further_tests().all(|test| self.open(test))
        };
        if self.work.budget.end_rule(taken) {
            self.set_aside.push(rule);
        } else if matches {
            self.matched.push(rule);
        }
    }

    fn open(&mut self, open: OpenTest<'_>) -> bool {
        match open {
            OpenTest::Further(test) => self.test(test),
            OpenTest::Listed { path, test, hashes } => {
                self.work.budget.take(1);
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
        let budget = &mut self.work.budget;
        self.keys.holding(watch, self.watches, self.program, self.leaves, self.nodes, budget)
    }

    /// Notes the children of a split by ranges, each once, whose ranges hold a number at its path.
    pub(super) fn ranges_holding(&mut self, path: PathId, ranges: &[Ranged<NodeId>]) {
        let Entered { numbers, children } = self.entered;
        numbers.clear();
        numbers.extend(self.leaves.at(path).filter_map(|leaf| match value_at(self.nodes, leaf.node) {
            Value::Number(number) => Some(number),
            _ => None,
        }));
        numbers.sort_unstable();
        let before = children.len();
        ranges::holding(ranges, numbers, &mut |child| children.push(child));
        self.work.budget.take((numbers.len() + children.len() - before) as u64);
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
            Clause::Apart { number, group, negated } => self.apart(*number, group) != *negated,
        }
    }

    /// Whether the event matches a branch of `$and` or the inside of `$not`; found out once for each event.
    pub(super) fn apart(&mut self, number: GroupId, group: &Group) -> bool {
        self.work.budget.take(1);
        if let Some(known) = self.groups.get(number.0) {
            return known;
        }
        let matches = self.group(group);
        if !self.work.budget.is_spent() {
            self.groups.set(number.0, matches);
        }
        matches
    }

    /// Whether a field is satisfied by any leaf, or by its absence from the event; found out once for each event.
    pub(super) fn test(&mut self, id: TestId) -> bool {
        self.work.budget.take(1);
        if let Some(known) = self.tests.get(id.0) {
            return known;
        }
        let test = self.program.test(id);
        let holds = match self.leaves.count(test.path) {
            0 => test.absent,
            _ => self.some_leaf(test),
        };
        if !self.work.budget.is_spent() {
            self.tests.set(id.0, holds);
        }
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
            self.work.budget.take(literals.len() as u64);
            literals.iter().any(|literal| self.leaves.has(*literal))
        };
        equal || test.predicates.of(&program.predicates).iter().any(|predicate| self.predicate(*predicate))
    }

    /// Whether any leaf satisfies a predicate; found out once for each event.
    fn predicate(&mut self, id: PredicateId) -> bool {
        self.work.budget.take(1);
        if let Some(known) = self.predicates.get(id.0) {
            return known;
        }
        let (path, check) = &self.program.checks[id.0 as usize];
        let (nodes, budget) = (self.nodes, &mut self.work.budget);
        let holds = self.leaves.at(*path).any(|Leaf { node, literal, .. }| {
            budget.is_spent() || satisfies(check, nodes, node, literal, budget)
        });
        if !self.work.budget.is_spent() {
            self.predicates.set(id.0, holds);
        }
        holds
    }

    /// Whether one leaf satisfies a test.
    pub(super) fn this_leaf(&self, test: &Test, node: u32, literal: LiteralId, budget: &mut Budget) -> bool {
        let program = self.program;
        let mut predicates = test.predicates.of(&program.predicates).iter();
        budget.take(1);
        contains(test.literals.of(&program.literals), literal)
            || predicates.any(|id| satisfies(program.check(*id), self.nodes, node, literal, budget))
    }
}

fn satisfies(check: &Check, nodes: &[Node<'_>], node: u32, literal: LiteralId, budget: &mut Budget) -> bool {
    match check {
        Check::NoneOf(literals) => {
            budget.take(1);
            !contains(literals, literal)
        }
        Check::Holds(predicate) => {
            let value = value_at(nodes, node);
            budget.take(predicate.steps(value));
            predicate.holds(value)
        }
    }
}

fn value_at<'a>(nodes: &[Node<'a>], node: u32) -> Value<'a> {
    Value::of(&nodes[node as usize]).expect("only leaves are noted as leaves")
}

fn contains(sorted: &[LiteralId], literal: LiteralId) -> bool {
    const FEW: usize = 8;
    if sorted.len() <= FEW { sorted.contains(&literal) } else { sorted.binary_search(&literal).is_ok() }
}
