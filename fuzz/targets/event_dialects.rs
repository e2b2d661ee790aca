//! Any bytes as a message of each dialect, as a batch, and as the headers and data of a `CloudEvent`: a refusal that names a
//! place, or an event that is an acceptable one itself.

#![no_main]

use campaign_manager::event::{
    Arrival, Dialect, EnvelopeError, EnvelopeReader, Limits, SegmentBatch, SegmentShared, compose_cloud_event,
    flaw, parse_time,
};
use libfuzzer_sys::fuzz_target;
use uuid::Uuid;

fuzz_target!(|bytes: &[u8]| {
    check(Dialect::CloudEvents, bytes);
    check(Dialect::Segment { call: None, shared: SegmentShared::NONE }, bytes);
    if let Ok(batch) = SegmentBatch::read(bytes) {
        let dialect = Dialect::Segment { call: None, shared: batch.shared() };
        for message in [&br#"{"type":"page","userId":"u"}"#[..], br#"{"type":"page","userId":"u","context":{"segment":1,"a":2}}"#] {
            check(dialect, message);
        }
    }
    let (header, data) = bytes.split_at(bytes.len() / 2);
    let attributes =
        [("specversion", &b"1.0"[..]), ("id", header), ("source", b"/s"), ("type", b"t"), ("subject", b"u")];
    if let Ok(event) = compose_cloud_event(attributes.into_iter(), Some(header), data) {
        check(Dialect::CloudEvents, &event);
    }
});

fn check(dialect: Dialect<'_>, message: &[u8]) {
    let arrival = Arrival::at(parse_time("2026-11-23T05:00:00Z").expect("a time"));
    let mut reader = EnvelopeReader::new(Limits::DEFAULT);
    match reader.read_message(dialect, message, &arrival, Uuid::nil, |envelope| envelope.payload.to_vec()) {
        Ok(event) => {
            assert_eq!(flaw::find(&event), None, "what was accepted can be read by Postgres");
            reader.read(&event, &arrival, Uuid::nil, |_| ()).expect("what was accepted is an event");
        }
        Err(EnvelopeError::Refused(refusal)) => {
            assert!(refusal.pointer.is_empty() || refusal.pointer.starts_with('/'), "{refusal:?}");
        }
        Err(EnvelopeError::Malformed(_)) => {}
    }
}
