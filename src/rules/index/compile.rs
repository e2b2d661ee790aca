//! Patterns → a program.

use super::literals::Literals;
use super::paths::{PathId, Paths};
use super::program::{Clause, Group, PredicateId, Program, Span, Test, TestId};
use super::walk::Interest;
use crate::rules::pattern::{Condition, Field};
use crate::rules::predicate::Predicate;
use std::collections::HashMap;

/// The program under construction.
#[derive(Default)]
pub(super) struct Compiler {
    pub(super) paths: Paths,
    pub(super) literals: Literals,
    pub(super) program: Program,
    /// By path.
    pub(super) interests: Vec<Interest>,
    known: HashMap<(PathId, Predicate), PredicateId>,
}

/// The parts of a group, while it is taken apart.
#[derive(Default)]
struct Parts {
    required: Vec<Test>,
    rest: Vec<Clause>,
    /// The paths of all fields, also those inside `$or`.
    fields: Vec<PathId>,
}

impl Compiler {
    /// Adds the next rule.
    pub(super) fn add(&mut self, root: &Condition) {
        let group = self.group(root);
        self.program.rules.push(group);
    }

    fn group(&mut self, pattern: &Condition) -> Group {
        let mut parts = Parts::default();
        self.required(pattern, &mut parts);
        parts.required.sort_by_key(|test| self.cost(test));
        let start = self.program.tests.len();
        self.program.tests.extend(parts.required);
        let required = Span::since(&self.program.tests, start);
        let joints = self.joints(&parts.fields);
        Group { required, rest: parts.rest.into(), joints }
    }

    /// What must hold of a pattern: its own fields, and those of the objects in it.
    fn required(&mut self, condition: &Condition, parts: &mut Parts) {
        match condition {
            Condition::All(conditions) => {
                for condition in conditions {
                    self.required(condition, parts);
                }
            }
            Condition::Field(field) => {
                let test = self.test(field);
                parts.fields.push(test.path);
                parts.required.push(test);
            }
            other => {
                let clause = self.clause(other, &mut parts.fields);
                parts.rest.push(clause);
            }
        }
    }

    fn clause(&mut self, condition: &Condition, fields: &mut Vec<PathId>) -> Clause {
        let mut clauses = |conditions: &[Condition], compiler: &mut Self| {
            conditions.iter().map(|condition| compiler.clause(condition, fields)).collect::<Vec<_>>()
        };
        match condition {
            Condition::All(conditions) => Clause::All(clauses(conditions, self).into()),
            Condition::Any(branches) => {
                let branches = clauses(branches, self).into_iter();
                Clause::Any(branches.map(|branch| (branch.combinations(), branch)).collect())
            }
            Condition::Field(field) => {
                let test = self.test(field);
                fields.push(test.path);
                self.program.tests.push(test);
                Clause::Test(
                    TestId::try_from(self.program.tests.len() - 1).expect("rules are too few for 2³² fields"),
                )
            }
            Condition::Apart(pattern) => {
                Clause::Apart { group: Box::new(self.group(pattern)), negated: false }
            }
            Condition::Not(pattern) => Clause::Apart { group: Box::new(self.group(pattern)), negated: true },
        }
    }

    fn test(&mut self, field: &Field) -> Test {
        let path = self.paths.intern(&field.path);
        self.interest(path).field = true;
        let literals = self.program.literals.len();
        let predicates = self.program.predicates.len();
        for wanted in &field.wanted {
            match wanted {
                Predicate::Exact(literal) => {
                    self.interest(path).literal = true;
                    self.program.literals.push(self.literals.intern(path, literal.as_value()));
                }
                Predicate::Absent => {}
                predicate => {
                    let id = self.intern(path, predicate);
                    self.program.predicates.push(id);
                }
            }
        }
        self.program.literals[literals..].sort_unstable();
        Test {
            path,
            literals: Span::since(&self.program.literals, literals),
            predicates: Span::since(&self.program.predicates, predicates),
            absent: field.allows_absence(),
        }
    }

    fn interest(&mut self, path: PathId) -> &mut Interest {
        if self.interests.len() < self.paths.len() {
            self.interests.resize(self.paths.len(), Interest::default());
        }
        &mut self.interests[path.index()]
    }

    fn intern(&mut self, path: PathId, predicate: &Predicate) -> PredicateId {
        let distinct = &mut self.program.distinct;
        *self.known.entry((path, predicate.clone())).or_insert_with(|| {
            distinct.push((path, predicate.clone()));
            PredicateId(u32::try_from(distinct.len() - 1).expect("rules are too few for 2³² predicates"))
        })
    }

    /// Marks the paths on the way to the fields of a group, and returns those that several fields share.
    fn joints(&mut self, fields: &[PathId]) -> Box<[PathId]> {
        let mut on_the_way: Vec<PathId> = Vec::with_capacity(fields.len() * 2);
        for field in fields {
            for depth in 1..self.paths.depth(*field) {
                let inner = self.paths.ancestor(*field, depth);
                self.interest(inner).inner = true;
                on_the_way.push(inner);
            }
            on_the_way.push(*field);
        }
        on_the_way.sort_unstable();
        let mut joints = Vec::new();
        for same in on_the_way.chunk_by(PartialEq::eq).filter(|same| same.len() > 1) {
            self.interest(same[0]).joint = true;
            joints.push(same[0]);
        }
        self.interests[PathId::ROOT.index()].inner = true;
        joints.into()
    }

    /// How long a test takes, and how rarely it holds, for the order of tests.
    fn cost(&self, test: &Test) -> (u8, usize) {
        let literals = test.literals.of(&self.program.literals).len();
        let dearest = test.predicates.of(&self.program.predicates).iter().map(|predicate| {
            match self.program.predicate(*predicate) {
                Predicate::Exact(_) | Predicate::Exists | Predicate::Absent => 0,
                Predicate::Range(_) => 1,
                Predicate::Prefix(_) | Predicate::Suffix(_) => 2,
                Predicate::AnythingBut(_) | Predicate::EqualsIgnoreCase(_) => 3,
                Predicate::PrefixIgnoreCase(_) | Predicate::SuffixIgnoreCase(_) | Predicate::Network(_) => 4,
                Predicate::Wildcard(_) => 5,
            }
        });
        (dearest.max().unwrap_or(0), literals)
    }
}
