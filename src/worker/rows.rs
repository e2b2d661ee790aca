//! A matched batch → receipts and rows. Pure.

use std::ops::Range;

use jiff::Timestamp;

use super::batch::{Fate, Matched, event_count};
use crate::queue::{CorruptFrame, Delivery, EventRecord, Frame, Records};
use crate::store::dead_letters::Reason;
use crate::store::{CopyRows, Receipt, Rows};

/// Bytes of an event's row beside its payload, about.
const ROW_OVERHEAD: usize = 160;

impl Matched {
    /// Each delivery with the fates of its events.
    fn with_fates(&self) -> impl Iterator<Item = (&Delivery, &[Fate])> {
        let mut rest = &*self.fates;
        self.deliveries.iter().map(move |delivery| {
            let (fates, others) = rest.split_at(event_count(delivery));
            rest = others;
            (delivery, fates)
        })
    }

    /// A receipt for each delivery.
    pub(super) fn receipts(&self) -> Vec<Receipt> {
        self.with_fates().map(|(delivery, fates)| receipt(delivery, fates)).collect()
    }

    /// The rows of those deliveries for which `included` says so.
    pub(super) fn rows(&self, included: &[bool]) -> Rows {
        let mut rows = self.no_rows();
        for ((delivery, fates), _) in self.with_fates().zip(included).filter(|(_, included)| **included) {
            match &delivery.frame {
                Ok(_) if self.condemned => whole_frame(&mut rows, delivery, fates),
                Ok(frame) => {
                    for (event, fate) in frame.events().zip(fates) {
                        self.event(&mut rows, delivery, &event, fate);
                    }
                }
                Err(corrupt) => corrupt_frame(&mut rows, delivery, corrupt),
            }
        }
        rows
    }

    /// The rows of these events alone, counted over all deliveries.
    pub(super) fn rows_of(&self, range: &Range<usize>) -> Rows {
        let mut rows = self.no_rows();
        let events = self.deliveries.iter().flat_map(|delivery| {
            let frame = delivery.frame.as_ref().ok();
            frame.into_iter().flat_map(Frame::events).map(move |event| (delivery, event))
        });
        for ((delivery, event), fate) in events.zip(&self.fates).skip(range.start).take(range.len()) {
            self.event(&mut rows, delivery, &event, fate);
        }
        rows
    }

    /// How many triggers those deliveries have for which `included` says so.
    pub(super) fn triggers_in(&self, included: &[bool]) -> usize {
        let fates = self
            .with_fates()
            .zip(included)
            .filter(|(_, included)| **included)
            .flat_map(|((_, fates), _)| fates);
        fates.map(|fate| if let Fate::Stored(range) = fate { range.len() } else { 0 }).sum()
    }

    fn no_rows(&self) -> Rows {
        let bytes: usize = self
            .deliveries
            .iter()
            .filter_map(|delivery| delivery.frame.as_ref().ok())
            .map(Frame::bytes)
            .sum();
        Rows {
            events: CopyRows::with_capacity(bytes + self.fates.len() * ROW_OVERHEAD),
            triggers: CopyRows::with_capacity(self.triggered.len() * ROW_OVERHEAD),
            dead_letters: CopyRows::with_capacity(0),
        }
    }

    /// The times of all rows, frames' own included.
    pub(super) fn times(&self) -> impl Iterator<Item = Timestamp> + Clone {
        let frames = self.deliveries.iter().map(frame_time);
        let events = self.deliveries.iter().filter_map(|delivery| delivery.frame.as_ref().ok());
        frames.chain(events.flat_map(Frame::events).map(|event| event.received_at))
    }

    fn event(&self, rows: &mut Rows, delivery: &Delivery, event: &EventRecord<'_>, fate: &Fate) {
        match fate {
            Fate::Duplicate | Fate::UsedUp => {}
            Fate::DeadLetter(detail) => refused_event(rows, delivery, event, detail),
            Fate::Stored(range) => {
                let triggered = &self.triggered[range.clone()];
                rows.events
                    .row(8)
                    .bytes(event.event_id.as_bytes())
                    .bytes(event.user_id.as_bytes())
                    .bytes(event.event_type.as_bytes())
                    .timestamp(event.received_at)
                    .int8_array(triggered.iter().map(|campaign| campaign.campaign_id))
                    .bytes(event.payload)
                    .optional_int8(event.sender.key)
                    .bool(event.sender.class.is_browser());
                for campaign in triggered {
                    rows.triggers
                        .row(6)
                        .int8(campaign.campaign_id)
                        .int4(campaign.version)
                        .bytes(event.event_id.as_bytes())
                        .bytes(event.user_id.as_bytes())
                        .timestamp(event.received_at)
                        .bool(event.sender.class.is_browser());
                }
            }
        }
    }
}

