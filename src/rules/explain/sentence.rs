//! The sentence of an explanation: which part of a rule decided, what was seen there, and what is wanted.

use super::{Examiner, Part, What};
use crate::rules::RULE_STEPS;

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
    match rule.satisfied {
        Some(true) => format!("the event matches: {}", agreement(rule, examiner, Attitude::Wants)),
        Some(false) => format!("the event does not match: {}", refusal(rule, examiner, Attitude::Wants)),
        None => format!(
            "whether the event matches is not known: that takes more than {RULE_STEPS} steps, so the rule is set aside \
             for this event"
        ),
    }
}

/// What holds, of a part that holds.
fn agreement(part: &Part, examiner: &mut Examiner<'_>, attitude: Attitude) -> String {
    let mut facts = Told::default();
    collect_facts(part, examiner, attitude, &mut facts);
    facts.joined("; ", "fields")
}

fn collect_facts(part: &Part, examiner: &mut Examiner<'_>, attitude: Attitude, facts: &mut Told) {
    match &part.what {
        What::All(parts) => parts.iter().for_each(|part| collect_facts(part, examiner, attitude, facts)),
        What::Any(branches) => {
            if let Some(branch) = branches.iter().find(|branch| branch.satisfied == Some(true)) {
                collect_facts(branch, examiner, attitude, facts);
            }
        }
        What::Apart(pattern) => collect_facts(pattern, examiner, attitude, facts),
        What::Not(pattern) => facts.add(|| refusal(pattern, examiner, attitude.turned())),
        What::Field { path, wanted, seen, more } => facts.add(|| match part.satisfied {
            Some(true) => {
                format!("`{path}` is {}, which fits {wanted}", shown(path, seen, *more, examiner))
            }
            Some(false) => {
                format!("`{path}` is missing from the array element that satisfies the rest of the rule")
            }
            None => format!("`{path}` takes too many steps to be looked at"),
        }),
    }
}

/// What fails, of a part that does not hold.
fn refusal(part: &Part, examiner: &mut Examiner<'_>, attitude: Attitude) -> String {
    match &part.what {
        What::All(_) => refusal_of_all(part, examiner, attitude),
        What::Any(branches) => {
            let mut reasons = Told::default();
            for (branch, number) in branches.iter().zip(1..) {
                reasons.add(|| format!("({number}) {}", refusal(branch, examiner, attitude)));
            }
            format!("no branch of \"$or\" holds: {}", reasons.joined(" ", "branches"))
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
    if let Some(failing) = parts.iter().find(|part| part.satisfied == Some(false)) {
        return refusal(failing, examiner, attitude);
    }
    let mut so_far = Vec::new();
    for part in parts {
        so_far.push(part.condition.clone());
        match examiner.satisfies_all(&so_far) {
            Some(true) => {}
            Some(false) => {
                let deciding = agreement(part, examiner, attitude);
                return format!(
                    "{deciding}; but that is not in the array element that satisfies the rest of the rule"
                );
            }
            None => break,
        }
    }
    "no array element satisfies all of the rule".to_owned()
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

/// The first few of a list; the others are only counted.
#[derive(Default)]
struct Told {
    first: Vec<String>,
    count: usize,
}

impl Told {
    fn add(&mut self, what: impl FnOnce() -> String) {
        if self.first.len() <= TOLD {
            self.first.push(what());
        }
        self.count += 1;
    }

    fn joined(&self, between: &str, what: &str) -> String {
        told_of(self.count, &self.first, between, what)
    }
}

/// The first few of a list of so many, of which `first` has enough.
fn told_of(count: usize, first: &[String], between: &str, what: &str) -> String {
    // One more takes no more room than to say so.
    let more = if count > TOLD + 1 { count - TOLD } else { 0 };
    let told = first[..count - more].join(between);
    if more == 0 { told } else { format!("{told}{between}{more} more {what}") }
}
