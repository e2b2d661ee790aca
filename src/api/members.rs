//! The members of a JSON object that a client sent: known, each at most once, each checked; what is wrong is collected,
//! so that the client learns all of it at once.

use std::collections::HashSet;
use std::fmt;
use std::num::NonZeroU32;

use jiff::Timestamp;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Fault, Kind, Problem};
use crate::event::parse_time;
use crate::event::split::without_mark;

/// The members that are left to read, and what was wrong so far.
#[derive(Debug)]
pub(super) struct Members<'a> {
    left: Vec<(String, &'a RawValue)>,
    faults: Vec<Fault>,
}

impl<'a> Members<'a> {
    /// The members of the object that `body` is.
    pub(super) fn read(body: &'a [u8]) -> Result<Self, Problem> {
        match entries(without_mark(body)) {
            Ok(members) => Ok(Self::once(members)),
            Err(error) if error.is_data() => {
                Err(Problem::new(Kind::Invalid, format!("the body is not as expected: {error}")))
            }
            Err(error) => Err(Problem::new(Kind::NotJson, format!("the body is not valid JSON: {error}"))),
        }
    }

    /// Keeps the first of each; a member that comes again is a fault.
    fn once(members: Vec<(String, &'a RawValue)>) -> Self {
        let mut kept = Self { left: Vec::new(), faults: Vec::new() };
        let mut names = HashSet::new();
        for (name, value) in members {
            if names.insert(name.clone()) {
                kept.left.push((name, value));
            } else {
                kept.fault(&pointer(&name), &format!("{:?} is given twice", shortened(&name)));
            }
        }
        kept
    }

    /// Records a fault at `pointer`.
    pub(super) fn fault(&mut self, pointer: &str, detail: &str) {
        self.faults.push(Fault {
            pointer: pointer.to_owned(),
            detail: detail.to_owned(),
            ..Fault::default()
        });
    }

    /// Whether the member is there, and was not taken yet.
    pub(super) fn has(&self, name: &str) -> bool {
        self.left.iter().any(|(given, _)| given == name)
    }

    /// Takes the member if it is `null`; whether it was.
    pub(super) fn take_null(&mut self, name: &str) -> bool {
        let count = self.left.len();
        self.left.retain(|(given, value)| given != name || value.get() != "null");
        self.left.len() < count
    }

    /// Takes a member's text as the client wrote it.
    pub(super) fn take_raw(&mut self, name: &str) -> Option<&'a str> {
        let at = self.left.iter().position(|(given, _)| given == name)?;
        Some(self.left.remove(at).1.get())
    }

    /// Takes a member as text of at most `limit` bytes.
    pub(super) fn take_text(&mut self, name: &str, limit: usize) -> Option<String> {
        self.take_checked(name, |text| storable(text, limit))
    }

    fn take_checked(&mut self, name: &str, check: impl FnOnce(&str) -> Result<(), String>) -> Option<String> {
        let text: String = self.take(name, "a string")?;
        match check(&text) {
            Ok(()) => Some(text),
            Err(complaint) => {
                self.fault(&format!("/{name}"), &format!("{name} {complaint}"));
                None
            }
        }
    }

    /// Takes a member that must be there, and not be blank; otherwise like [`Self::take_text`].
    pub(super) fn require_text(&mut self, name: &str, limit: usize) -> String {
        self.require(name, |text| {
            storable(text, limit)?;
            if text.trim().is_empty() { Err("is blank".to_owned()) } else { Ok(()) }
        })
    }

    /// Takes a member that must be there as text that keeps to `check`, which says what is wrong with another one.
    pub(super) fn require(&mut self, name: &str, check: impl FnOnce(&str) -> Result<(), String>) -> String {
        if !self.has(name) {
            self.fault(&format!("/{name}"), &format!("{name} is required"));
        }
        self.take_checked(name, check).unwrap_or_default()
    }

    /// Takes a member as a time, to the microsecond, as the store keeps it; `null` counts as absent.
    pub(super) fn take_time(&mut self, name: &str) -> Option<Timestamp> {
        const WANTED: &str = "an RFC 3339 time such as 2026-11-23T05:00:00Z, before 9999-12-30T22:00:00Z";
        let text: String = self.take::<Option<String>>(name, WANTED)??;
        let time = parse_time(&text);
        if time.is_none() {
            self.fault(&format!("/{name}"), &format!("{name} must be {WANTED}"));
        }
        time.and_then(|time| Timestamp::from_microsecond(time.as_microsecond()).ok())
    }

    /// Takes a member as a whole number from 1 to `most`; `null` counts as absent.
    pub(super) fn take_count(&mut self, name: &str, most: u32) -> Option<NonZeroU32> {
        let wanted = format!("a whole number from 1 to {most}");
        let count = self.take::<Option<serde_json::Number>>(name, &wanted)??;
        // In JSON 5.0 is as whole as 5.
        let count = count.as_f64().filter(|count| count.fract() == 0.0 && *count <= f64::from(most));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "below nothing it is nothing"
        )]
        let count = count.and_then(|count| NonZeroU32::new(count as u32));
        if count.is_none() {
            self.fault(&format!("/{name}"), &format!("{name} must be {wanted}"));
        }
        count
    }

    /// Ends the reading: members that nobody took are unknown, and `known` says which are not.
    pub(super) fn finish(mut self, known: &str) -> Result<(), Problem> {
        for (name, _) in std::mem::take(&mut self.left) {
            self.fault(&pointer(&name), &format!("{:?} is not known here; use {known}", shortened(&name)));
        }
        match self.faults.as_slice() {
            [] => Ok(()),
            [only] => Err(Problem::new(Kind::Invalid, only.detail.clone()).with_errors(self.faults)),
            faults => {
                let detail = format!("{} things are wrong; errors has each", faults.len());
                Err(Problem::new(Kind::Invalid, detail).with_errors(self.faults))
            }
        }
    }

    fn take<T: DeserializeOwned>(&mut self, name: &str, wanted: &str) -> Option<T> {
        let value = serde_json::from_str(self.take_raw(name)?).ok();
        if value.is_none() {
            self.fault(&format!("/{name}"), &format!("{name} must be {wanted}"));
        }
        value
    }
}

/// The members of the object that a JSON text is, in its order.
pub(super) fn entries(json: &[u8]) -> serde_json::Result<Vec<(String, &RawValue)>> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let entries = reader.deserialize_map(Entries)?;
    reader.end().map(|()| entries)
}

/// Whether the store can keep a text, of at most `limit` bytes; otherwise what is wrong with it.
fn storable(text: &str, limit: usize) -> Result<(), String> {
    if text.len() > limit {
        Err(format!("is {} bytes long; the limit is {limit}", text.len()))
    } else if text.contains('\0') {
        Err("contains U+0000, which cannot be stored".to_owned())
    } else {
        Ok(())
    }
}

fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// A name as short as a message should quote it.
fn shortened(name: &str) -> String {
    name.chars().take(64).collect()
}

/// Keeps each member, also one that is given twice.
struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(entries)
    }
}
