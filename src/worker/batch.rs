//! A batch as it goes from stage to stage. Each stage hands on a type of its own, so none can be left out.

use std::ops::Range;
use std::sync::Arc;

use crate::campaign::Triggered;
use crate::queue::{Delivery, Epochs, EventRecord};

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

impl Fetched {
    pub(super) fn events(&self) -> usize {
        self.deliveries.iter().map(event_count).sum()
    }
}
