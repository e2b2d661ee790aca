//! What each step may allocate: counts, which no other work on the machine moves. Matching has a budget of its own, in
//! `rules_allocation.rs`: none.

#[path = "support/campaign_workload.rs"]
#[allow(dead_code, reason = "events without rules")]
mod campaign_workload;

use allocation_counter::{AllocationInfo, measure};
use bytes::Bytes;
use campaign_manager::event::{Arrival, EnvelopeReader, Limits};
use campaign_manager::queue::{
    Claim, EntryId, Epoch, Epochs, EventRecord, Frame, Records, RunId, Sender, Shards,
};
use campaign_manager::store::CopyRows;
use jiff::Timestamp;
use uuid::Uuid;

const EVENTS: usize = 250;

/// Events as clients send them.
fn events() -> Vec<String> {
    let event = |(index, properties): (usize, String)| {
        format!(
            r#"{{"event_id":"evt-{index:09}","event_type":"purchase","user_id":"u{index:07}","timestamp":"2026-11-23T05:00:00Z","properties":{properties}}}"#
        )
    };
    campaign_workload::events().take(EVENTS).enumerate().map(event).collect()
}

fn record(payload: &str) -> EventRecord<'_> {
    let received_at = Timestamp::UNIX_EPOCH;
    EventRecord {
        received_at,
        sender: Sender::default(),
        event_id: &payload[13..26],
        event_type: "purchase",
        user_id: "u",
        payload: payload.as_bytes(),
    }
}

/// A frame of all events, and what encoding it took.
fn frame(events: &[String]) -> (Vec<u8>, AllocationInfo) {
    let mut bytes = Vec::new();
    let took = measure(|| {
        let mut records = Records::default();
        for event in events {
            records.push(&record(event));
        }
        bytes = records.into_frame();
    });
    (bytes, took)
}

#[test]
fn reading_an_event_allocates_nothing_once_the_buffers_have_grown() {
    let (events, arrival) = (events(), Arrival::at(Timestamp::UNIX_EPOCH));
    let mut reader = EnvelopeReader::new(Limits::DEFAULT);
    let mut read_all = || {
        let ids = events.iter().map(|event| {
            let read =
                reader.read(event.as_bytes(), &arrival, Uuid::now_v7, |envelope| envelope.event_id.len());
            read.expect("the events are well-formed")
        });
        ids.sum::<usize>()
    };
    assert_eq!(read_all(), EVENTS * 13);
    assert_eq!(measure(|| assert_eq!(read_all(), EVENTS * 13)).count_total, 0);
}

#[test]
fn a_frame_grows_by_doubling_and_is_framed_in_place() {
    let (frame, took) = frame(&events());
    assert!(took.count_total <= 20, "{} allocations for a frame of {} bytes", took.count_total, frame.len());
    assert!(took.count_max <= 2, "{} blocks at once", took.count_max);
}

#[test]
fn decoding_a_frame_copies_no_event() {
    let bytes = Bytes::from(frame(&events()).0);
    let took = measure(|| assert_eq!(Frame::decode(bytes.clone()).expect("just encoded").len(), EVENTS));
    assert!(took.count_total <= 2, "{} allocations", took.count_total);
    let bytes_an_event = took.bytes_total / EVENTS as u64;
    assert!(bytes_an_event <= 80, "{bytes_an_event} bytes for the place of an event");
}

#[test]
fn the_claims_of_a_frame_are_one_block_of_16_bytes_an_event() {
    let frame = Frame::decode(frame(&events()).0.into()).expect("just encoded");
    let shards = Shards::new(1).expect("allowed");
    let epoch = Epoch { id: Uuid::nil(), keyspace: 7, run_id: RunId::new("a") };
    let (epochs, entry) =
        (Epochs::new(vec![epoch]), EntryId { milliseconds: 1_790_000_000_000, sequence: 0 });
    let shard = shards.of_user("u");
    let took = measure(|| drop(Claim::new(shard, entry, frame.identities(), &epochs)));
    assert!(took.count_total <= 6, "{} allocations", took.count_total);
    assert!(took.bytes_total <= EVENTS as u64 * 16 + 128, "{} bytes", took.bytes_total);
}

#[test]
fn rows_are_written_into_one_block() {
    let events = events();
    let bytes: usize = events.iter().map(String::len).sum();
    let took = measure(|| {
        let mut rows = CopyRows::with_capacity(bytes + EVENTS * 160);
        for event in &events {
            let record = record(event);
            let row = rows.row(6).bytes(record.event_id.as_bytes()).bytes(record.user_id.as_bytes());
            row.bytes(record.event_type.as_bytes()).timestamp(record.received_at);
            row.int8_array([1, 2, 3].into_iter()).bytes(record.payload);
        }
        assert_eq!(rows.finish()[..6], *b"PGCOPY");
    });
    assert_eq!(took.count_total, 1);
}
