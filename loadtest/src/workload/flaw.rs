//! What is wrong with a poison event, which the server must refuse.
//!
//! Invariants: each flaw is refused whatever the server's limits are set to, and none spoils its neighbours: a spoilt
//! event is one line.

use super::draws::{Draws, Purpose};

/// More than any limit of a server on the bytes of an id, or on nesting.
const BEYOND_LIMITS: usize = 1_025;

/// A flaw of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    NoUser,
    EmptyUser,
    NumericUser,
    NoType,
    UnknownTime,
    NulInId,
    LongId,
    IdTwice,
    UnknownMember,
    PropertiesAsText,
    TooDeep,
    NoObject,
    CutOff,
    NoUtf8,
}

impl Flaw {
    pub(super) const ALL: [Self; 14] = [
        Self::NoUser,
        Self::EmptyUser,
        Self::NumericUser,
        Self::NoType,
        Self::UnknownTime,
        Self::NulInId,
        Self::LongId,
        Self::IdTwice,
        Self::UnknownMember,
        Self::PropertiesAsText,
        Self::TooDeep,
        Self::NoObject,
        Self::CutOff,
        Self::NoUtf8,
    ];

    /// The flaw of the event of this number, if it has one, of which `share` is the probability.
    pub(super) fn draw(seed: u64, number: u64, share: f64) -> Option<Self> {
        if share <= 0.0 {
            return None;
        }
        let mut draws = Draws::new(seed, Purpose::Flaw, number);
        draws.happens(share).then(|| draws.one_of(&Self::ALL))
    }

    /// The event, which is good and as [`Event::write`](super::Event) writes it, with the flaw.
    pub(super) fn spoil(self, event: &str) -> Vec<u8> {
        let spoilt = match self {
            Self::NoUser => with_member(event, "user_id", ""),
            Self::EmptyUser => with_member(event, "user_id", r#""user_id":"","#),
            Self::NumericUser => with_member(event, "user_id", r#""user_id":7,"#),
            Self::NoType => with_member(event, "event_type", ""),
            Self::UnknownTime => with_member(event, "timestamp", r#""timestamp":"yesterday","#),
            Self::NulInId => with_longer_id(event, r"\u0000"),
            Self::LongId => with_longer_id(event, &"x".repeat(BEYOND_LIMITS)),
            Self::IdTwice => event.replacen('{', r#"{"event_id":"another","#, 1),
            Self::UnknownMember => event.replacen('{', r#"{"amount":1,"#, 1),
            Self::PropertiesAsText => with_properties(event, r#""none""#),
            Self::TooDeep => {
                let (open, close) = ("[".repeat(BEYOND_LIMITS), "]".repeat(BEYOND_LIMITS));
                with_properties(event, &format!(r#"{{"deep":{open}{close}}}"#))
            }
            Self::NoObject => r#""an event""#.to_owned(),
            Self::CutOff => event[..event.len() / 2].to_owned(),
            Self::NoUtf8 => return without_utf8(event),
        };
        spoilt.into_bytes()
    }
}

/// The event with `member` in the place of the one of this name, whose value is text.
fn with_member(event: &str, name: &str, member: &str) -> String {
    let (before, rest) = event.split_once(&format!(r#""{name}":""#)).expect("each event has the member");
    let (_, after) = rest.split_once(r#"","#).expect("another member comes after it");
    format!("{before}{member}{after}")
}

fn with_longer_id(event: &str, end: &str) -> String {
    event.replacen(r#"","event_type""#, &format!(r#"{end}","event_type""#), 1)
}

/// The event with these properties and nothing after them.
fn with_properties(event: &str, properties: &str) -> String {
    let (before, _) = event.split_once(r#""properties":"#).expect("each event has properties");
    format!(r#"{before}"properties":{properties}}}"#)
}

fn without_utf8(event: &str) -> Vec<u8> {
    let mut spoilt = event.as_bytes().to_vec();
    let place = event.find(r#"","user_id""#).expect("each event has a user");
    spoilt.insert(place, 0xFF);
    spoilt
}
