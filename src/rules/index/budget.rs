//! How much may be done for one event.
//!
//! A rule may take [`RULE_STEPS`]. All rules together may take [`EVENT_STEPS`]; once these are used up, each rule that is
//! left still gets [`LEAST_STEPS`], which is plenty for a rule that is not dear. A rule that takes more is given up and
//! *set aside* for this event: it is neither known to match nor known not to.

/// The most steps that a rule may take for an event.
pub const RULE_STEPS: u64 = 1_000_000;
/// The steps that all rules share, beyond which each gets only the least.
pub const EVENT_STEPS: u64 = 10 * RULE_STEPS;
/// The steps that every rule may take, whatever the others took.
pub const LEAST_STEPS: u64 = 10_000;

/// The steps that were taken for an event, and how many the rule at hand may take.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Budget {
    taken: u64,
    /// What is left of [`EVENT_STEPS`].
    shared: u64,
    /// When so many were taken, the rule at hand is given up.
    limit: u64,
}

impl Budget {
    /// The budget for the next event, for which so many steps were taken already.
    pub(super) fn new(taken: u64) -> Self {
        Self { taken, shared: EVENT_STEPS, limit: u64::MAX }
    }

    /// The steps that were taken for the event.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    pub(super) fn take(&mut self, steps: u64) {
        self.taken += steps;
    }

    /// Begins a rule.
    pub(super) fn begin_rule(&mut self) {
        self.limit = self.taken + self.shared.clamp(LEAST_STEPS, RULE_STEPS);
    }

    /// Ends the rule that was begun when `taken` steps had been taken; whether it has to be set aside.
    pub(super) fn end_rule(&mut self, taken: u64) -> bool {
        let set_aside = self.is_spent();
        self.shared = self.shared.saturating_sub(self.taken - taken);
        self.limit = u64::MAX;
        set_aside
    }

    /// Whether the rule at hand has taken more than it may. What is evaluated from then on means nothing.
    pub(super) fn is_spent(&self) -> bool {
        self.taken > self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_share_what_an_event_may_take_and_each_gets_the_least() {
        let mut budget = Budget::new(7);
        let mut rule = |steps| {
            let taken = budget.taken();
            budget.begin_rule();
            budget.take(steps);
            budget.end_rule(taken)
        };
        assert!(!rule(RULE_STEPS) && rule(RULE_STEPS + 1));
        for _ in 0..8 {
            rule(RULE_STEPS);
        }
        assert!(!rule(LEAST_STEPS) && rule(LEAST_STEPS + 1));
    }
}
