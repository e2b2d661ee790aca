//! A batch as it goes from stage to stage. Each stage hands on a type of its own, so none can be left out.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use crate::campaign::Triggered;
use crate::queue::{Acknowledgement, Delivery, Epochs, EventRecord};

/// The most that one batch may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchLimits {
    pub(super) events: usize,
    pub(super) bytes: usize,
}

/// The most triggers that are stored in one transaction, but for those of a single frame: a row each, of some hundred bytes in
/// memory. How many an event has is for the campaigns to say, so the limits above do not bound them.
pub(super) const MOST_TRIGGERS: usize = 200_000;

/// Frames read together: what `fetch` hands to `dedupe`.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) deliveries: Vec<Delivery>,
    /// It is one frame that has ended its worker each time: not to be tried again, but put aside whole.
    pub(super) condemned: bool,
}

/// What `dedupe` hands to `match`: which events are new.
#[derive(Debug)]
pub(super) struct Deduplicated {
    pub(super) deliveries: Vec<Delivery>,
    /// See [`Fetched::condemned`].
    pub(super) condemned: bool,
    /// For each event of each delivery, in order.
    pub(super) is_new: Vec<bool>,
    /// The claims hold as long as these do.
    pub(super) epochs: Arc<Epochs>,
}

/// What `match` hands to `store`: the fate of each event.
#[derive(Debug)]
pub(super) struct Matched {
    pub(super) deliveries: Vec<Delivery>,
    /// See [`Fetched::condemned`].
    pub(super) condemned: bool,
    /// For each event of each delivery, in order.
    pub(super) fates: Vec<Fate>,
    /// What all events triggered; each stored event has its range here.
    pub(super) triggered: Vec<Triggered>,
    /// The claims hold as long as these do.
    pub(super) epochs: Arc<Epochs>,
}

/// What becomes of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is stored, with the triggers in this range of [`Matched::triggered`].
    Stored(Range<usize>),
    /// It was accepted before, within the dedupe window, or its sealed partition holds it already.
    Duplicate,
    /// The dead letter that it replays is used up: a duplicate, whatever claims tell.
    UsedUp,
    /// It cannot be stored, for this reason.
    DeadLetter(String),
}

impl Fate {
    /// How many triggers are stored with the event.
    pub(super) fn triggers(&self) -> usize {
        if let Self::Stored(triggers) = self { triggers.len() } else { 0 }
    }
}

/// How many events a delivery has; a corrupt frame has none.
pub(super) fn event_count(delivery: &Delivery) -> usize {
    delivery.frame.as_ref().map_or(0, crate::queue::Frame::len)
}

/// The events of all deliveries, in order.
pub(super) fn events(deliveries: &[Delivery]) -> impl Iterator<Item = EventRecord<'_>> {
    deliveries
        .iter()
        .filter_map(|delivery| delivery.frame.as_ref().ok())
        .flat_map(crate::queue::Frame::events)
}

/// A batch that others can be joined to.
pub(super) trait Join: Sized {
    /// Takes the other batch in, behind its own; gives it back where the two do not go into one.
    fn join(&mut self, other: Self, limits: BatchLimits) -> Result<(), Self>;
}

impl Join for Fetched {
    fn join(&mut self, other: Self, limits: BatchLimits) -> Result<(), Self> {
        if self.condemned || other.condemned || !fit(&self.deliveries, &other.deliveries, limits) {
            return Err(other);
        }
        self.deliveries.extend(other.deliveries);
        Ok(())
    }
}

impl Join for Deduplicated {
    fn join(&mut self, other: Self, limits: BatchLimits) -> Result<(), Self> {
        let are_alike = !self.condemned && !other.condemned && self.epochs == other.epochs;
        if !are_alike || !fit(&self.deliveries, &other.deliveries, limits) {
            return Err(other);
        }
        self.is_new.extend(other.is_new);
        self.deliveries.extend(other.deliveries);
        Ok(())
    }
}

impl Join for Matched {
    fn join(&mut self, other: Self, limits: BatchLimits) -> Result<(), Self> {
        let are_alike = !self.condemned && !other.condemned && self.epochs == other.epochs;
        let triggers = self.triggered.len() + other.triggered.len();
        if !are_alike || triggers > MOST_TRIGGERS || !fit(&self.deliveries, &other.deliveries, limits) {
            return Err(other);
        }
        let from = self.triggered.len();
        self.fates.extend(other.fates.into_iter().map(|fate| match fate {
            Fate::Stored(range) => Fate::Stored(range.start + from..range.end + from),
            fate => fate,
        }));
        self.triggered.extend(other.triggered);
        self.deliveries.extend(other.deliveries);
        Ok(())
    }
}

/// Committed frames: in one round trip at most as many as a batch may have events.
impl Join for Vec<Acknowledgement> {
    fn join(&mut self, other: Self, limits: BatchLimits) -> Result<(), Self> {
        if self.len() + other.len() > limits.events {
            return Err(other);
        }
        self.extend(other);
        Ok(())
    }
}