fn receipt(delivery: &Delivery, fates: &[Fate]) -> Receipt {
    let count = |matches: fn(&Fate) -> bool| count(fates.iter().filter(|fate| matches(fate)).count());
    // Of a frame that cannot be read it is known how many events were accepted with it.
    let unreadable = if delivery.frame.is_err() { delivery.accepted } else { 0 };
    Receipt {
        shard: delivery.shard,
        entry: delivery.entry,
        received_at: frame_time(delivery),
        event_times: event_times(delivery),
        letter: delivery.replay.map(|replay| replay.letter),
        stored: count(|fate| matches!(fate, Fate::Stored(_))),
        duplicates: count(|fate| matches!(fate, Fate::Duplicate | Fate::UsedUp)),
        dead_lettered: unreadable + count(|fate| matches!(fate, Fate::DeadLetter(_))),
    }
}

/// The times of the earliest and the latest event of a frame; its own where it has none.
fn event_times(delivery: &Delivery) -> (Timestamp, Timestamp) {
    let own = frame_time(delivery);
    let times = || delivery.frame.iter().flat_map(Frame::events).map(|event| event.received_at);
    (times().min().unwrap_or(own), times().max().unwrap_or(own))
}

/// The time of a frame, the same at every delivery: its own, or where it cannot be read what its entry says.
pub(super) fn frame_time(delivery: &Delivery) -> Timestamp {
    let of_entry = || {
        let milliseconds = i64::try_from(delivery.entry.milliseconds).unwrap_or(i64::MAX);
        let appended = Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX);
        delivery.received_at.unwrap_or(appended)
    };
    delivery.frame.as_ref().map_or_else(|_| of_entry(), Frame::received_at)
}

/// A dead letter, as a row.
struct Letter<'a> {
    reason: Reason,
    detail: &'a str,
    events: u32,
    event: Option<&'a EventRecord<'a>>,
    payload: &'a [u8],
    /// What is queued again when it is replayed.
    frame: Option<&'a [u8]>,
}

fn refused_event(rows: &mut Rows, delivery: &Delivery, event: &EventRecord<'_>, detail: &str) {
    let mut alone = Records::default();
    alone.push(event);
    let (payload, frame) = (event.payload, alone.into_frame());
    let letter = Letter {
        reason: Reason::Refused,
        detail,
        events: 1,
        event: Some(event),
        payload,
        frame: Some(&frame),
    };
    letter.write(rows, delivery);
}

fn whole_frame(rows: &mut Rows, delivery: &Delivery, fates: &[Fate]) {
    let (Ok(frame), Some(Fate::DeadLetter(detail))) = (&delivery.frame, fates.first()) else { return };
    let (events, bytes) = (count(fates.len()), frame.as_bytes());
    let letter =
        Letter { reason: Reason::PoisonFrame, detail, events, event: None, payload: b"", frame: Some(bytes) };
    letter.write(rows, delivery);
}

fn corrupt_frame(rows: &mut Rows, delivery: &Delivery, corrupt: &CorruptFrame) {
    let (detail, events) = (corrupt.error.to_string(), delivery.accepted);
    let (reason, payload) = (Reason::CorruptFrame, &*corrupt.bytes);
    Letter { reason, detail: &detail, events, event: None, payload, frame: None }.write(rows, delivery);
}

impl Letter<'_> {
    fn write(&self, rows: &mut Rows, delivery: &Delivery) {
        // It keeps the entry that its claims bear, also when it was replayed in vain.
        let (bigint, origin) = (|part: u64| i64::try_from(part).unwrap_or(i64::MAX), delivery.claims_as());
        let row =
            rows.dead_letters.row(13).bytes(self.reason.name().as_bytes()).bytes(self.detail.as_bytes());
        row.int2(i16::try_from(delivery.shard.number()).expect("Shards allows no more than fit a smallint"));
        row.int8(bigint(origin.milliseconds)).int8(bigint(origin.sequence));
        row.int4(i32::try_from(self.events).unwrap_or(i32::MAX));
        row.optional(self.event.map(|event| printable(event.event_id)).as_deref());
        row.optional(self.event.map(|event| printable(event.user_id)).as_deref());
        row.optional(self.event.map(|event| printable(event.event_type)).as_deref());
        row.bytes(self.payload).optional(self.frame);
        let sender = self.event.map(|event| event.sender).unwrap_or_default();
        row.optional_int8(sender.key).bool(sender.class.is_browser());
    }
}

/// Postgres has no text with a NUL.
fn printable(text: &str) -> Vec<u8> {
    text.replace('\0', "\u{fffd}").into_bytes()
}

fn count(events: usize) -> u32 {
    u32::try_from(events).expect("a frame counts its events in 32 bits")
}
