//! The ways in which a rule can hold, as far as it takes to find it: of each way, fields that must hold.
//!
//! Rules are found by fields that must hold. Where those outside of `$or` do not tell a rule from others, it is found by
//! each branch of its shortest `$or` instead. Ways are never multiplied, so there are no more of them than branches.

use super::program::{Clause, Group, Program, TestId};

/// The fields of one way.
pub(super) type Alternative = Vec<TestId>;

/// The ways in which a group can hold.
pub(super) fn of(program: &Program, group: &Group) -> Vec<Alternative> {
    let mut required = group.required.of(&program.required).to_vec();
    let mut choices = Vec::new();
    for clause in &group.rest {
        add_clause(program, clause, &mut required, &mut choices);
    }
    combine(program, required, choices)
}

/// Sorts a clause that must hold into fields, and lists of which one must hold.
fn add_clause(
    program: &Program,
    clause: &Clause,
    required: &mut Alternative,
    choices: &mut Vec<Vec<Alternative>>,
) {
    match clause {
        Clause::Test(test) => required.push(*test),
        Clause::All(parts) => parts.iter().for_each(|part| add_clause(program, part, required, choices)),
        Clause::Any(branches) => {
            let branches = branches.iter().flat_map(|(_, branch)| {
                let (mut required, mut choices) = (Vec::new(), Vec::new());
                add_clause(program, branch, &mut required, &mut choices);
                combine(program, required, choices)
            });
            choices.push(branches.collect());
        }
        Clause::Apart { group, negated: false, .. } => choices.push(of(program, group)),
        Clause::Apart { negated: true, .. } => {}
    }
}

/// Joins fields that must hold with the shortest list of which one must hold, if the fields alone are not enough.
fn combine(program: &Program, required: Alternative, choices: Vec<Vec<Alternative>>) -> Vec<Alternative> {
    let selective = |test: &TestId| {
        let test = program.test(*test);
        test.predicates.range().is_empty() && !test.absent
    };
    let shortest = choices.into_iter().min_by_key(Vec::len);
    match shortest {
        Some(choice) if choice.len() == 1 || !required.iter().any(selective) => {
            choice.into_iter().map(|branch| [&*required, &*branch].concat()).collect()
        }
        _ => vec![required],
    }
}
