//! When events leave as a frame: the accumulator's rule, pure.
//!
//! It is the rule of Kafka's producer (`batch.size`, `linger.ms`, `buffer.memory`), with one addition: while nothing is
//! on its way to Redis, whatever is there leaves at once. So a lone event waits for nobody, and under load each round
//! trip carries what came in during the one before.

use std::time::{Duration, Instant};

use crate::queue::{OutgoingFrame, Records, Shard, Shards};

/// The events not yet acknowledged by Redis. `T` is told of each frame's fate by the caller.
#[derive(Debug)]
pub(super) struct Gathering<T> {
    open: Vec<OpenFrame<T>>,
    full: Vec<Departure<T>>,
    frame_bytes: usize,
    linger: Duration,
    buffer: usize,
    held: Held,
}

#[derive(Debug)]
struct OpenFrame<T> {
    shard: Shard,
    records: Records,
    /// When the first record came, and who waits; `None` while it is empty.
    waiting: Option<(Instant, T)>,
}

/// A frame that leaves, and who waits for it.
#[derive(Debug)]
pub(super) struct Departure<T> {
    pub(super) frame: OutgoingFrame,
    pub(super) waiting: T,
}

/// What is set aside of the buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) events: usize,
    pub(super) bytes: usize,
}

/// The buffer has no room.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoRoom;

impl<T: Clone> Gathering<T> {
    pub(super) fn new(shards: Shards, frame_bytes: usize, linger: Duration, buffer: usize) -> Self {
        let open = shards
            .all()
            .map(|shard| OpenFrame { shard, records: Records::default(), waiting: None })
            .collect();
        Self { open, full: Vec::new(), frame_bytes, linger, buffer, held: Held::default() }
    }

    /// Sets room for these events aside, which stays so until [`Self::release`]. Says what is held with them.
    pub(super) fn reserve(&mut self, Held { events, bytes }: Held) -> Result<Held, NoRoom> {
        // An empty buffer takes any one request, however small it was configured.
        if self.held.bytes > 0 && self.held.bytes + bytes > self.buffer {
            return Err(NoRoom);
        }
        self.held = Held { events: self.held.events + events, bytes: self.held.bytes + bytes };
        Ok(self.held)
    }

    /// Frees what [`Self::reserve`] set aside, and says how much is left.
    pub(super) fn release(&mut self, Held { events, bytes }: Held) -> Held {
        let Held { events: held_events, bytes: held_bytes } = self.held;
        self.held =
            Held { events: held_events.saturating_sub(events), bytes: held_bytes.saturating_sub(bytes) };
        self.held
    }

    /// What is set aside.
    pub(super) fn held(&self) -> Held {
        self.held
    }

    /// Adds records to the shard's open frame, and returns what to wait on for it.
    pub(super) fn add(
        &mut self,
        shard: Shard,
        records: Records,
        now: Instant,
        waiting: impl FnOnce() -> T,
    ) -> T {
        let open = &mut self.open[shard.index()];
        let (_, waiting) = open.waiting.get_or_insert_with(|| (now, waiting()));
        let waiting = waiting.clone();
        open.records.append(records);
        if open.records.bytes() >= self.frame_bytes {
            self.full.extend(open.depart());
        }
        waiting
    }

    /// The frames that leave now: full ones; those over their linger; all if nothing is on its way.
    pub(super) fn take_due(&mut self, now: Instant, nothing_on_its_way: bool) -> Vec<Departure<T>> {
        let mut due = std::mem::take(&mut self.full);
        for open in &mut self.open {
            let over = |(since, _): &(Instant, T)| now.saturating_duration_since(*since) >= self.linger;
            if open.waiting.as_ref().is_some_and(|waiting| nothing_on_its_way || over(waiting)) {
                due.extend(open.depart());
            }
        }
        due
    }

    /// When the next open frame is over its linger; `None` while there is none.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.open.iter().filter_map(|open| open.waiting.as_ref()).map(|(since, _)| *since + self.linger).min()
    }
}

impl<T> OpenFrame<T> {
    fn depart(&mut self) -> Option<Departure<T>> {
        let (_, waiting) = self.waiting.take()?;
        let records = std::mem::take(&mut self.records);
        Some(Departure { frame: OutgoingFrame::new(self.shard, records), waiting })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::EventRecord;

    const LINGER: Duration = Duration::from_millis(2);

    fn gathering(shards: u16) -> Gathering<u32> {
        Gathering::new(Shards::new(shards).expect("allowed"), 1000, LINGER, 10_000)
    }

    fn records(payload: usize) -> Records {
        let mut records = Records::default();
        records.push(&EventRecord {
            received_at: jiff::Timestamp::UNIX_EPOCH,
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
        gathering.add(shard(0), records(10), now, || 1);
        assert_eq!(gathering.take_due(now, true).len(), 1);
        assert_eq!(gathering.next_deadline(), None);
    }

    #[test]
    fn while_a_frame_is_on_its_way_events_gather_until_the_linger_is_over() {
        let (mut gathering, now) = (gathering(1), Instant::now());
        gathering.add(shard(0), records(10), now, || 1);
        gathering.add(shard(0), records(10), now + LINGER / 2, || 2);
        assert_eq!(gathering.next_deadline(), Some(now + LINGER));
        assert!(gathering.take_due(now + LINGER / 2, false).is_empty());
        let due = gathering.take_due(now + LINGER, false);
        assert_eq!(due.iter().map(|d| (d.frame.events, d.waiting)).collect::<Vec<_>>(), [(2, 1)]);
    }

    #[test]
    fn a_full_frame_leaves_before_its_linger_is_over() {
        let (mut gathering, now) = (gathering(1), Instant::now());
        gathering.add(shard(0), records(1000), now, || 1);
        gathering.add(shard(0), records(10), now, || 2);
        let due = gathering.take_due(now, false);
        assert_eq!(due.iter().map(|d| d.waiting).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn due_frames_of_all_shards_leave_together() {
        let (mut gathering, now) = (gathering(3), Instant::now());
        for number in 0..3 {
            gathering.add(shard(number), records(10), now, || 0);
        }
        let due = gathering.take_due(now + LINGER, false);
        assert_eq!(due.iter().map(|d| d.frame.shard.index()).collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn the_buffer_is_bounded_in_bytes_until_they_are_released() {
        let mut gathering = gathering(1);
        let held = |events, bytes| Held { events, bytes };
        assert_eq!(gathering.reserve(held(1, 4_000)), Ok(held(1, 4_000)));
        assert_eq!(gathering.reserve(held(2, 5_000)), Ok(held(3, 9_000)));
        assert_eq!(gathering.reserve(held(1, 2_000)), Err(NoRoom));
        assert_eq!(gathering.release(held(3, 9_000)), held(0, 0));
        assert_eq!(
            gathering.reserve(held(1, 20_000)),
            Ok(held(1, 20_000)),
            "an empty buffer takes any one request"
        );
        assert_eq!(gathering.reserve(held(1, 1)), Err(NoRoom));
    }
}
