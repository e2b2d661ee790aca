//! How much is read at once, and how it is cut into batches. Pure.

use std::collections::HashSet;

use crate::queue::Delivery;

use super::batch::{BatchLimits, Fetched, event_count};

/// Never more frames of one stream in one read than this, whatever was learned: what comes next may be larger.
const MOST_FRAMES: usize = 128;

/// How many frames of each stream to ask for, so that a read is about one batch. Learned from the frames that came.
#[derive(Debug)]
pub(super) struct Appetite {
    limits: BatchLimits,
    streams: usize,
    frame_events: usize,
    frame_bytes: usize,
}

impl Appetite {
    /// Expects large frames until it has seen some.
    pub(super) fn new(limits: BatchLimits, streams: usize) -> Self {
        Self { limits, streams, frame_events: 1, frame_bytes: 64 * 1024 }
    }

    /// Frames of each stream to ask for.
    pub(super) fn frames(&self) -> usize {
        let wanted = (self.limits.events / self.frame_events).min(self.limits.bytes / self.frame_bytes);
        (wanted / self.streams).clamp(1, MOST_FRAMES)
    }

    /// Learns from what came: grows to the largest frame at once, shrinks by half at a time.
    pub(super) fn learn(&mut self, deliveries: &[Delivery]) {
        let frame = deliveries.iter().filter_map(|delivery| delivery.frame.as_ref().ok());
        if let Some(events) = frame.clone().map(crate::queue::Frame::len).max() {
            self.frame_events = events.max(self.frame_events / 2).max(1);
        }
        if let Some(bytes) = frame.map(crate::queue::Frame::bytes).max() {
            self.frame_bytes = bytes.max(self.frame_bytes / 2).max(1);
        }
    }
}

/// Whether a stream gave as many frames as it was asked for, so that more may wait there.
pub(super) fn more_may_wait(read: &[Delivery], frames: usize) -> bool {
    read.chunk_by(|one, next| one.shard == next.shard).any(|of_one_stream| of_one_stream.len() >= frames)
}

/// Each frame once: what this worker has just read may be taken over by itself, where the time to reclaim is short.
pub(super) fn each_once(mut deliveries: Vec<Delivery>) -> Vec<Delivery> {
    let mut seen = HashSet::new();
    deliveries.retain(|delivery| seen.insert((delivery.shard, delivery.entry)));
    deliveries
}

/// Cuts what was read into batches within the limits; a frame that is larger than a batch is a batch of its own.
pub(super) fn cut(deliveries: Vec<Delivery>, limits: BatchLimits) -> Vec<Fetched> {
    let mut batches: Vec<Fetched> = Vec::new();
    let (mut events, mut bytes) = (0, 0);
    for delivery in deliveries {
        let (more_events, more_bytes) = (event_count(&delivery), delivery.bytes());
        match batches.last_mut() {
            Some(batch) if events + more_events <= limits.events && bytes + more_bytes <= limits.bytes => {
                batch.deliveries.push(delivery);
                (events, bytes) = (events + more_events, bytes + more_bytes);
            }
            _ => {
                batches.push(Fetched { deliveries: vec![delivery], condemned: false });
                (events, bytes) = (more_events, more_bytes);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::{CorruptFrame, EntryId, FrameError, Shards};

    fn delivery(bytes: usize) -> Delivery {
        Delivery {
            shard: Shards::new(1).expect("allowed").all().next().expect("there is one"),
            entry: EntryId { milliseconds: 1, sequence: 0 },
            accepted: 0,
            received_at: None,
            replay: None,
            times: 1,
            frame: Err(CorruptFrame { bytes: vec![0; bytes].into(), error: FrameError::NotAFrame }),
        }
    }

    #[test]
    fn a_frame_delivered_twice_is_worked_on_once() {
        let mut deliveries: Vec<Delivery> = [1, 2, 3].map(delivery).into_iter().collect();
        deliveries[2].entry.sequence = 7;
        let sizes: Vec<usize> = each_once(deliveries).iter().map(Delivery::bytes).collect();
        assert_eq!(sizes, [1, 3]);
    }

    #[test]
    fn batches_keep_to_the_limit_and_a_large_frame_stands_alone() {
        let limits = BatchLimits { events: 10, bytes: 100 };
        let deliveries = [40, 40, 40, 500, 10].map(delivery).into_iter().collect();
        let sizes: Vec<Vec<usize>> = cut(deliveries, limits)
            .iter()
            .map(|batch| batch.deliveries.iter().map(Delivery::bytes).collect())
            .collect();
        assert_eq!(sizes, [vec![40, 40], vec![40], vec![500], vec![10]]);
    }

    #[test]
    fn more_may_wait_where_one_stream_gave_all_that_it_was_asked_for() {
        let mut read: Vec<Delivery> = [1, 2, 3].map(delivery).into_iter().collect();
        assert!(more_may_wait(&read, 3) && !more_may_wait(&read, 4) && !more_may_wait(&[], 1));
        read[2].shard = Shards::new(2).expect("allowed").all().nth(1).expect("there are two");
        assert!(more_may_wait(&read, 2) && !more_may_wait(&read, 3));
    }

    #[test]
    fn the_appetite_begins_modest_and_is_bounded() {
        let limits = BatchLimits { events: 5_000, bytes: 8 << 20 };
        let mut appetite = Appetite::new(limits, 8);
        assert_eq!(appetite.frames(), 16);
        appetite.frame_bytes = 1;
        assert_eq!(appetite.frames(), MOST_FRAMES);
        (appetite.frame_events, appetite.frame_bytes) = (1_000, 1 << 20);
        assert_eq!(appetite.frames(), 1);
    }
}
