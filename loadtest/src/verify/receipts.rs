//! The sum by the receipts of frames: accepted = stored + duplicates + dead letters.
//!
//! Receipts do not say whose events they are of. So too little is always wrong, and too much is only where nobody else
//! sends; then it may be those events too that were sent without the tool learning what became of them.

use serde::Serialize;

use super::Settled;

/// Both sides of the sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Receipts {
    /// Events that the server accepted from this run, repeated ones included.
    pub accepted: u64,
    /// Events that it may have accepted beyond these.
    pub uncertain: u64,
    /// What the receipts say.
    pub settled: Settled,
    /// Whether nobody else sends.
    pub alone: bool,
}

impl Receipts {
    /// What does not add up, in words; too little does if the rest may still come.
    pub(super) fn difference(&self, more_may_come: bool) -> Option<String> {
        let &Self { accepted, uncertain, settled, alone } = self;
        let too_many = alone && settled.total() > accepted + uncertain;
        let too_few = !more_may_come && settled.total() < accepted;
        (too_few || too_many).then(|| {
            let Settled { stored, duplicates, dead_lettered } = settled;
            format!(
                "{accepted} events were accepted, repeated ones included, and receipts account for {}: {stored} stored, {duplicates} duplicates, {dead_lettered} dead letters",
                settled.total()
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipts(accepted: u64, uncertain: u64, alone: bool) -> Receipts {
        let settled = Settled { stored: 70, duplicates: 20, dead_lettered: 10 };
        Receipts { accepted, uncertain, settled, alone }
    }

    #[test]
    fn what_was_accepted_must_be_accounted_for() {
        assert_eq!(receipts(100, 0, true).difference(false), None);
        for alone in [true, false] {
            let difference = receipts(101, 50, alone).difference(false).expect("one is missing");
            assert_eq!(receipts(101, 50, alone).difference(true), None, "it may still come");
            assert!(
                difference.contains("101 events") && difference.contains("for 100: 70 stored"),
                "{difference}"
            );
        }
    }

    #[test]
    fn too_much_is_wrong_only_where_nobody_else_sends_and_nothing_is_uncertain() {
        assert_eq!(receipts(90, 0, false).difference(false), None);
        assert_eq!(receipts(90, 10, true).difference(false), None);
        for more_may_come in [false, true] {
            assert!(receipts(90, 9, true).difference(more_may_come).is_some());
        }
    }
}
