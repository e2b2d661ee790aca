//! What is known about predicates for the event at hand.

use super::program::PredicateId;

/// For each predicate, whether it holds, if that has been found out.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    epoch: u32,
    /// Twice the epoch, and one more if the predicate holds.
    known: Vec<u32>,
}

impl Verdicts {
    /// Makes ready for rules with so many predicates.
    pub(super) fn reset(&mut self, predicates: usize) {
        self.epoch = 0;
        self.known.clear();
        self.known.resize(predicates, 0);
    }

    /// Makes ready for the next event.
    pub(super) fn begin(&mut self) {
        if self.epoch == u32::MAX / 2 {
            self.reset(self.known.len());
        }
        self.epoch += 1;
    }

    pub(super) fn get_or_find(&mut self, predicate: PredicateId, find: impl FnOnce() -> bool) -> bool {
        let known = &mut self.known[predicate.0 as usize];
        if *known / 2 != self.epoch {
            *known = self.epoch * 2 + u32::from(find());
        }
        *known % 2 == 1
    }
}
