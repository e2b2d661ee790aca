//! Patterns → a program.

use super::literals::Literals;
use super::paths::{PathId, Paths};
use super::program::{
    Check, Clause, Group, GroupId, PredicateId, Program, Span, Test, TestId, sort_and_dedup,
};
use super::walk::Interest;
use crate::rules::pattern::{Condition, Field};
use crate::rules::predicate::Predicate;
use hashbrown::HashTable;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};

/// The program under construction.
#[derive(Default)]
pub(super) struct Compiler {
    pub(super) paths: Paths,
    pub(super) literals: Literals,
    pub(super) program: Program,
    /// By path.
    pub(super) interests: Vec<Interest>,
    predicates: HashMap<(PathId, Predicate), PredicateId>,
    tests: HashTable<TestId>,
    hasher: RandomState,
}

/// The parts of a group, while it is taken apart.
#[derive(Default)]
struct Parts {
    required: Vec<TestId>,
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
        parts.required.sort_by_key(|test| self.cost(*test));
        let start = self.program.required.len();
        self.program.required.extend(parts.required);
        let required = Span::since(&self.program.required, start);
        let joints = self.joints(&parts.fields);
        Group { required, joints, rest: parts.rest.into() }
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
                parts.fields.push(self.program.test(test).path);
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
                fields.push(self.program.test(test).path);
                Clause::Test(test)
            }
            Condition::Apart(pattern) => self.apart(pattern, false),
            Condition::Not(pattern) => self.apart(pattern, true),
        }
    }

    fn apart(&mut self, pattern: &Condition, negated: bool) -> Clause {
        let group = Box::new(self.group(pattern));
        let number = GroupId(self.program.groups);
        self.program.groups += 1;
        Clause::Apart { number, group, negated }
    }

    /// The test for a field; one for all fields that want the same.
    fn test(&mut self, field: &Field) -> TestId {
        let path = self.paths.intern(&field.path);
        self.interest(path).field = true;
        self.program.written += field.wanted.len();
        let literals = self.program.literals.len();
        let predicates = self.program.predicates.len();
        for wanted in &field.wanted {
            match wanted {
                Predicate::Exact(literal) => {
                    self.program.literals.push(self.literals.intern(path, literal.as_value()));
                }
                Predicate::Absent => {}
                predicate => {
                    let id = self.predicate(path, predicate);
                    self.program.predicates.push(id);
                }
            }
        }
        sort_and_dedup(&mut self.program.literals, literals);
        sort_and_dedup(&mut self.program.predicates, predicates);
        self.intern(Test {
            path,
            literals: Span::since(&self.program.literals, literals),
            predicates: Span::since(&self.program.predicates, predicates),
            absent: field.allows_absence(),
        })
    }

    /// Adds a test whose lists are the last ones of the program; if it is known, they are taken off again.
    fn intern(&mut self, test: Test) -> TestId {
        fn key<'p>(program: &'p Program, test: &Test) -> impl Hash + Eq + use<'p> {
            let literals = test.literals.of(&program.literals);
            (test.path, literals, test.predicates.of(&program.predicates), test.absent)
        }
        let Self { program, tests, hasher, .. } = self;
        let same = |known: &TestId| key(program, program.test(*known)) == key(program, &test);
        let hash = hasher.hash_one(key(program, &test));
        if let Some(known) = tests.find(hash, same).copied() {
            program.literals.truncate(test.literals.range().start);
            program.predicates.truncate(test.predicates.range().start);
            return known;
        }
        let added = TestId(u32::try_from(program.tests.len()).expect("rules are too few for 2³² fields"));
        program.tests.push(test);
        tests.insert_unique(hash, added, |known| hasher.hash_one(key(program, program.test(*known))));
        added
    }

    fn interest(&mut self, path: PathId) -> &mut Interest {
        if self.interests.len() < self.paths.len() {
            self.interests.resize(self.paths.len(), Interest::default());
        }
        &mut self.interests[path.index()]
    }

    fn predicate(&mut self, path: PathId, predicate: &Predicate) -> PredicateId {
        if let Some(known) = self.predicates.get(&(path, predicate.clone())) {
            return *known;
        }
        let check = self.check(path, predicate);
        let checks = &mut self.program.checks;
        let added = PredicateId(u32::try_from(checks.len()).expect("rules are too few for 2³² predicates"));
        checks.push((path, check));
        self.predicates.insert((path, predicate.clone()), added);
        added
    }

    fn check(&mut self, path: PathId, predicate: &Predicate) -> Check {
        let Predicate::AnythingBut(excluded) = predicate else { return Check::Holds(predicate.clone()) };
        let literals = excluded.iter().map(|excluded| match excluded {
            Predicate::Exact(literal) => Some(self.literals.intern(path, literal.as_value())),
            _ => None,
        });
        let Some(mut literals) = literals.collect::<Option<Vec<_>>>() else {
            return Check::Holds(predicate.clone());
        };
        literals.sort_unstable();
        Check::NoneOf(literals.into())
    }

    /// Marks the paths on the way to the fields of a group, and returns those that several fields share.
    fn joints(&mut self, fields: &[PathId]) -> Span {
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
        let start = self.program.joints.len();
        for same in on_the_way.chunk_by(PartialEq::eq).filter(|same| same.len() > 1) {
            self.interest(same[0]).joint = true;
            self.program.joints.push(same[0]);
        }
        self.interest(PathId::ROOT).inner = true;
        Span::since(&self.program.joints, start)
    }

    /// How long a test takes, and how rarely it holds, for the order of tests.
    fn cost(&self, test: TestId) -> (u8, usize) {
        let test = self.program.test(test);
        let literals = test.literals.of(&self.program.literals).len();
        let dearest = test.predicates.of(&self.program.predicates).iter().map(|predicate| {
            match self.program.check(*predicate) {
                Check::NoneOf(_) => 1,
                Check::Holds(predicate) => cost(predicate),
            }
        });
        (dearest.max().unwrap_or(0), literals)
    }
}

fn cost(predicate: &Predicate) -> u8 {
    match predicate {
        Predicate::Exact(_) | Predicate::Exists | Predicate::Absent => 0,
        Predicate::Range(_) => 1,
        Predicate::Prefix(_) | Predicate::Suffix(_) => 2,
        Predicate::AnythingBut(_) | Predicate::EqualsIgnoreCase(_) => 3,
        Predicate::PrefixIgnoreCase(_) | Predicate::SuffixIgnoreCase(_) | Predicate::Network(_) => 4,
        Predicate::Wildcard(_) => 5,
    }
}
