//! The document's events and messages, read as the server reads them.

use campaign_manager::event::{Arrival, Dialect, EnvelopeError, EnvelopeReader, Limits, SegmentShared};
use serde_json::Value;

use super::examples::{Examples, Message};
use super::{assert_none, check_errors};

/// The event as it is stored, or what is wrong with it.
fn read(dialect: Dialect<'_>, message: &str) -> Result<Value, String> {
    let arrival = Arrival::at("2026-11-24T01:24:42Z".parse().unwrap());
    let mut reader = EnvelopeReader::new(Limits::DEFAULT);
    let read = reader.read_message(dialect, message.as_bytes(), &arrival, uuid::Uuid::nil, |envelope| {
        serde_json::from_slice(envelope.payload).unwrap()
    });
    read.map_err(|error| match error {
        EnvelopeError::Refused(refusal) => format!("{}: {}", refusal.pointer, refusal.detail),
        EnvelopeError::Malformed(error) => error.to_string(),
    })
}

#[test]
fn events_are_accepted_and_refused_as_the_document_says() {
    check_errors(&Examples::read().events, |event| read(Dialect::Own, event).err().into_iter().collect());
}

#[test]
fn messages_become_the_events_that_the_document_shows() {
    let mut wrong = Vec::new();
    for (kind, Message { judged, becomes }) in Examples::read().messages {
        let dialect = match kind {
            "json cloudevent" => Dialect::CloudEvents,
            _ => Dialect::Segment { call: None, shared: SegmentShared::NONE },
        };
        let became = read(dialect, &judged.text);
        let right = match (&became, &becomes) {
            (Ok(event), Some(shown)) => *event == serde_json::from_str::<Value>(shown).unwrap(),
            (Err(error), None) => [error] == judged.errors.iter().collect::<Vec<_>>()[..],
            _ => false,
        };
        if !right {
            wrong.push(format!("line {}: it becomes {became:?}", judged.line));
        }
    }
    assert_none(&wrong);
}
