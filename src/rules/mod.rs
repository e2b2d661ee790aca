//! JSON patterns → which of them an event matches, and why.
//!
//! The language is the event pattern of EventBridge; `docs/message_schema.md` teaches it. The way of a rule through this
//! module: [`Pattern::parse`] checks its text; [`RuleSet::compile`] builds one [index] over all rules;
//! [`CompiledRules::matches`] finds the rules that an event matches; [`explain()`] says why.
//!
//! # What a pattern means
//!
//! An event is its *leaves*: strings, numbers, booleans and nulls, each at a path, which is the keys that lead to it.
//! Arrays have no step of their own, so that a path may have many leaves. A field is *satisfied* by a leaf that satisfies
//! one of its predicates, or by being *absent*, if it wants `{"exists": false}`.
//!
//! **Elements.** An object in an array, or an array in an array, is an element. All fields of a pattern, and the branch
//! that is chosen of each of its `$or`s, must be satisfied without choosing two elements of one array: a leaf inside an
//! element chooses it, and a scalar that stands in the array itself chooses nothing. Where an event gives a key several
//! times (`"a.b"` counts as `"a": {"b": …}`), all its values count; if one of them is an array of elements, all of them
//! are elements of that one array.
//!
//! **Absence.** A field is absent if it has no leaf in the elements that the other fields have chosen. An array of which
//! no element is chosen counts whole: `{"a": {"b": [{"exists": false}]}}` does not match `{"a": [{"b": 1}, {"c": 2}]}`,
//! but together with `"c": [2]` it does.
//!
//! **Patterns of their own.** A branch of `$and` and the inside of `$not` are patterns of their own: matched against the
//! whole event, with nothing chosen beforehand, at whatever level they are written; the level only says where their paths
//! start. So two branches of an `$and` may be satisfied by two elements of one array, and a `$not` holds if nothing in
//! the event matches its inside.
//!
//! [`reference`](mod@reference) is all of this as code, written for reading. Invariants: pure, without clock and I/O; a
//! checked rule can be evaluated against any event, and its evaluation cannot fail.

mod error;
mod number;
mod fold;
mod network;
mod wildcard;
mod value;
mod predicate;
mod pattern;
mod reader;
mod index;
mod explain;
mod review;
pub mod reference;

pub use error::{RuleError, RuleErrors};
pub use explain::{Explanation, explain};
pub use index::{
    CompiledRules, EVENT_STEPS, LEAST_STEPS, RULE_STEPS, RuleAtWork, RuleOrdinal, RuleSet, Scratch, Stats,
};
pub use pattern::Pattern;
pub use review::Review;
