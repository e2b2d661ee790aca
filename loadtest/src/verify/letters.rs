//! The run's events that are dead letters, of their own or within a frame.

use fixedbitset::FixedBitSet;

/// Places of events that are dead letters.
#[derive(Debug)]
pub(super) struct DeadLetters {
    /// Those that are letters of their own.
    alone: FixedBitSet,
    /// Those in frames that were put aside whole; some may be duplicates of stored ones.
    in_frames: FixedBitSet,
    first_reason: Option<String>,
}

impl DeadLetters {
    /// None yet, of at most so many events.
    pub(super) fn new(events: usize) -> Self {
        let none = FixedBitSet::with_capacity(events);
        Self { alone: none.clone(), in_frames: none, first_reason: None }
    }

    /// Adds an event that is a letter of its own.
    pub(super) fn add(&mut self, place: usize, reason: &str) {
        self.alone.insert(place);
        self.first_reason.get_or_insert_with(|| reason.to_owned());
    }

    /// Adds an event of a frame that is a letter.
    pub(super) fn add_in_frame(&mut self, place: usize, reason: &str) {
        self.in_frames.insert(place);
        self.first_reason.get_or_insert_with(|| reason.to_owned());
    }

    /// Those that are not stored.
    pub(super) fn not_in(&self, stored: &FixedBitSet) -> FixedBitSet {
        let mut dead = self.alone.clone();
        dead.union_with(&self.in_frames);
        dead.difference_with(stored);
        dead
    }

    /// Those that are stored though they are letters of their own.
    pub(super) fn in_vain<'a>(&'a self, stored: &'a FixedBitSet) -> impl Iterator<Item = usize> + 'a {
        self.alone.intersection(stored)
    }

    /// Why the first of them is one.
    pub(super) fn first_reason(self) -> Option<String> {
        self.first_reason
    }
}
