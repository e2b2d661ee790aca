//! When events leave as a frame: the accumulator's rule, pure.
//!
//! It is the rule of Kafka's producer (`batch.size`, `linger.ms`, `buffer.memory`), with one addition: while nothing is
//! on its way to Redis, whatever is there leaves at once. So a lone event waits for nobody, and under load each round
//! trip carries what came in during the one before.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::line::Owner;
use crate::queue::{OutgoingFrame, Records, Shard, Shards};

/// The events not yet acknowledged by Redis. `T` is told of each frame's fate by the caller.
#[derive(Debug)]
pub(super) struct Gathering<T> {
    open: Vec<OpenFrame<T>>,
    /// Frames that are due, the first of them first.
    due: VecDeque<Departure<T>>,
    frame_bytes: usize,
    linger: Duration,
    buffer: usize,
    held: Held,
}

#[derive(Debug)]
struct OpenFrame<T> {
    shard: Shard,
    records: Records,
    parts: Vec<Part>,
    /// When the first record came, and who waits; `None` while it is empty.
    waiting: Option<(Instant, T)>,
}

/// The share of a frame that is charged to one owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) owner: Owner,
    pub(super) bytes: usize,
}

/// A frame that leaves, the owners of its bytes, and who waits for it.
#[derive(Debug)]
pub(super) struct Departure<T> {
    pub(super) frame: OutgoingFrame,
    pub(super) parts: Vec<Part>,
    pub(super) waiting: T,
}

/// What is held of the buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) events: usize,
    pub(super) bytes: usize,
}

impl<T: Clone> Gathering<T> {
    pub(super) fn new(shards: Shards, frame_bytes: usize, linger: Duration, buffer: usize) -> Self {
        let open = shards
            .all()
            .map(|shard| OpenFrame { shard, records: Records::default(), parts: Vec::new(), waiting: None })
            .collect();
        Self { open, due: VecDeque::new(), frame_bytes, linger, buffer, held: Held::default() }
    }

    /// Whether there is room for one request more, whatever its size.
    pub(super) fn has_room(&self) -> bool {
        self.held.bytes < self.buffer
    }

    /// Counts these events as held until [`Self::release`], and says how much is held with them.
    pub(super) fn hold(&mut self, Held { events, bytes }: Held) -> Held {
        self.held = Held { events: self.held.events + events, bytes: self.held.bytes + bytes };
        self.held
    }

    /// Lets go of what [`Self::hold`] counted, and says how much is left.
    pub(super) fn release(&mut self, Held { events, bytes }: Held) -> Held {
        let Held { events: held_events, bytes: held_bytes } = self.held;
        self.held =
            Held { events: held_events.saturating_sub(events), bytes: held_bytes.saturating_sub(bytes) };
        self.held
    }

    /// What is held.
    pub(super) fn held(&self) -> Held {
        self.held
    }

    /// Adds an owner's records to the shard's open frame, and returns what to wait on for it.
    pub(super) fn add(
        &mut self,
        shard: Shard,
        owner: Owner,
        records: Records,
        now: Instant,
        waiting: impl FnOnce() -> T,
    ) -> T {
        let open = &mut self.open[shard.index()];
        let (_, waiting) = open.waiting.get_or_insert_with(|| (now, waiting()));
        let waiting = waiting.clone();
        open.count(Part { owner, bytes: records.bytes() });
        open.records.append(records);
        if open.records.bytes() >= self.frame_bytes {
            self.due.extend(open.depart());
        }
        waiting
    }

    /// The frames that leave now: full ones; those over their linger; all if nothing is on its way. Together they are no
    /// longer than `most` bytes, or one frame; the others stay due.
    pub(super) fn take_due(
        &mut self,
        now: Instant,
        nothing_on_its_way: bool,
        most: usize,
    ) -> Vec<Departure<T>> {
        for open in &mut self.open {
            let over = |(since, _): &(Instant, T)| now.saturating_duration_since(*since) >= self.linger;
            if open.waiting.as_ref().is_some_and(|waiting| nothing_on_its_way || over(waiting)) {
                self.due.extend(open.depart());
            }
        }
        let mut bytes = 0;
        let fit = self.due.iter().take_while(|departure| {
            let is_first = bytes == 0;
            bytes += departure.frame.bytes.len();
            is_first || bytes <= most
        });
        let fit = fit.count();
        self.due.drain(..fit).collect()
    }

    /// When the next open frame is over its linger; `None` while there is none.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.open.iter().filter_map(|open| open.waiting.as_ref()).map(|(since, _)| *since + self.linger).min()
    }
}

impl<T> OpenFrame<T> {
    fn depart(&mut self) -> Option<Departure<T>> {
        let (_, waiting) = self.waiting.take()?;
        let (records, parts) = (std::mem::take(&mut self.records), std::mem::take(&mut self.parts));
        Some(Departure { frame: OutgoingFrame::new(self.shard, records), parts, waiting })
    }

