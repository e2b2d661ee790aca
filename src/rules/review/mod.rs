//! A rule that is about to be saved: what of it no accepted event can satisfy, and what may be dear.
//!
//! The language itself knows no envelope, and a rule that matches nothing is a rule. So this is asked only where a campaign
//! is saved or tried; one that was stored before goes on as it is.
//!
//! - [`outcome`]: never, possibly, always
//! - [`texts`]: which strings the members that are strings may be
//! - [`accepted`]: what an accepted event can hold at a path
//! - [`lookalikes`]: names that other languages have for operators

mod accepted;
mod lookalikes;
mod outcome;
mod texts;

use super::error::{RuleError, RuleErrors};
use super::index::RULE_STEPS;
use super::pattern::Pattern;
use super::predicate::Predicate;
use super::reader::{self, Pointer};
use crate::event::{Document, Parser};
pub(super) use accepted::unknown_key;

use accepted::Place;
use outcome::Outcome;
use simd_json::Node;
use std::fmt::Display;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem::take;
use texts::Texts;

/// A part of a rule is dear if it takes more steps than this for each value of an event's arrays: then an event with a
/// thousand values is too much.
const DEAR: u64 = RULE_STEPS / 1_000;

/// What there is to say of a rule that the language accepts.
#[derive(Clone, Debug, Default)]
pub struct Review {
    refused: Vec<RuleError>,
    warnings: Vec<RuleError>,
}

impl Review {
    /// Looks through the JSON text of a rule.
    pub fn of(json_text: &str) -> Result<Self, RuleErrors> {
        Pattern::parse(json_text)?;
        let mut reviewer = Reviewer::default();
        let outcome = Parser::new(reader::MAX_JSON_DEPTH)
            .parse(json_text.as_bytes(), |document| reviewer.whole_pattern(document, None).outcome);
        Ok(reviewer.review(outcome.unwrap_or(Outcome::Possible)))
    }

    /// Why the rule must not be saved: no accepted event can match it, or it is not what was meant.
    #[must_use]
    pub fn refused(&self) -> &[RuleError] {
        &self.refused
    }

    /// What is allowed and worth a second look: parts that no event satisfies, and parts that may be dear.
    #[must_use]
    pub fn warnings(&self) -> &[RuleError] {
        &self.warnings
    }
}

/// A part of a rule, summed up.
#[derive(Clone, Debug)]
struct Found {
    outcome: Outcome,
    /// What the members that are strings may be.
    texts: Texts,
    /// In how many ways its `$or`s can be combined.
    ways: u64,
    /// The most fields that one combination has.
    fields: u64,
    /// Operators that are tried on each value.
    checks: u64,
    /// The paths above its fields at which arrays may stand, hashed.
    arrays: Vec<u64>,
}

impl Found {
    fn outcome(outcome: Outcome) -> Self {
        Self { outcome, texts: Texts::default(), ways: 1, fields: 0, checks: 0, arrays: Vec::new() }
    }

    fn and(mut self, mut other: Self) -> Self {
        Self {
            outcome: self.outcome.and(other.outcome),
            texts: take(&mut self.texts).and(take(&mut other.texts)),
            ways: self.ways.saturating_mul(other.ways),
            fields: self.fields + other.fields,
            ..self.beside(other)
        }
    }

    fn or(mut self, mut other: Self) -> Self {
        Self {
            outcome: self.outcome.or(other.outcome),
            texts: take(&mut self.texts).or(take(&mut other.texts)),
            ways: self.ways + other.ways,
            fields: self.fields.max(other.fields),
            ..self.beside(other)
        }
    }

    fn beside(mut self, mut other: Self) -> Self {
        self.arrays.append(&mut other.arrays);
        Self { checks: self.checks + other.checks, ..self }
    }

    /// The most steps that this takes for each value of an event's arrays.
    fn steps_a_value(mut self) -> u64 {
        self.arrays.sort_unstable();
        let shared = self.arrays.windows(2).any(|pair| pair[0] == pair[1]);
        self.checks + if shared { self.ways.saturating_mul(self.fields) } else { 0 }
    }
}

#[derive(Default)]
struct Reviewer {
    pointer: Pointer,
    /// Why no event satisfies a part.
    dead: Vec<RuleError>,
    /// What is not what was meant.
    mistaken: Vec<RuleError>,
    warnings: Vec<RuleError>,
    dear: bool,
    steps_a_value: u64,
}

impl Reviewer {
    fn review(mut self, outcome: Outcome) -> Review {
        if !self.dear && self.steps_a_value > DEAR {
            self.warn_of_dear(self.steps_a_value);
        }
        let mut review = Review { refused: self.mistaken, warnings: self.warnings };
        if outcome == Outcome::Never { &mut review.refused } else { &mut review.warnings }.extend(self.dead);
        review
    }

    fn warn_of_dear(&mut self, steps: u64) {
        let detail = format!(
            "this can take {steps} steps for each value of an event's arrays, and a rule that takes more than {RULE_STEPS} \
             steps for an event is set aside for it; make the \"$or\"s smaller, list fewer operators, or split the rule"
        );
        self.warnings.push(self.error(detail));
    }

    fn error(&self, detail: impl Display) -> RuleError {
        RuleError { pointer: self.pointer.to_string(), detail: detail.to_string() }
    }

    fn at<R>(&mut self, step: impl Display, look: impl FnOnce(&mut Self) -> R) -> R {
        let above = self.pointer.push(step);
        let result = look(self);
        self.pointer.return_to(above);
        result
    }

