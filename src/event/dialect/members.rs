//! A JSON object as its members' texts: taking it apart, and writing one.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::super::JsonError;
use super::super::envelope::{EnvelopeError, Refusal};

/// The members of an object, in the order of its text.
#[derive(Debug, Default)]
pub(super) struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// The members of `object` that are not `null`.
    pub(super) fn read(object: &'a [u8]) -> Result<Self, EnvelopeError> {
        let malformed = |error| EnvelopeError::Malformed(JsonError::from_reader(&error, object));
        let Self(mut members) = serde_json::from_slice(object).map_err(malformed)?;
        members.retain(|(_, value)| value.get() != "null");
        Ok(Self(members))
    }

    /// All members of `value`; of what is no object, none.
    pub(super) fn read_all(value: &'a RawValue) -> Self {
        serde_json::from_str(value.get()).unwrap_or_default()
    }

    /// These, and those of `others` whose names none of these has.
    pub(super) fn or(mut self, others: Self) -> Self {
        let names: HashSet<Cow<'a, str>> = self.0.iter().map(|(name, _)| name.clone()).collect();
        self.0.extend(others.0.into_iter().filter(|(name, _)| !names.contains(name)));
        self
    }

    /// The first member of this name.
    pub(super) fn first(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| *value)
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

    /// Refuses a name that two of those have: readers of JSON differ in which of the two values they see.
    pub(super) fn check_rest(&self) -> Result<(), Refusal> {
        let mut names: Vec<&str> = self.0.iter().map(|(name, _)| &**name).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            None => Ok(()),
            Some(pair) => Err(Refusal::unknown(pair[0], "is given twice")),
        }
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
            members.push((name, value));
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

    /// Adds a member with this text as its value.
    pub(super) fn text(&mut self, name: &str, value: &[u8]) {
        self.name(name).extend_from_slice(value);
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

    /// Adds the only member as it came, and ends the object.
    pub(super) fn raw_and_close(mut self, name: &str, value: &RawValue) {
        self.raw(name, Some(value));
        self.close();
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
