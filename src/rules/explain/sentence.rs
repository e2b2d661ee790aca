//! The sentence of an explanation: which part of a rule decided, what was seen there, and what is wanted.

use super::{Examiner, Part, What};
use crate::rules::pattern::Condition;

/// How many fields or branches a sentence tells of.
const TOLD: usize = 3;

/// Why the event does or does not match.
pub(super) fn of(rule: &Part, examiner: &mut Examiner<'_>) -> String {
    if rule.satisfied {
        return format!("the event matches: {}", agreement(rule));
    }
    format!("the event does not match: {}", refusal(rule, examiner))
}

/// What holds, of a part that holds.
fn agreement(part: &Part) -> String {
    let mut facts = Vec::new();
    collect_facts(part, &mut facts);
    told(facts, "; ", "fields")
}

fn collect_facts(part: &Part, facts: &mut Vec<String>) {
    match &part.what {
        What::All(parts) => parts.iter().for_each(|part| collect_facts(part, facts)),
        What::Any(branches) => {
            if let Some(branch) = branches.iter().find(|branch| branch.satisfied) {
                collect_facts(branch, facts);
            }
        }
        What::Apart(pattern) => collect_facts(pattern, facts),
        What::Not(_) => facts.push("what the rule excludes is not there".to_owned()),
        What::Field { path, wanted, seen } => {
            facts.push(format!("`{path}` is {}, which fits {wanted}", shown(seen)));
        }
    }
}

/// What fails, of a part that does not hold.
fn refusal(part: &Part, examiner: &mut Examiner<'_>) -> String {
    match &part.what {
        What::All(_) => refusal_of_all(part, examiner),
        What::Any(branches) => {
            let reasons = branches
                .iter()
                .zip(1..)
                .map(|(branch, number)| format!("({number}) {}", refusal(branch, examiner)));
            format!("no branch of \"$or\" holds: {}", told(reasons.collect(), " ", "branches"))
        }
        What::Apart(pattern) => refusal(pattern, examiner),
        What::Not(pattern) => format!("the rule excludes what is there: {}", agreement(pattern)),
        What::Field { path, wanted, seen } => format!("`{path}` is {}; the rule wants {wanted}", shown(seen)),
    }
}

/// A list of parts fails by one that fails on its own, or else by the first that fails beside those before it, because
/// they are satisfied by other elements of an array.
fn refusal_of_all(all: &Part, examiner: &mut Examiner<'_>) -> String {
    let mut parts = Vec::new();
    flatten(all, &mut parts);
    if let Some(failing) = parts.iter().find(|part| !part.satisfied) {
        return refusal(failing, examiner);
    }
    let mut so_far = Vec::new();
    let deciding = parts.iter().find(|part| {
        so_far.push(part.condition.clone());
        !examiner.satisfies(&Condition::All(so_far.clone()))
    });
    let deciding = deciding.map(|part| agreement(part)).unwrap_or_default();
    format!("{deciding}; but that is not in the array element that satisfies the rest of the rule")
}

fn flatten<'p>(part: &'p Part, flat: &mut Vec<&'p Part>) {
    match &part.what {
        What::All(parts) => parts.iter().for_each(|part| flatten(part, flat)),
        _ => flat.push(part),
    }
}

/// What was seen in a field.
fn shown(seen: &[serde_json::Value]) -> String {
    match seen {
        [] => "missing".to_owned(),
        values => told(values.iter().map(ToString::to_string).collect(), " and ", "values"),
    }
}

/// The first few of a list.
fn told(all: Vec<String>, between: &str, what: &str) -> String {
    let more = all.len().saturating_sub(TOLD);
    let told = all.into_iter().take(TOLD).collect::<Vec<_>>().join(between);
    if more == 0 { told } else { format!("{told}{between}{more} more {what}") }
}
