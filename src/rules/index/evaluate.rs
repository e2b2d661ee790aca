//! Whether an event satisfies a group.
//!
//! As long as no array holds elements at a path that several fields of the group share, the fields cannot disagree about
//! elements, and each is tested for itself. Otherwise [`super::consistency`] decides.

use super::consistency::{self, Work};
use super::leaves::Leaves;
use super::literals::LiteralId;
use super::paths::Paths;
use super::program::{Clause, Group, PredicateId, Program, Test};
use super::verdicts::Verdicts;
use crate::rules::value::Value;
use simd_json::Node;

/// From this many leaves on, a path is searched for the literals of a test rather than the other way round.
const MANY_LEAVES: usize = 4;

/// One event and the rules it is held against.
pub(super) struct Evaluation<'a> {
    pub(super) program: &'a Program,
    pub(super) paths: &'a Paths,
    pub(super) nodes: &'a [Node<'a>],
    pub(super) leaves: &'a mut Leaves,
    pub(super) verdicts: &'a mut Verdicts,
    pub(super) work: &'a mut Work,
}

impl Evaluation<'_> {
    /// Whether the event matches a pattern of its own.
    pub(super) fn group(&mut self, group: &Group) -> bool {
        if self.leaves.any_array_at(&group.joints) {
            return consistency::holds(self, group);
        }
        let program = self.program;
        group.required.of(&program.tests).iter().all(|test| self.test(test))
            && group.rest.iter().all(|clause| self.clause(clause))
    }

    fn clause(&mut self, clause: &Clause) -> bool {
        match clause {
            Clause::Test(test) => self.test(self.program.test(*test)),
            Clause::All(parts) => parts.iter().all(|part| self.clause(part)),
            Clause::Any(branches) => branches.iter().any(|(_, branch)| self.clause(branch)),
            Clause::Apart { group, negated } => self.group(group) != *negated,
        }
    }

    /// Whether a field is satisfied by any leaf, or by its absence from the event.
    fn test(&mut self, test: &Test) -> bool {
        match self.leaves.count(test.path) {
            0 => test.absent,
            _ => self.some_leaf(test),
        }
    }

    /// Whether any leaf of the event satisfies a test.
    pub(super) fn some_leaf(&mut self, test: &Test) -> bool {
        self.work.steps += 1;
        let program = self.program;
        let literals = test.literals.of(&program.literals);
        let equal = if self.leaves.count(test.path) < MANY_LEAVES {
            self.leaves.at(test.path).any(|leaf| contains(literals, leaf.literal))
        } else {
            literals.iter().any(|literal| self.leaves.has(*literal))
        };
        equal || test.predicates.of(&program.predicates).iter().any(|predicate| self.predicate(*predicate))
    }

    /// Whether any leaf satisfies a predicate; found out once for each event.
    fn predicate(&mut self, id: PredicateId) -> bool {
        let (path, predicate) = &self.program.distinct[id.0 as usize];
        let (leaves, nodes, steps) = (&self.leaves, self.nodes, &mut self.work.steps);
        *steps += 1;
        self.verdicts.get_or_find(id, || {
            leaves.at(*path).any(|leaf| {
                *steps += 1;
                predicate.holds(value_at(nodes, leaf.node))
            })
        })
    }

    /// Whether one leaf satisfies a test.
    pub(super) fn this_leaf(&self, test: &Test, node: u32, literal: LiteralId) -> bool {
        let program = self.program;
        let mut predicates = test.predicates.of(&program.predicates).iter().map(|id| program.predicate(*id));
        contains(test.literals.of(&program.literals), literal)
            || predicates.any(|predicate| predicate.holds(value_at(self.nodes, node)))
    }
}

fn contains(sorted: &[LiteralId], literal: LiteralId) -> bool {
    const FEW: usize = 8;
    if sorted.len() <= FEW { sorted.contains(&literal) } else { sorted.binary_search(&literal).is_ok() }
}

fn value_at<'a>(nodes: &[Node<'a>], node: u32) -> Value<'a> {
    Value::of(&nodes[node as usize]).expect("only leaves are noted as leaves")
}