    /// A pattern that is matched on its own.
    fn whole_pattern(&mut self, pattern: Document<'_>, prefix: Option<&str>) -> Found {
        let mut found = self.pattern(pattern, prefix);
        let alone = Found { texts: take(&mut found.texts), ..Found::outcome(found.outcome) };
        let steps = found.steps_a_value();
        self.steps_a_value = self.steps_a_value.saturating_add(steps);
        if steps > DEAR {
            self.dear = true;
            self.warn_of_dear(steps);
        }
        alone
    }

    /// Two parts that must hold together.
    fn both(&mut self, one: Found, other: Found) -> Found {
        let mut both = one.and(other);
        if let Some(member) = both.texts.take_impossible() {
            self.dead.push(self.error(format!(
                "{member:?} is one string, and none is all that is asked of it here; put values of which one is \
                 enough into one list"
            )));
            both.outcome = Outcome::Never;
        }
        both
    }

    fn pattern(&mut self, pattern: Document<'_>, prefix: Option<&str>) -> Found {
        pattern.entries().fold(Found::outcome(Outcome::Always), |found, (key, value)| {
            let entry = self.at(key, |reviewer| reviewer.entry(key, value, prefix));
            self.both(found, entry)
        })
    }

    fn entry(&mut self, key: &str, value: Document<'_>, prefix: Option<&str>) -> Found {
        let numbered = || value.elements().enumerate();
        match key {
            "$or" => numbered()
                .map(|(place, branch)| self.at(place, |reviewer| reviewer.pattern(branch, prefix)))
                .reduce(Found::or)
                .unwrap_or(Found::outcome(Outcome::Never)),
            "$and" => numbered().fold(Found::outcome(Outcome::Always), |found, (place, branch)| {
                let branch = self.at(place, |reviewer| reviewer.whole_pattern(branch, prefix));
                self.both(found, branch)
            }),
            "$not" => {
                let excluded = self.whole_pattern(value, prefix).outcome;
                if excluded == Outcome::Always {
                    self.dead.push(self.error("every event matches this, so its \"$not\" never holds"));
                }
                Found::outcome(excluded.not())
            }
            field => self.field(field, value, prefix),
        }
    }

    fn field(&mut self, key: &str, value: Document<'_>, prefix: Option<&str>) -> Found {
        let path = prefix.map_or_else(|| key.to_owned(), |prefix| format!("{prefix}.{key}"));
        match value.nodes().first() {
            Some(Node::Object { .. }) => return self.pattern(value, Some(&path)),
            Some(Node::Array { .. }) if reader::is_operator(key) => {
                if reader::is_operand(key, value) {
                    self.mistaken.push(self.error(reader::meant(key, value)));
                } else {
                    let detail =
                        format!("{key:?} is the name of an operator; here it is a field of that name");
                    self.warnings.push(self.error(detail));
                }
            }
            _ if prefix.is_some_and(|above| !accepted::OBJECTS.contains(&above))
                && let Some(advice) = lookalikes::advice(key) =>
            {
                self.warnings.push(self.error(advice));
            }
            _ if prefix.is_some() && key.starts_with('$') => {
                let detail = format!("{}; here it is a field of that name", unknown_key(key));
                self.warnings.push(self.error(detail));
            }
            _ => {}
        }
        self.leaf(&path, value)
    }

    fn leaf(&mut self, path: &str, value: Document<'_>) -> Found {
        let single = value.elements().next().is_none().then_some(value);
        let wanted: Vec<_> = value.elements().chain(single).map(reader::wanted).collect();
        let place = Place::of(path);
        let outcome = match place {
            Place::Free => Outcome::Possible,
            Place::Text(member) => {
                let outcomes = wanted.iter().enumerate().map(|(position, wanted)| {
                    self.at(position, |reviewer| reviewer.text(member, wanted.as_ref()))
                });
                outcomes.fold(Outcome::Never, Outcome::or)
            }
            nothing => self.nothing(nothing, path, &wanted),
        };
        let depth = if place == Place::Free { 2 } else { 1 };
        let mut array = DefaultHasher::new();
        path.split('.').take(depth).for_each(|step| step.hash(&mut array));
        let checks = wanted.iter().flatten().map(checks).sum();
        let texts =
            if let Place::Text(member) = place { Texts::of(member, &wanted) } else { Texts::default() };
        Found { outcome, texts, ways: 1, fields: 1, checks, arrays: vec![array.finish()] }
    }

    fn text(&mut self, member: &str, wanted: Option<&Predicate>) -> Outcome {
        let Some(wanted) = wanted else { return Outcome::Possible };
        if let Some(warning) = accepted::unusual_length(member, wanted) {
            self.warnings.push(self.error(warning));
        }
        accepted::text(member, wanted).unwrap_or_else(|complaint| {
            self.dead.push(self.error(complaint));
            Outcome::Never
        })
    }

    /// A field that has a value in no event.
    fn nothing(&mut self, place: Place<'_>, path: &str, wanted: &[Option<Predicate>]) -> Outcome {
        let Some(complaint) = place.complaint(path) else { return Outcome::Possible };
        if wanted.contains(&Some(Predicate::Absent)) {
            self.warnings.push(self.error(format!("this always holds: {complaint}")));
            return Outcome::Always;
        }
        self.dead.push(self.error(complaint));
        Outcome::Never
    }
}

/// How many operators are tried on each value one after the other, literals aside.
fn checks(predicate: &Predicate) -> u64 {
    match predicate {
        Predicate::Exact(_) | Predicate::Exists | Predicate::Absent => 0,
        Predicate::AnythingBut(excluded) => excluded.iter().map(checks).sum(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests;
