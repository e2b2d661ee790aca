//! The sentence of an explanation: which part of a rule decided, what was seen there, and what is wanted.

use super::{Examiner, Part, What};
use crate::rules::pattern::Condition;

/// How many fields or branches a sentence tells of.
const TOLD: usize = 3;

/// Whether the rule wants a part, or excludes it by a `$not` around it.
#[derive(Clone, Copy)]
enum Attitude {
    Wants,
    Excludes,
}

impl Attitude {
    fn turned(self) -> Self {
        match self {
            Self::Wants => Self::Excludes,
            Self::Excludes => Self::Wants,
        }
    }

    fn verb(self) -> &'static str {
        match self {
            Self::Wants => "wants",
            Self::Excludes => "excludes",
        }
    }
}

/// Why the event does or does not match.
pub(super) fn of(rule: &Part, examiner: &mut Examiner<'_>) -> String {
    if rule.satisfied {
        return format!("the event matches: {}", agreement(rule, examiner, Attitude::Wants));
    }
    format!("the event does not match: {}", refusal(rule, examiner, Attitude::Wants))
}

/// What holds, of a part that holds.
fn agreement(part: &Part, examiner: &mut Examiner<'_>, attitude: Attitude) -> String {
    let mut facts = Vec::new();
    collect_facts(part, examiner, attitude, &mut facts);
    told(&facts, "; ", "fields")
}

fn collect_facts(part: &Part, examiner: &mut Examiner<'_>, attitude: Attitude, facts: &mut Vec<String>) {
    match &part.what {
        What::All(parts) => parts.iter().for_each(|part| collect_facts(part, examiner, attitude, facts)),
        What::Any(branches) => {
            if let Some(branch) = branches.iter().find(|branch| branch.satisfied) {
                collect_facts(branch, examiner, attitude, facts);
            }
        }
        What::Apart(pattern) => collect_facts(pattern, examiner, attitude, facts),
        What::Not(pattern) => facts.push(refusal(pattern, examiner, attitude.turned())),
        What::Field { path, .. } if !part.satisfied => {
            facts.push(format!(
                "`{path}` is missing from the array element that satisfies the rest of the rule"
            ));
        }
        What::Field { path, wanted, seen, more } => {
            facts.push(format!("`{path}` is {}, which fits {wanted}", shown(path, seen, *more, examiner)));
        }
    }
}

/// What fails, of a part that does not hold.
fn refusal(part: &Part, examiner: &mut Examiner<'_>, attitude: Attitude) -> String {
    match &part.what {
        What::All(_) => refusal_of_all(part, examiner, attitude),
        What::Any(branches) => {
            let reasons = branches
                .iter()
                .zip(1..)
                .map(|(branch, number)| format!("({number}) {}", refusal(branch, examiner, attitude)));
            format!("no branch of \"$or\" holds: {}", told(&reasons.collect::<Vec<_>>(), " ", "branches"))
        }
        What::Apart(pattern) => refusal(pattern, examiner, attitude),
        What::Not(pattern) => {
            let verb = attitude.turned().verb();
            format!("the rule {verb} what is there: {}", agreement(pattern, examiner, attitude.turned()))
        }
        What::Field { path, wanted, seen, more } => {
            let shown = shown(path, seen, *more, examiner);
            format!("`{path}` is {shown}; the rule {} {wanted}", attitude.verb())
        }
    }
}

/// A list of parts fails by one that fails on its own, or else by the first that fails beside those before it, because
/// they are satisfied by other elements of an array.
fn refusal_of_all(all: &Part, examiner: &mut Examiner<'_>, attitude: Attitude) -> String {
    let mut parts = Vec::new();
    flatten(all, &mut parts);
    if let Some(failing) = parts.iter().find(|part| !part.satisfied) {
        return refusal(failing, examiner, attitude);
    }
    let mut so_far = Vec::new();
    let deciding = parts.iter().find(|part| {
        so_far.push(part.condition.clone());
        !examiner.satisfies(&Condition::All(so_far.clone()))
    });
    let deciding = deciding.map(|part| agreement(part, examiner, attitude)).unwrap_or_default();
    format!("{deciding}; but that is not in the array element that satisfies the rest of the rule")
}

fn flatten<'p>(part: &'p Part, flat: &mut Vec<&'p Part>) {
    match &part.what {
        What::All(parts) => parts.iter().for_each(|part| flatten(part, flat)),
        _ => flat.push(part),
    }
}

/// What was seen in a field: these values, and so many more.
fn shown(path: &str, seen: &[serde_json::Value], more: usize, examiner: &Examiner<'_>) -> String {
    match seen {
        [] => examiner.container_at(path).unwrap_or("missing").to_owned(),
        values => {
            told_of(values.len() + more, &values.iter().map(shortened).collect::<Vec<_>>(), " and ", "values")
        }
    }
}

/// A value as JSON, cut if it is long.
fn shortened(value: &serde_json::Value) -> String {
    const LONGEST: usize = 80;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The first few of a list.
fn told(all: &[String], between: &str, what: &str) -> String {
    told_of(all.len(), all, between, what)
}

/// The first few of a list of so many, of which `first` has enough.
fn told_of(count: usize, first: &[String], between: &str, what: &str) -> String {
    // One more takes no more room than to say so.
    let more = if count > TOLD + 1 { count - TOLD } else { 0 };
    let told = first[..count - more].join(between);
    if more == 0 { told } else { format!("{told}{between}{more} more {what}") }
}
