//! A JSON object as its members' texts: taking it apart, and writing one.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::super::envelope::{EnvelopeError, Refusal};

/// The members of an object that are not `null`, in the order of its text.
#[derive(Debug)]
pub(super) struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// The members of `object`.
    pub(super) fn read(object: &'a [u8]) -> Result<Self, EnvelopeError> {
        Ok(serde_json::from_slice(object)?)
    }

    /// Takes the member of this name out.
    pub(super) fn take(&mut self, name: &str) -> Result<Option<&'a RawValue>, Refusal> {
        let mut found = self.0.extract_if(.., |(other, _)| other == name).map(|(_, value)| value);
        let value = found.next();
        if found.next().is_some() {
            return Err(Refusal::member(name, "is given twice"));
        }
        Ok(value)
    }

    /// Those that have not been taken.
    pub(super) fn rest(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, value)| (&**name, *value))
    }
}

/// A name; borrowed from the text where nothing in it is escaped.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Members<'de>, M::Error> {
        let mut members = Vec::new();
        while let Some((Name(name), value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
            if value.get() != "null" {
                members.push((name, value));
            }
        }
        Ok(Members(members))
    }
}

/// Writes an object.
pub(super) struct ObjectWriter<'o> {
    text: &'o mut Vec<u8>,
    started: bool,
}

impl<'o> ObjectWriter<'o> {
    /// Opens one at the end of `text`.
    pub(super) fn open(text: &'o mut Vec<u8>) -> Self {
        text.push(b'{');
        Self { text, started: false }
    }

    /// Adds a member as it came, if it is there.
    pub(super) fn raw(&mut self, name: &str, value: Option<&RawValue>) {
        if let Some(value) = value {
            self.name(name).extend_from_slice(value.get().as_bytes());
        }
    }

    /// Adds a member that is a string.
    pub(super) fn string(&mut self, name: &str, value: &str) {
        write_string(self.name(name), value);
    }

    /// Adds a member that is an object, and opens it.
    pub(super) fn object(&mut self, name: &str) -> ObjectWriter<'_> {
        ObjectWriter::open(self.name(name))
    }

    /// Adds members as they stand in another object.
    pub(super) fn members(&mut self, members: &[u8]) {
        if !members.is_empty() {
            self.separate();
            self.text.extend_from_slice(members);
        }
    }

    /// Ends it.
    pub(super) fn close(self) {
        self.text.push(b'}');
    }

    fn name(&mut self, name: &str) -> &mut Vec<u8> {
        self.separate();
        write_string(self.text, name);
        self.text.push(b':');
        self.text
    }

    fn separate(&mut self) {
        if std::mem::replace(&mut self.started, true) {
            self.text.push(b',');
        }
    }
}

fn write_string(text: &mut Vec<u8>, string: &str) {
    serde_json::to_writer(text, string).expect("a Vec takes any write");
}

/// A string's value; nothing for any other JSON.
pub(super) fn as_string(value: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Name<'_>>(value.get()).ok().map(|Name(string)| string)
}
