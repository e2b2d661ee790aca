//! What an accepted event can hold at the path of a field. `docs/message_schema.md` says what an event is.

use super::outcome::Outcome;
use crate::event::{Limits, MOST_TEXT_BYTES, is_blank, is_time};
use crate::rules::predicate::Predicate;
use crate::rules::value::{Literal, Value};

/// The members that are strings in every event.
const TEXTS: [&str; 4] = ["event_id", "event_type", "user_id", "timestamp"];
/// The members that are objects, if they are there.
pub(super) const OBJECTS: [&str; 2] = ["properties", "context"];
/// What the members are called elsewhere, in lower case and without `_`, `-` and `$`.
const MEANT: [(&str, &str); 14] = [
    ("eventid", "event_id"),
    ("messageid", "event_id"),
    ("id", "event_id"),
    ("eventtype", "event_type"),
    ("type", "event_type"),
    ("event", "event_type"),
    ("userid", "user_id"),
    ("user", "user_id"),
    ("subject", "user_id"),
    ("timestamp", "timestamp"),
    ("time", "timestamp"),
    ("properties", "properties"),
    ("data", "properties"),
    ("context", "context"),
];

/// What stands at a path in accepted events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place<'p> {
    /// A string, in every event.
    Text(&'p str),
    /// Below `properties` or `context`: any value, or none.
    Free,
    /// An object or nothing, so no value.
    Object(&'p str),
    /// Nothing, as this member is a string.
    InText(&'p str),
    /// Nothing, as no event has this member.
    Unknown(&'p str),
}

impl<'p> Place<'p> {
    pub(super) fn of(path: &'p str) -> Self {
        let (member, below) = path.split_once('.').map_or((path, false), |(member, _)| (member, true));
        match (TEXTS.contains(&member), OBJECTS.contains(&member), below) {
            (true, _, false) => Self::Text(member),
            (true, _, true) => Self::InText(member),
            (_, true, false) => Self::Object(member),
            (_, true, true) => Self::Free,
            (false, false, _) => Self::Unknown(member),
        }
    }

    /// Why no event has a value here.
    pub(super) fn complaint(self, path: &str) -> Option<String> {
        match self {
            Self::Text(_) | Self::Free => None,
            Self::Object(member) => Some(format!(
                "{member:?} is an object and has no value of its own; name a member of it: {{{member:?}: {{\"…\": …}}}}"
            )),
            Self::InText(member) => Some(format!("{member:?} is a string and has no members")),
            Self::Unknown(member) if member.starts_with('$') => Some(unknown_key(member)),
            Self::Unknown(member) => Some(match meant(member) {
                Some(meant) => format!("{member:?} is not a member of an event; write {meant:?}"),
                None => format!(
                    "{member:?} is not a member of an event; put it under properties or context, as in \
                     \"properties.{path}\""
                ),
            }),
        }
    }
}

/// What a key with a `$` was probably meant to be.
pub(in crate::rules) fn unknown_key(key: &str) -> String {
    let meant = match &*plain(key) {
        "or" | "any" | "anyof" => "write \"$or\"",
        "and" | "all" | "allof" => "write \"$and\"",
        "not" | "nor" | "none" | "noneof" => "write \"$not\"",
        _ => "use \"$or\", \"$and\" or \"$not\"",
    };
    format!("{key:?} is not known; {meant}")
}

fn meant(member: &str) -> Option<&'static str> {
    let plain = plain(member);
    MEANT.iter().find(|(spelling, _)| *spelling == plain).map(|(_, meant)| *meant)
}

/// A name in lower case and without `_`, `-` and `$`.
pub(super) fn plain(key: &str) -> String {
    key.chars()
        .filter(|character| !matches!(character, '_' | '-' | '$'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// Whether the string that a member always is satisfies a predicate; if it never does, why.
pub(super) fn text(member: &str, predicate: &Predicate) -> Result<Outcome, String> {
    let never = |detail: String| Err(detail);
    match predicate {
        Predicate::Absent => never(format!("{member:?} is in every event, so it is never missing")),
        Predicate::Exists => Ok(Outcome::Always),
        Predicate::Exact(Literal::String(text)) | Predicate::EqualsIgnoreCase(text) if is_blank(text) => {
            never(format!("{member:?} is never empty, nor only white space"))
        }
        Predicate::Exact(Literal::String(text)) if member == "timestamp" && !is_time(text) => {
            never(format!("{text:?} is not a time such as \"2026-11-23T05:00:00Z\""))
        }
        _ if limits(member).is_some() && length(predicate) > usize::from(MOST_TEXT_BYTES) => {
            never(format!("{member:?} is never longer than {MOST_TEXT_BYTES} bytes"))
        }
        Predicate::Exact(number @ Literal::Number(_)) => {
            never(format!("{member:?} is a string and never the number {number}; write \"{number}\""))
        }
        Predicate::Exact(Literal::Null | Literal::Bool(_)) | Predicate::Range(_) => {
            never(format!("{member:?} is a string, which is never {}", shown(predicate)))
        }
        Predicate::AnythingBut(excluded) if excluded.iter().all(is_number) => Ok(Outcome::Always),
        Predicate::Prefix(affix) | Predicate::Suffix(affix) if affix.is_empty() => Ok(Outcome::Always),
        _ => Ok(Outcome::Possible),
    }
}

/// What to know of a text that only some servers would accept in an event.
pub(super) fn unusual_length(member: &str, predicate: &Predicate) -> Option<String> {
    let (setting, limit) = limits(member)?;
    let length = length(predicate);
    let is_unusual = length > usize::from(limit) && length <= usize::from(MOST_TEXT_BYTES);
    is_unusual.then(|| {
        format!(
            "{member:?} is at most {limit} bytes long, unless {setting} says otherwise, and this is {length} bytes long"
        )
    })
}

/// The setting that limits a member's length, and its default.
fn limits(member: &str) -> Option<(&'static str, u16)> {
    const DEFAULT: Limits = Limits::DEFAULT;
    match member {
        "event_id" => Some(("MAX_EVENT_ID_BYTES", DEFAULT.max_event_id_bytes)),
        "event_type" => Some(("MAX_EVENT_TYPE_BYTES", DEFAULT.max_event_type_bytes)),
        "user_id" => Some(("MAX_USER_ID_BYTES", DEFAULT.max_user_id_bytes)),
        _ => None,
    }
}

/// The least length of a string that satisfies a predicate, in bytes.
fn length(predicate: &Predicate) -> usize {
    match predicate {
        Predicate::Exact(Literal::String(text)) | Predicate::Prefix(text) | Predicate::Suffix(text) => {
            text.len()
        }
        _ => 0,
    }
}

fn is_number(predicate: &Predicate) -> bool {
    matches!(predicate, Predicate::Exact(literal) if matches!(literal.as_value(), Value::Number(_)))
}

fn shown(predicate: &Predicate) -> String {
    match predicate {
        Predicate::Range(range) => format!("a number {range}"),
        other => other.to_string(),
    }
}
