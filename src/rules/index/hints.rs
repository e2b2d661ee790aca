//! Which keys stood where in the events before: events of one kind have their keys in one order.
//!
//! A key is expected by its object and its place in it. If it is the one expected, comparing three integers replaces the
//! look-up of its path.

use super::paths::PathId;
use super::texts::Fingerprint;

/// A power of two. Keys with the same place here only make each other unexpected.
const PLACES: usize = 1024;

/// The keys that are expected.
#[derive(Debug, Default)]
pub(super) struct Hints {
    expected: Vec<Option<Expected>>,
}

#[derive(Clone, Copy, Debug)]
struct Expected {
    object: PathId,
    fingerprint: Fingerprint,
    lead: Lead,
}

/// Where a key leads.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lead {
    To(PathId),
    /// No rule names it.
    Nowhere,
}

impl Hints {
    /// Expects nothing.
    pub(super) fn reset(&mut self) {
        self.expected.clear();
        self.expected.resize(PLACES, None);
    }

    /// Where a key leads, if it is the one expected.
    #[inline]
    pub(super) fn get(&self, object: PathId, ordinal: usize, key: Fingerprint) -> Option<Lead> {
        let expected = self.expected[place(object, ordinal)].as_ref()?;
        (expected.object == object && expected.fingerprint == key).then_some(expected.lead)
    }

    /// Expects a key whose fingerprint is whole.
    pub(super) fn set(&mut self, object: PathId, ordinal: usize, fingerprint: Fingerprint, lead: Lead) {
        self.expected[place(object, ordinal)] = Some(Expected { object, fingerprint, lead });
    }
}

/// Objects start 32 places apart.
fn place(object: PathId, ordinal: usize) -> usize {
    (object.index() * 32 + ordinal) % PLACES
}
