//! Events for tests that look below the HTTP edge.

use campaign_manager::queue::{
    EventRecord, Identity, OutgoingFrame, Records, Sender, SenderClass, Shard, Shards,
};
use jiff::Timestamp;

/// As many shards as the tests use.
pub(crate) const SHARDS: Shards = match Shards::new(4) {
    Some(shards) => shards,
    None => panic!("4 is allowed"),
};

/// An event that triggers nothing.
pub(crate) fn event<'a>(event_id: &'a str, user_id: &'a str) -> EventRecord<'a> {
    EventRecord {
        received_at: Timestamp::now(),
        sender: Sender::default(),
        event_id,
        event_type: "test",
        user_id,
        payload: b"{}",
    }
}

/// What tells an event that a server sent from others.
pub(crate) fn identity<'a>(event_id: &'a str, user_id: &'a str) -> Identity<'a> {
    Identity { class: SenderClass::Server, user_id, event_id }
}

/// A frame of events with these ids.
pub(crate) fn frame_of(shard: Shard, ids: &[&str]) -> OutgoingFrame {
    let mut records = Records::default();
    for id in ids {
        records.push(&event(id, "u"));
    }
    OutgoingFrame::new(shard, records)
}