    /// Merges runs of the same owner: usually one owner sends several in a row.
    fn count(&mut self, part: Part) {
        match self.parts.last_mut() {
            Some(last) if last.owner == part.owner => last.bytes += part.bytes,
            _ => self.parts.push(part),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::queue::EventRecord;

    const LINGER: Duration = Duration::from_millis(2);
    const MOST: usize = 1 << 20;
    const OWNER: Owner = Owner { key: Some(1), source: IpAddr::V4(Ipv4Addr::LOCALHOST) };

    fn gathering(shards: u16) -> Gathering<u32> {
        Gathering::new(Shards::new(shards).expect("allowed"), 1000, LINGER, 10_000)
    }

    fn records(payload: usize) -> Records {
        let mut records = Records::default();
        records.push(&EventRecord {
            received_at: jiff::Timestamp::UNIX_EPOCH,
            sender: crate::queue::Sender::default(),
            event_id: "e",
            event_type: "t",
            user_id: "u",
            payload: &vec![b' '; payload],
        });
        records
    }

    fn shard(number: usize) -> Shard {
        Shards::new(8).expect("allowed").all().nth(number).expect("within the count")
    }

    #[test]
    fn a_lone_event_leaves_at_once_when_nothing_is_on_its_way() {
        let (mut gathering, now) = (gathering(1), Instant::now());
        gathering.add(shard(0), OWNER, records(10), now, || 1);
        assert_eq!(gathering.take_due(now, true, MOST).len(), 1);
        assert_eq!(gathering.next_deadline(), None);
    }

    #[test]
    fn while_a_frame_is_on_its_way_events_gather_until_the_linger_is_over() {
        let (mut gathering, now) = (gathering(1), Instant::now());
        gathering.add(shard(0), OWNER, records(10), now, || 1);
        gathering.add(shard(0), OWNER, records(10), now + LINGER / 2, || 2);
        assert_eq!(gathering.next_deadline(), Some(now + LINGER));
        assert!(gathering.take_due(now + LINGER / 2, false, MOST).is_empty());
        let due = gathering.take_due(now + LINGER, false, MOST);
        assert_eq!(due.iter().map(|d| (d.frame.events, d.waiting)).collect::<Vec<_>>(), [(2, 1)]);
    }

    #[test]
    fn a_full_frame_leaves_before_its_linger_is_over() {
        let (mut gathering, now) = (gathering(1), Instant::now());
        gathering.add(shard(0), OWNER, records(1000), now, || 1);
        gathering.add(shard(0), OWNER, records(10), now, || 2);
        let due = gathering.take_due(now, false, MOST);
        assert_eq!(due.iter().map(|d| d.waiting).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn a_frame_knows_how_much_of_it_is_whose() {
        let (mut gathering, now) = (gathering(1), Instant::now());
        let other = Owner { key: Some(2), ..OWNER };
        let sizes = [10, 20, 30, 40].map(|payload| records(payload).bytes());
        for (payload, owner) in [(10, OWNER), (20, OWNER), (30, other), (40, OWNER)] {
            gathering.add(shard(0), owner, records(payload), now, || 1);
        }
        let due = gathering.take_due(now, true, MOST);
        let parts: Vec<_> = due[0].parts.iter().map(|part| (part.owner, part.bytes)).collect();
        assert_eq!(parts, [(OWNER, sizes[0] + sizes[1]), (other, sizes[2]), (OWNER, sizes[3])]);
    }

    #[test]
    fn due_frames_of_all_shards_leave_together() {
        let (mut gathering, now) = (gathering(3), Instant::now());
        for number in 0..3 {
            gathering.add(shard(number), OWNER, records(10), now, || 0);
        }
        let due = gathering.take_due(now + LINGER, false, MOST);
        assert_eq!(due.iter().map(|d| d.frame.shard.index()).collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn no_more_leave_together_than_a_round_trip_carries_and_the_others_are_next() {
        let (mut gathering, now) = (gathering(3), Instant::now());
        for number in [2, 0, 1] {
            gathering.add(shard(number), OWNER, records(1000), now, || 0);
        }
        let mut leave = |most| {
            let due = gathering.take_due(now, false, most);
            due.iter().map(|d| d.frame.shard.index()).collect::<Vec<_>>()
        };
        assert_eq!(leave(2_200), [2, 0]);
        assert_eq!(leave(10), [1], "one always leaves");
        assert!(leave(2_200).is_empty());
    }

    #[test]
    fn there_is_room_until_the_buffer_is_full_and_again_once_it_is_not() {
        let mut gathering = gathering(1);
        let held = |events, bytes| Held { events, bytes };
        assert_eq!(gathering.hold(held(1, 9_999)), held(1, 9_999));
        assert!(gathering.has_room());
        assert_eq!(gathering.hold(held(2, 20_000)), held(3, 29_999), "the last one is taken whole");
        assert!(!gathering.has_room());
        assert_eq!(gathering.release(held(2, 20_000)), held(1, 9_999));
        assert!(gathering.has_room());
    }
}
