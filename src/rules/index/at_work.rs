//! Which rule a thread evaluates, for others to see.

use super::RuleOrdinal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The rule that a [`Scratch`](super::Scratch) is used for at this moment.
#[derive(Clone, Debug, Default)]
pub struct RuleAtWork(
    /// The number of the rule, from 1; 0 between rules.
    Arc<AtomicU32>,
);

impl RuleAtWork {
    /// The rule, if one is being evaluated.
    #[must_use]
    pub fn get(&self) -> Option<RuleOrdinal> {
        self.0.load(Ordering::Relaxed).checked_sub(1).map(RuleOrdinal)
    }

    pub(super) fn begin(&self, rule: RuleOrdinal) {
        self.0.store(rule.0 + 1, Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}