/// Whether these deliveries may be in one batch. A frame that was taken over by the very worker that has it may be among
/// both, and must not be twice in one: neither would find the other's receipt.
fn fit(some: &[Delivery], others: &[Delivery], limits: BatchLimits) -> bool {
    let all = || some.iter().chain(others);
    let frame = |delivery: &Delivery| (delivery.shard, delivery.entry);
    let events: usize = all().map(event_count).sum();
    let bytes: usize = all().map(Delivery::bytes).sum();
    events <= limits.events && bytes <= limits.bytes && {
        // What comes is mostly few beside what waits.
        let others: HashSet<_> = others.iter().map(frame).collect();
        some.iter().all(|delivery| !others.contains(&frame(delivery)))
    }
}

impl Matched {
    /// Splits off the frames after the first so many, with what their events trigger.
    pub(super) fn split_off(&mut self, frames: usize) -> Self {
        let deliveries = self.deliveries.split_off(frames);
        let events = self.deliveries.iter().map(event_count).sum();
        let (mut fates, mut triggered) = (self.fates.split_off(events), Vec::new());
        for fate in &mut fates {
            if let Fate::Stored(range) = fate {
                let from = triggered.len();
                triggered.extend_from_slice(&self.triggered[range.clone()]);
                *range = from..triggered.len();
            }
        }
        Self { deliveries, condemned: self.condemned, fates, triggered, epochs: Arc::clone(&self.epochs) }
    }
}

impl Fetched {
    pub(super) fn events(&self) -> usize {
        self.deliveries.iter().map(event_count).sum()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::queue::{EntryId, Epoch, Frame, Records, RunId, Sender, Shards};

    const LIMITS: BatchLimits = BatchLimits { events: 4, bytes: 1_000 };

    /// A frame of these ids.
    pub(in crate::worker) fn delivery(shard: usize, entry: u64, ids: &[u8]) -> Delivery {
        let mut records = Records::default();
        for id in ids {
            records.push(&EventRecord {
                received_at: jiff::Timestamp::UNIX_EPOCH,
                sender: Sender::default(),
                event_id: &id.to_string(),
                event_type: "t",
                user_id: "u",
                payload: b"{}",
            });
        }
        let frame = Frame::decode(records.into_frame().into()).expect("just encoded");
        let shard = Shards::new(4).expect("allowed").all().nth(shard).expect("within the count");
        let entry = EntryId { milliseconds: entry, sequence: 0 };
        Delivery { shard, entry, accepted: 0, received_at: None, replay: None, times: 1, frame: Ok(frame) }
    }

    /// A batch of one frame, each of whose events triggers the campaign of its number.
    fn matched(entry: u64, ids: &[u8]) -> Matched {
        let triggered = ids.iter().map(|id| Triggered { campaign_id: i64::from(*id), version: 1 });
        Matched {
            deliveries: vec![delivery(0, entry, ids)],
            condemned: false,
            fates: (0..ids.len()).map(|at| Fate::Stored(at..at + 1)).collect(),
            triggered: triggered.collect(),
            epochs: epochs(7),
        }
    }

    fn epochs(keyspace: u64) -> Arc<Epochs> {
        Arc::new(Epochs::new(vec![Epoch { id: uuid::Uuid::nil(), keyspace, run_id: RunId::new("a") }]))
    }

    /// The id of each event, with the campaigns that it triggers.
    fn triggers(batch: &Matched) -> Vec<(String, Vec<i64>)> {
        let triggered = batch.fates.iter().map(|fate| match fate {
            Fate::Stored(range) => batch.triggered[range.clone()].iter().map(|one| one.campaign_id).collect(),
            _ => vec![],
        });
        events(&batch.deliveries).map(|event| event.event_id.to_owned()).zip(triggered).collect()
    }

    #[test]
    fn in_a_joined_batch_each_event_keeps_its_triggers_and_when_it_is_split_again() {
        let mut batch = matched(1, &[1, 2]);
        assert!(batch.join(matched(2, &[3]), LIMITS).is_ok());
        let [one, two, three] = [1, 2, 3].map(|id: i64| (id.to_string(), vec![id]));
        assert_eq!(triggers(&batch), [one.clone(), two.clone(), three.clone()]);

        // As when the first was a duplicate and is matched again: what it triggers comes last.
        batch.fates[0] = Fate::Stored(3..4);
        batch.triggered.push(batch.triggered[0]);
        let rest = batch.split_off(1);
        assert_eq!((triggers(&batch), triggers(&rest)), (vec![one, two], vec![three]));
        assert!(batch.split_off(1).deliveries.is_empty());
    }

    #[test]
    fn batches_that_do_not_go_into_one_stay_apart() {
        let stays = |other: Matched, limits| matched(1, &[1, 2]).join(other, limits).is_err();
        assert!(stays(matched(2, &[3, 4, 5]), LIMITS), "too many events");
        assert!(stays(matched(2, &[3]), BatchLimits { bytes: 50, ..LIMITS }), "too many bytes");
        assert!(stays(matched(1, &[1, 2]), LIMITS), "the same frame");
        assert!(stays(Matched { condemned: true, ..matched(2, &[3]) }, LIMITS), "one is put aside whole");
        let many = vec![Triggered { campaign_id: 1, version: 1 }; MOST_TRIGGERS - 1];
        assert!(stays(Matched { triggered: many, ..matched(2, &[3]) }, LIMITS), "too many triggers");
        assert!(
            stays(Matched { epochs: epochs(8), ..matched(2, &[3]) }, LIMITS),
            "claimed under other epochs"
        );
    }
}
