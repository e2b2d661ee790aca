//! Redis' answers about stream entries, taken apart without copying a frame.

use bb8_redis::redis::Value;
use bytes::Bytes;
use jiff::Timestamp;

use super::producer::{EVENTS_FIELD, FRAME_FIELD, LETTER_FIELD, ORIGIN_FIELD, TIME_FIELD};
use super::{EntryId, QueueError, Replay};

/// A stream entry as Redis tells of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: EntryId,
    /// `None` when the entry was deleted while it was unacknowledged.
    pub(super) fields: Option<Fields>,
}

/// What an entry holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    /// The frame; an entry without one is none of ours, and an empty frame is corrupt.
    pub(super) frame: Bytes,
    /// How many events were accepted with it.
    pub(super) events: u32,
    /// When the first of them was.
    pub(super) received_at: Option<Timestamp>,
    /// Where it was a dead letter before.
    pub(super) replay: Option<Replay>,
}

/// A stream's key and the entries read from it.
type StreamEntries = (Vec<u8>, Vec<Entry>);

/// The answer to `XREADGROUP`: `[[key, [entry, …]], …]`, or nothing.
pub(super) fn streams(reply: Value) -> Result<Vec<StreamEntries>, QueueError> {
    const COMMAND: &str = "XREADGROUP";
    if reply == Value::Nil {
        return Ok(Vec::new());
    }
    array(COMMAND, reply)?
        .into_iter()
        .map(|stream| match <[Value; 2]>::try_from(array(COMMAND, stream)?) {
            Ok([key, entries_of]) => Ok((text(COMMAND, key)?, entries(COMMAND, entries_of)?)),
            Err(other) => Err(unexpected(COMMAND, &other)),
        })
        .collect()
}

/// The answer to `XAUTOCLAIM`, `[cursor, [entry, …], [deleted id, …]]`: where to go on, and the entries.
pub(super) fn claimed(reply: Value) -> Result<(EntryId, Vec<Entry>), QueueError> {
    const COMMAND: &str = "XAUTOCLAIM";
    let mut parts = array(COMMAND, reply)?.into_iter();
    match (parts.next(), parts.next()) {
        (Some(cursor), Some(claimed)) => Ok((id(COMMAND, cursor)?, entries(COMMAND, claimed)?)),
        _ => Err(unexpected(COMMAND, &"no entries")),
    }
}

/// The answer to `XPENDING` for one entry, `[[id, consumer, idle, times]]`: how often it was delivered.
pub(super) fn times_delivered(reply: Value) -> Result<Option<u64>, QueueError> {
    const COMMAND: &str = "XPENDING";
    let Some(pending) = array(COMMAND, reply)?.pop() else { return Ok(None) };
    match array(COMMAND, pending)?.pop() {
        Some(Value::Int(times)) => Ok(u64::try_from(times).ok()),
        other => Err(unexpected(COMMAND, &other)),
    }
}

fn entries(command: &'static str, reply: Value) -> Result<Vec<Entry>, QueueError> {
    array(command, reply)?.into_iter().map(|value| entry(command, value)).collect()
}

fn entry(command: &'static str, reply: Value) -> Result<Entry, QueueError> {
    let [entry, fields] =
        <[Value; 2]>::try_from(array(command, reply)?).map_err(|other| unexpected(command, &other))?;
    let fields = match fields {
        Value::Nil => None,
        fields => Some(Fields::read(array(command, fields)?)),
    };
    Ok(Entry { id: id(command, entry)?, fields })
}

fn id(command: &'static str, reply: Value) -> Result<EntryId, QueueError> {
    let id = text(command, reply)?;
    let parsed = std::str::from_utf8(&id).ok().and_then(|id| id.parse().ok());
    parsed.ok_or_else(|| unexpected(command, &String::from_utf8_lossy(&id)))
}

impl Fields {
    fn read(fields: Vec<Value>) -> Self {
        let mut read = Self::default();
        let (mut origin, mut letter) = (None, None);
        let mut fields = fields.into_iter();
        while let (Some(Value::BulkString(name)), Some(Value::BulkString(value))) =
            (fields.next(), fields.next())
        {
            match std::str::from_utf8(&name) {
                Ok(FRAME_FIELD) => read.frame = value.into(),
                Ok(EVENTS_FIELD) => read.events = parsed(&value).unwrap_or(0),
                Ok(TIME_FIELD) => {
                    read.received_at = parsed(&value).and_then(|time| Timestamp::from_microsecond(time).ok());
                }
                Ok(ORIGIN_FIELD) => origin = parsed(&value),
                Ok(LETTER_FIELD) => letter = parsed(&value),
                _ => {}
            }
        }
        read.replay = origin.zip(letter).map(|(origin, letter)| Replay { origin, letter });
        read
    }
}

fn parsed<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn array(command: &'static str, reply: Value) -> Result<Vec<Value>, QueueError> {
    match reply {
        Value::Array(values) => Ok(values),
        other => Err(unexpected(command, &other)),
    }
}

fn text(command: &'static str, reply: Value) -> Result<Vec<u8>, QueueError> {
    match reply {
        Value::BulkString(text) => Ok(text),
        other => Err(unexpected(command, &other)),
    }
}

fn unexpected(command: &'static str, what: &impl std::fmt::Debug) -> QueueError {
    QueueError::Reply { command, what: format!("{what:?}").chars().take(200).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn entry_of(id: &str, fields: Value) -> Value {
        Value::Array(vec![bulk(id), fields])
    }

    #[test]
    fn frames_are_found_in_a_reply_and_deleted_entries_are_told_apart() {
        let fields = ["x", "other", "f", "frame", "n", "3", "t", "1000000", "o", "4-2", "l", "9"].map(bulk);
        let fields = Value::Array(fields.to_vec());
        let answer = Value::Array(vec![Value::Array(vec![
            bulk("events:{0}"),
            Value::Array(vec![entry_of("5-0", fields), entry_of("6-1", Value::Nil)]),
        ])]);
        let id = |milliseconds, sequence| EntryId { milliseconds, sequence };
        let replay = Some(Replay { origin: id(4, 2), letter: 9 });
        let fields = Fields {
            frame: Bytes::from_static(b"frame"),
            events: 3,
            received_at: Timestamp::from_second(1).ok(),
            replay,
        };
        let expected =
            vec![Entry { id: id(5, 0), fields: Some(fields) }, Entry { id: id(6, 1), fields: None }];
        assert_eq!(streams(answer).expect("well-formed"), [(b"events:{0}".to_vec(), expected)]);
    }

    #[test]
    fn no_answer_within_the_wait_is_no_entries() {
        assert_eq!(streams(Value::Nil).expect("well-formed"), []);
    }

    #[test]
    fn an_answer_of_another_form_is_an_error_that_names_the_command() {
        let error = streams(Value::Array(vec![Value::Int(1)])).expect_err("malformed");
        assert!(error.to_string().contains("XREADGROUP"), "{error}");
        assert!(claimed(Value::Array(vec![])).is_err());
    }
}
