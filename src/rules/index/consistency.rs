//! Whether fields can be satisfied by the same array elements.
//!
//! The fields of a combination are taken path by path, from the root down. At a path where arrays stand, either one
//! element is chosen for all fields at or below that path, or none; what is below other paths does not depend on it.
//! So an element is tried once for each combination and each array around it, and the time is bounded by the size of
//! the event times the fields of the rule times the combinations of its `$or`s, of which the reader allows 1,000; and by
//! the [`Budget`] of the rule.
//!
//! An element may be chosen only if a leaf in it satisfies a field: a field that is missing from one element of an array
//! but not from another is not absent, unless something else singles the element out.

use super::budget::Budget;
use super::evaluate::Evaluation;
use super::leaves::{Element, index_u32};
use super::paths::PathId;
use super::program::{Clause, Group, TestId};
use std::cell::Cell;
use std::ops::Range;

/// Room for the combination at hand, and the count of what was done.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// Rules tried for this event.
    pub(super) candidates: u64,
    /// Leaves and fields looked at for this event.
    pub(super) budget: Budget,
    /// A stack: a group inside another one puts its fields after those of the outer one.
    fields: Vec<TestId>,
    above: Vec<Above>,
    /// What `above` was outside of the elements that are being tried.
    outside: Vec<Above>,
}

/// What the leaves around an element, at the path of a field itself, mean for that field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Above {
    /// There is none.
    Nothing,
    /// There is one, so that the field is not absent.
    Present,
    /// One satisfies the field.
    Satisfied,
}

/// How fields fare among some nodes of the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Failed,
    /// All hold, but no leaf among these nodes satisfies any of them.
    Unsupported,
    /// All hold, and a leaf among these nodes satisfies one of them.
    Supported,
}

impl Outcome {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Failed, _) | (_, Self::Failed) => Self::Failed,
            (Self::Unsupported, Self::Unsupported) => Self::Unsupported,
            _ => Self::Supported,
        }
    }
}

/// Whether an event matches a group, with all regard to elements.
pub(super) fn holds(evaluation: &mut Evaluation<'_>, group: &Group) -> bool {
    evaluation.leaves.sort(evaluation.vocabulary, evaluation.nodes);
    let start = evaluation.work.fields.len();
    let combinations: u32 = group.rest.iter().map(Clause::combinations).product();
    if combinations > 1 && !required_agree(evaluation, group) {
        return false;
    }
    let mut numbers = 0..combinations;
    let mut holds = false;
    while !holds
        && !evaluation.work.budget.is_spent()
        && let Some(number) = numbers.next()
    {
        evaluation.work.budget.take(1);
        holds = choose(evaluation, group, number) && Agreement::of(evaluation, start);
        evaluation.work.fields.truncate(start);
    }
    holds
}

/// Whether the required fields alone agree, without which no combination does. Absence is left to the combinations,
/// since what a `$or` chooses may make a field absent.
fn required_agree(evaluation: &mut Evaluation<'_>, group: &Group) -> bool {
    let (program, start) = (evaluation.program, evaluation.work.fields.len());
    let required = group.required.of(&program.required);
    if required.iter().any(|test| program.test(*test).absent) {
        return true;
    }
    let agree = required.iter().all(|test| push(evaluation, *test)) && Agreement::of(evaluation, start);
    evaluation.work.fields.truncate(start);
    agree
}

/// Lists the fields of one combination; false if it cannot hold.
fn choose(evaluation: &mut Evaluation<'_>, group: &Group, mut number: u32) -> bool {
    group.required.of(&evaluation.program.required).iter().all(|test| push(evaluation, *test))
        && group.rest.iter().all(|clause| choose_clause(evaluation, clause, take_digit(&mut number, clause)))
}

