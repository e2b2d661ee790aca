//! Which stream an event goes to.
//!
//! An event belongs to shard `xxh3(user_id) mod P`, so one user's events share a stream and keep their order. The keys
//! of a shard share a Redis Cluster hash tag, so that its claims and its stream live on one node.

use std::fmt;
use std::num::NonZeroU16;

use xxhash_rust::xxh3::xxh3_64;

/// One of the [`Shards`], counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(u16);

impl Shard {
    /// The shard's number.
    #[must_use]
    pub fn number(self) -> u16 {
        self.0
    }

    /// The shard's number as an index into a slice with one element a shard.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The key of the shard's stream of frames.
    #[must_use]
    pub fn stream(self) -> String {
        format!("events:{{{}}}", self.0)
    }

    /// The key of the shard's ledger: events accepted, and what is queued.
    #[must_use]
    pub fn ledger(self) -> String {
        format!("ledger:{{{}}}", self.0)
    }

    /// The key of the epoch that the shard's claims belong to.
    #[must_use]
    pub fn epoch(self) -> String {
        format!("claim-epoch:{{{}}}", self.0)
    }

    /// Where releases look for the epoch whose claims do not tell users apart.
    #[must_use]
    pub fn older_epoch(self) -> String {
        format!("epoch:{{{}}}", self.0)
    }

    /// The key of the frames that are tried alone, each with the number of its trials.
    #[must_use]
    pub fn suspects(self) -> String {
        format!("suspects:{{{}}}", self.0)
    }

    /// The key of the set of the shard's lots, and what the keys of the lots begin with.
    #[must_use]
    pub fn lots(self) -> String {
        format!("lots:{{{}}}", self.0)
    }

    /// What the keys of the shard's claims begin with.
    #[must_use]
    pub fn claim_prefix(self) -> String {
        format!("dedupe:{{{}}}:", self.0)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many shards there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shards(NonZeroU16);

impl Shards {
    /// `count` shards; at most 32,767, as Postgres keeps the number in a `smallint`.
    #[must_use]
    pub const fn new(count: u16) -> Option<Self> {
        match NonZeroU16::new(count) {
            Some(count) if count.get() <= i16::MAX.cast_unsigned() => Some(Self(count)),
            _ => None,
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(self) -> usize {
        usize::from(self.0.get())
    }

    /// Every shard, in order.
    pub fn all(self) -> impl Iterator<Item = Shard> {
        (0..self.0.get()).map(Shard)
    }

    /// The shard with this number, if there is one.
    #[must_use]
    pub fn get(self, number: u16) -> Option<Shard> {
        (number < self.0.get()).then_some(Shard(number))
    }

    /// The shard that a user's events belong to.
    #[must_use]
    pub fn of_user(self, user_id: &str) -> Shard {
        let remainder = xxh3_64(user_id.as_bytes()) % u64::from(self.0.get());
        Shard(u16::try_from(remainder).expect("a remainder is smaller than its 16-bit divisor"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_shard_never_changes_between_releases() {
        let shards = Shards::new(8).expect("8 is allowed");
        let seen: Vec<u16> =
            ["", "u-1", "u-42", "Zoë"].map(|user| shards.of_user(user).number()).into_iter().collect();
        assert_eq!(seen, [2, 0, 4, 6]);
    }

    #[test]
    fn every_user_has_a_shard_within_the_count() {
        for count in [1, 3, 8] {
            let shards = Shards::new(count).expect("allowed");
            assert!((0..1000).all(|i| shards.of_user(&format!("user {i}")).number() < count));
        }
    }

    #[test]
    fn no_shards_or_too_many_are_refused() {
        assert_eq!(Shards::new(0), None);
        assert_eq!(Shards::new(u16::MAX), None);
    }
}
