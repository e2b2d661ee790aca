//! Rules made ready for evaluation: paths, literals and predicates are numbers, and tests stand one after the other.

use super::literals::LiteralId;
use super::paths::PathId;
use crate::rules::predicate::Predicate;
use std::ops::Range;

/// A run of entries in one of the program's lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    length: u32,
}

impl Span {
    /// The entries of a list from `start` to its end.
    pub(super) fn since<T>(list: &[T], start: usize) -> Self {
        let fits = "rules are too few to fill 2³² entries";
        let length = list.len().saturating_sub(start);
        Self { start: u32::try_from(start).expect(fits), length: u32::try_from(length).expect(fits) }
    }

    pub(super) fn of<T>(self, list: &[T]) -> &[T] {
        &list[self.range()]
    }

    pub(super) fn range(self) -> Range<usize> {
        self.start as usize..self.start as usize + self.length as usize
    }
}

/// Sorts the entries of a list from `start` on, and leaves each only once.
pub(super) fn sort_and_dedup<T: Ord + Copy>(list: &mut Vec<T>, start: usize) {
    list[start..].sort_unstable();
    let mut kept = start;
    for at in start..list.len() {
        if at == start || list[at] != list[kept - 1] {
            list[kept] = list[at];
            kept += 1;
        }
    }
    list.truncate(kept);
}

/// A predicate other than equality; equal ones of all rules are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PredicateId(pub(super) u32);

/// What a rule wants of one field; equal ones of all rules are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct TestId(pub(super) u32);

/// A branch of `$and` or the inside of `$not`, of all rules.
#[derive(Clone, Copy, Debug)]
pub(super) struct GroupId(pub(super) u32);

/// What a rule wants of one field: that a leaf is one of the literals or satisfies one of the predicates.
#[derive(Clone, Copy, Debug)]
pub(super) struct Test {
    pub(super) path: PathId,
    /// In [`Program::literals`], sorted.
    pub(super) literals: Span,
    /// In [`Program::predicates`], sorted.
    pub(super) predicates: Span,
    /// Whether the field may also be missing.
    pub(super) absent: bool,
}

/// A pattern that is matched on its own: a rule, a branch of `$and`, the inside of `$not`.
#[derive(Debug)]
pub(super) struct Group {
    /// In [`Program::required`]: the fields that must hold whatever else does, the cheapest first.
    pub(super) required: Span,
    /// In [`Program::joints`]: the paths that several of its fields have in common.
    pub(super) joints: Span,
    /// What must hold beside the required fields.
    pub(super) rest: Box<[Clause]>,
}

/// A part of a group that is no required field.
#[derive(Debug)]
pub(super) enum Clause {
    Test(TestId),
    All(Box<[Clause]>),
    /// One of these; how many ways each has to choose among its own `$or`s is counted beforehand.
    Any(Box<[(u32, Clause)]>),
    /// A pattern of its own; its verdict is found out once for each event.
    Apart {
        number: GroupId,
        group: Box<Group>,
        negated: bool,
    },
}

impl Clause {
    /// In how many ways the `$or`s in this can be combined.
    pub(super) fn combinations(&self) -> u32 {
        match self {
            Self::Test(_) | Self::Apart { .. } => 1,
            Self::All(parts) => parts.iter().map(Self::combinations).product(),
            Self::Any(branches) => branches.iter().map(|(combinations, _)| combinations).sum(),
        }
    }
}

/// All rules.
#[derive(Debug, Default)]
pub(super) struct Program {
    /// By rule.
    pub(super) rules: Vec<Group>,
    pub(super) required: Vec<TestId>,
    pub(super) joints: Vec<PathId>,
    /// By [`TestId`].
    pub(super) tests: Vec<Test>,
    pub(super) literals: Vec<LiteralId>,
    pub(super) predicates: Vec<PredicateId>,
    /// By [`PredicateId`].
    pub(super) checks: Vec<(PathId, Check)>,
    /// How many [`GroupId`]s there are.
    pub(super) groups: u32,
    /// How many predicates the rules are written with.
    pub(super) written: usize,
}

/// A predicate, made ready.
#[derive(Debug)]
pub(super) enum Check {
    /// None of these literals, which are sorted.
    NoneOf(Box<[LiteralId]>),
    Holds(Predicate),
}

impl Program {
    pub(super) fn test(&self, test: TestId) -> &Test {
        &self.tests[test.0 as usize]
    }

    pub(super) fn check(&self, predicate: PredicateId) -> &Check {
        &self.checks[predicate.0 as usize].1
    }

    /// The bytes that this takes; the inside of `$or`, `$and` and `$not`, and of predicates, is not counted.
    pub(super) fn bytes(&self) -> usize {
        self.rules.capacity() * size_of::<Group>()
            + self.required.capacity() * size_of::<TestId>()
            + self.joints.capacity() * size_of::<PathId>()
            + self.tests.capacity() * size_of::<Test>()
            + self.literals.capacity() * size_of::<LiteralId>()
            + self.predicates.capacity() * size_of::<PredicateId>()
            + self.checks.capacity() * size_of::<(PathId, Check)>()
    }
}