fn choose_clause(evaluation: &mut Evaluation<'_>, clause: &Clause, mut number: u32) -> bool {
    match clause {
        Clause::Test(test) => push(evaluation, *test),
        Clause::All(parts) => {
            parts.iter().all(|part| choose_clause(evaluation, part, take_digit(&mut number, part)))
        }
        Clause::Any(branches) => {
            for (combinations, branch) in branches {
                evaluation.work.budget.take(1);
                match number.checked_sub(*combinations) {
                    Some(rest) => number = rest,
                    None => return choose_clause(evaluation, branch, number),
                }
            }
            false
        }
        Clause::Apart { number, group, negated } => evaluation.apart(*number, group) != *negated,
    }
}

/// Combinations are numbers whose digits are the choices; this takes off the lowest.
fn take_digit(number: &mut u32, clause: &Clause) -> u32 {
    let base = clause.combinations();
    let digit = *number % base;
    *number /= base;
    digit
}

fn push(evaluation: &mut Evaluation<'_>, id: TestId) -> bool {
    evaluation.work.fields.push(id);
    evaluation.work.budget.take(1);
    evaluation.program.test(id).absent || evaluation.test(id)
}

/// The search for elements in which the fields of one combination agree.
struct Agreement<'e, 'a> {
    evaluation: &'e Evaluation<'a>,
    fields: &'e [TestId],
    /// By field.
    above: &'e mut Vec<Above>,
    outside: &'e mut Vec<Above>,
    budget: &'e Cell<Budget>,
}

impl Agreement<'_, '_> {
    /// Whether the fields listed from `start` on can be satisfied together.
    fn of(evaluation: &mut Evaluation<'_>, start: usize) -> bool {
        let mut work = std::mem::take(evaluation.work);
        let (program, paths) = (evaluation.program, evaluation.paths);
        let fields = &mut work.fields[start..];
        fields.sort_unstable_by_key(|test| paths.rank(program.test(*test).path));
        work.above.clear();
        work.above.resize(fields.len(), Above::Nothing);
        let everywhere = 0..index_u32(evaluation.nodes.len());
        let all = 0..fields.len();
        let budget = Cell::new(work.budget);
        let (above, outside) = (&mut work.above, &mut work.outside);
        let outcome =
            Agreement { evaluation, fields, above, outside, budget: &budget }.below(all, 0, &everywhere);
        work.budget = budget.get();
        *evaluation.work = work;
        outcome != Outcome::Failed
    }

    fn path(&self, field: usize) -> PathId {
        self.evaluation.program.test(self.fields[field]).path
    }

    /// The fields below one path of `depth` steps.
    fn below(&mut self, fields: Range<usize>, depth: u32, nodes: &Range<u32>) -> Outcome {
        let mut outcome = Outcome::Unsupported;
        let mut start = fields.start;
        while start < fields.end && outcome != Outcome::Failed {
            let paths = self.evaluation.paths;
            let path = paths.ancestor(self.path(start), depth + 1);
            let same = |field: &usize| paths.ancestor(self.path(*field), depth + 1) == path;
            let end = start + (start..fields.end).take_while(same).count();
            outcome = outcome.and(self.at(path, start..end, depth + 1, nodes));
            start = end;
        }
        outcome
    }

    /// The fields at and below one path of `depth` steps.
    fn at(&mut self, path: PathId, fields: Range<usize>, depth: u32, nodes: &Range<u32>) -> Outcome {
        if fields.len() == 1 {
            return self.field(fields.start, nodes);
        }
        if self.any_in_array(path, nodes) {
            return self.in_array(path, fields, depth, nodes);
        }
        let (here, inner) = self.split(path, fields);
        let outcome = here.map(|field| self.field(field, nodes)).fold(Outcome::Unsupported, Outcome::and);
        if outcome == Outcome::Failed { outcome } else { outcome.and(self.below(inner, depth, nodes)) }
    }

    /// Whether an array at a path, among some nodes, holds elements.
    fn any_in_array(&self, path: PathId, nodes: &Range<u32>) -> bool {
        let mut elements = self.evaluation.leaves.elements_within(path, nodes.clone());
        elements.any(|element| {
            self.take(1);
            element.in_array
        })
    }

    fn take(&self, steps: u64) {
        let mut budget = self.budget.get();
        budget.take(steps);
        self.budget.set(budget);
    }

