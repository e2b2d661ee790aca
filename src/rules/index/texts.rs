//! Short texts, each known by a number: the keys of paths and the literals of rules.
//!
//! A text of up to 16 bytes, as nearly all are, is compared as two integers and never read again. Longer ones are told
//! apart by a 128-bit hash first, and then by their bytes.
//!
//! Only rules are stored in the table, never events, so no sender can make it slow.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_128;

/// Texts, each in a context, numbered from 0 in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Texts {
    table: HashTable<Entry>,
    /// The bytes of the texts that a fingerprint does not hold whole.
    long: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    fingerprint: Fingerprint,
    context: u32,
    number: u32,
    /// Where a long text starts in [`Texts::long`].
    start: u32,
}

/// Two integers and the length of a text; together they are the text, if it has at most [`Fingerprint::WHOLE`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    low: u64,
    high: u64,
    length: u32,
}

impl Fingerprint {
    const WHOLE: u32 = 16;

    #[inline]
    pub(super) fn of(text: &[u8]) -> Self {
        let (low, high) = match *text {
            [] => (0, 0),
            [one] => (one.into(), 0),
            [one, two] => (u16::from_le_bytes([one, two]).into(), 0),
            [one, two, three] => (u32::from_le_bytes([one, two, three, 0]).into(), 0),
            _ => long_fingerprint(text),
        };
        Self { low, high, length: u32::try_from(text.len()).unwrap_or(u32::MAX) }
    }

    /// Whether no other text has this fingerprint.
    pub(super) fn is_whole(self) -> bool {
        self.length <= Self::WHOLE
    }

    /// Mixes by one wide multiplication, after `wyhash`.
    fn hash(self, context: u32) -> u64 {
        let one = self.low ^ 0x9E37_79B9_7F4A_7C15;
        let other = self.high.rotate_left(32) ^ u64::from(self.length) << 32 ^ u64::from(context);
        let product = u128::from(one) * u128::from(other ^ 0xD1B5_4A32_D192_ED03);
        let (low, high) = (halves(product).0, halves(product).1);
        low ^ high
    }
}

/// The fingerprint of four bytes and more: their first and last ones, or a hash.
fn long_fingerprint(text: &[u8]) -> (u64, u64) {
    match (text.first_chunk(), text.last_chunk()) {
        (Some(first), Some(last)) if text.len() <= 16 => {
            (u64::from_le_bytes(*first), u64::from_le_bytes(*last))
        }
        (None, None) => match (text.first_chunk(), text.last_chunk()) {
            (Some(first), Some(last)) => {
                (u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into())
            }
            _ => (0, 0),
        },
        _ => halves(xxh3_128(text)),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "taken apart on purpose")]
fn halves(wide: u128) -> (u64, u64) {
    (wide as u64, (wide >> 64) as u64)
}

impl Texts {
    /// How many texts there are.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// The number of a text in a context.
    #[inline]
    pub(super) fn find(&self, context: u32, text: &[u8]) -> Option<u32> {
        self.find_by(context, Fingerprint::of(text), text)
    }

    /// The number of a text whose fingerprint is known.
    pub(super) fn find_by(&self, context: u32, fingerprint: Fingerprint, text: &[u8]) -> Option<u32> {
        let found =
            self.table.find(fingerprint.hash(context), |entry| self.is(entry, context, fingerprint, text));
        found.map(|entry| entry.number)
    }

    fn is(&self, entry: &Entry, context: u32, fingerprint: Fingerprint, text: &[u8]) -> bool {
        entry.fingerprint == fingerprint
            && entry.context == context
            && (fingerprint.is_whole() || self.long[entry.start as usize..][..text.len()] == *text)
    }

    /// The fingerprints of all texts, by number.
    pub(super) fn fingerprints(&self) -> Vec<Fingerprint> {
        let mut entries: Vec<_> = self.table.iter().collect();
        entries.sort_unstable_by_key(|entry| entry.number);
        entries.into_iter().map(|entry| entry.fingerprint).collect()
    }

    /// A hash of a text in a context, whether it is known or not.
    pub(super) fn hash(context: u32, text: &[u8]) -> u32 {
        let hash = Fingerprint::of(text).hash(context);
        u32::try_from(hash >> 32).expect("32 bits are left")
    }

    /// The number of a text in a context; a text that is not known yet gets the next one.
    pub(super) fn intern(&mut self, context: u32, text: &[u8]) -> u32 {
        if let Some(known) = self.find(context, text) {
            return known;
        }
        let fits = "rules are too few to hold 4 GiB of texts";
        let fingerprint = Fingerprint::of(text);
        let number = u32::try_from(self.table.len()).expect(fits);
        let start = u32::try_from(self.long.len()).expect(fits);
        if !fingerprint.is_whole() {
            self.long.extend_from_slice(text);
        }
        let hash = |entry: &Entry| entry.fingerprint.hash(entry.context);
        self.table.insert_unique(
            fingerprint.hash(context),
            Entry { fingerprint, context, number, start },
            hash,
        );
        number
    }

    /// The bytes that this takes.
    pub(super) fn bytes(&self) -> usize {
        self.long.capacity() + self.table.allocation_size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn every_text_in_a_context_has_one_number_of_its_own(
            texts in proptest::collection::vec((0..3_u32, "[ab]{0,3}|[ab\\x00]{4,9}|[ab]{15,18}|[ab]{40}"), 0..60),
        ) {
            let mut numbers = HashMap::new();
            let mut interned = Texts::default();
            for (context, text) in &texts {
                let next = u32::try_from(numbers.len()).unwrap();
                let expected = *numbers.entry((*context, text)).or_insert(next);
                prop_assert_eq!(interned.intern(*context, text.as_bytes()), expected);
            }
            for (context, text) in &texts {
                prop_assert_eq!(interned.find(*context, text.as_bytes()), numbers.get(&(*context, text)).copied());
                prop_assert_eq!(interned.find(3, text.as_bytes()), None);
            }
        }
    }
}