    /// The fields at a path come before those below it.
    fn split(&self, path: PathId, fields: Range<usize>) -> (Range<usize>, Range<usize>) {
        let here = fields.clone().take_while(|field| self.path(*field) == path).count();
        (fields.start..fields.start + here, fields.start + here..fields.end)
    }

    /// Fields that meet an array: they hold without any of its elements, or in one.
    fn in_array(&mut self, path: PathId, fields: Range<usize>, depth: u32, nodes: &Range<u32>) -> Outcome {
        let (here, inner) = self.split(path, fields.clone());
        let without = self.without_elements(path, here.clone(), inner, nodes);
        if without == Outcome::Supported {
            return without;
        }
        let saved = self.outside.len();
        self.outside.extend_from_slice(&self.above[here.clone()]);
        for field in here.clone() {
            self.above[field] = self.above[field].max(self.around_elements(path, field, nodes));
        }
        let mut unread = nodes.clone();
        let mut supported = false;
        while let Some(Element { nodes: (start, end), .. }) = self.next_element(path, &unread)
            && !supported
        {
            self.take(1);
            supported = self.at(path, fields.clone(), depth, &(start + 1..end)) == Outcome::Supported;
            unread.start = end;
        }
        self.above[here].copy_from_slice(&self.outside[saved..]);
        self.outside.truncate(saved);
        if supported { Outcome::Supported } else { without }
    }

    /// The first element among some nodes; none once the budget is spent.
    fn next_element(&self, path: PathId, nodes: &Range<u32>) -> Option<Element> {
        if self.budget.get().is_spent() {
            return None;
        }
        self.evaluation.leaves.elements_within(path, nodes.clone()).next()
    }

    /// Fields that meet an array, when none of its elements is chosen: those below it can only be absent from all.
    fn without_elements(
        &self,
        path: PathId,
        here: Range<usize>,
        inner: Range<usize>,
        nodes: &Range<u32>,
    ) -> Outcome {
        let at_path = here.map(|field| match self.around_elements(path, field, nodes) {
            Above::Satisfied => Outcome::Supported,
            _ => self.unsupported(field, nodes),
        });
        let below = inner.map(|field| self.unsupported(field, nodes));
        at_path.chain(below).fold(Outcome::Unsupported, Outcome::and)
    }

    /// One field, when nothing else depends on the elements that it is in.
    fn field(&self, field: usize, nodes: &Range<u32>) -> Outcome {
        match self.look(field, nodes) {
            Above::Satisfied => Outcome::Supported,
            _ => self.unsupported(field, nodes),
        }
    }

    /// One field that no leaf among these nodes satisfies.
    fn unsupported(&self, field: usize, nodes: &Range<u32>) -> Outcome {
        let may_be_absent = self.evaluation.program.test(self.fields[field]).absent;
        match self.above[field] {
            Above::Satisfied => Outcome::Unsupported,
            Above::Nothing if may_be_absent && self.look(field, nodes) == Above::Nothing => {
                Outcome::Unsupported
            }
            _ => Outcome::Failed,
        }
    }

    /// What the leaves around the elements at a path mean for a field at that path.
    fn around_elements(&self, path: PathId, field: usize, nodes: &Range<u32>) -> Above {
        let mut found = Above::Nothing;
        let mut unread = nodes.clone();
        while let Some(element) = self.next_element(path, &unread) {
            found = found.max(self.look(field, &(unread.start..element.nodes.0)));
            unread.start = element.nodes.1;
        }
        found.max(self.look(field, &unread))
    }

    /// What the leaves among some nodes mean for a field.
    fn look(&self, field: usize, nodes: &Range<u32>) -> Above {
        let test = self.evaluation.program.test(self.fields[field]);
        let mut found = Above::Nothing;
        let mut budget = self.budget.get();
        budget.take(1);
        for (node, literal) in self.evaluation.leaves.within(test.path, nodes.clone()) {
            if self.evaluation.this_leaf(test, node, literal, &mut budget) {
                found = Above::Satisfied;
                break;
            }
            found = Above::Present;
            if budget.is_spent() {
                break;
            }
        }
        self.budget.set(budget);
        found
    }
}
