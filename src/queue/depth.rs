//! How much is queued, and how near that is to the most that Redis may hold. Pure.

use std::cmp::Ordering;
use std::iter::Sum;

/// What a claim takes of Redis' memory, in bytes: key, entry id and its place in a lot, as measured on Redis 7.0 where each frame
/// has a single event; about 140 in frames of many.
pub const CLAIM_BYTES: u64 = 160;

/// What lies in streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Depth {
    /// Events.
    pub events: u64,
    /// Bytes of their frames.
    pub bytes: u64,
}

impl Depth {
    /// From counters, which are never negative but where somebody else has changed them.
    pub(super) fn of(events: i64, bytes: i64) -> Self {
        let count = |counter: i64| u64::try_from(counter).unwrap_or(0);
        Self { events: count(events), bytes: count(bytes) }
    }
}

impl Sum for Depth {
    fn sum<I: Iterator<Item = Self>>(depths: I) -> Self {
        depths.fold(Self::default(), |sum, depth| Self {
            events: sum.events + depth.events,
            bytes: sum.bytes + depth.bytes,
        })
    }
}

/// What Redis does when its memory is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eviction {
    /// Writes fail.
    Never,
    /// What is nearest to its end goes: claims, swept before they are due, so that the dedupe window shrinks.
    SoonestExpiry,
}

/// The memory of a Redis server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Bytes in use.
    pub used: u64,
    /// Bytes that the server had in use when it started, before it kept anything.
    pub at_start: u64,
    /// The most there may be; `None` where Redis sets no limit.
    pub max: Option<u64>,
    /// What happens at the most.
    pub eviction: Eviction,
}

impl Memory {
    /// Bytes that are needed to hold what is queued, and `held` bytes on their way, until all of it has been claimed.
    /// Claims that are laid already count where nothing lets them go early. Without a limit the ceiling is a budget for
    /// events and claims, so what the server takes for itself does not count.
    #[must_use]
    pub fn needed(&self, queued: Depth, held: u64) -> u64 {
        let kept = match (self.max, self.eviction) {
            (Some(_), Eviction::SoonestExpiry) => 0,
            (Some(_), Eviction::Never) => self.used,
            (None, _) => self.used.saturating_sub(self.at_start),
        };
        kept.max(queued.bytes) + held + queued.events * CLAIM_BYTES
    }

    /// Whether claims have to go before they are due: a tenth of the memory is left, and the policy lets them go.
    #[must_use]
    pub fn lets_claims_go(&self) -> bool {
        self.eviction == Eviction::SoonestExpiry && self.max.is_some_and(|max| self.used >= max / 10 * 9)
    }

    /// By the part of its limit that is in use; where there is none, by the bytes.
    #[must_use]
    pub fn compare_fullness(&self, other: &Self) -> Ordering {
        let part = |one: &Self, other: &Self| {
            one.max.map(|_| u128::from(one.used) * u128::from(other.max.unwrap_or(1)))
        };
        part(self, other).cmp(&part(other, self)).then(self.used.cmp(&other.used))
    }

    /// Bytes that there may be: Redis' own limit, else `budget`.
    #[must_use]
    pub fn ceiling(&self, budget: u64) -> u64 {
        self.max.unwrap_or(budget)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUED: Depth = Depth { events: 10, bytes: 4_000 };

    #[test]
    fn what_is_queued_is_needed_once_more_as_claims() {
        let memory =
            Memory { used: 1 << 20, at_start: 0, max: Some(1 << 21), eviction: Eviction::SoonestExpiry };
        assert_eq!(memory.needed(QUEUED, 100), 4_100 + 10 * CLAIM_BYTES);
    }

    #[test]
    fn claims_that_cannot_be_evicted_leave_less_room() {
        let memory = Memory { used: 1 << 20, at_start: 0, max: Some(1 << 21), eviction: Eviction::Never };
        assert_eq!(memory.needed(QUEUED, 100), (1 << 20) + 100 + 10 * CLAIM_BYTES);
    }

    #[test]
    fn without_a_limit_claims_that_are_laid_are_part_of_the_budget_and_the_server_itself_is_not() {
        for eviction in [Eviction::Never, Eviction::SoonestExpiry] {
            let memory = Memory { used: 5 << 20, at_start: 1 << 20, max: None, eviction };
            assert_eq!(memory.needed(QUEUED, 100), (4 << 20) + 100 + 10 * CLAIM_BYTES);
        }
    }

    #[test]
    fn claims_go_early_only_when_memory_is_nearly_full_and_the_policy_is_to_let_them_go() {
        let memory = |used, eviction| Memory { used, at_start: 0, max: Some(1_000), eviction };
        assert!(memory(900, Eviction::SoonestExpiry).lets_claims_go());
        assert!(!memory(899, Eviction::SoonestExpiry).lets_claims_go());
        assert!(!memory(1_000, Eviction::Never).lets_claims_go());
        let unlimited = Memory { used: 1 << 40, at_start: 0, max: None, eviction: Eviction::SoonestExpiry };
        assert!(!unlimited.lets_claims_go());
    }

    #[test]
    fn the_fullest_server_is_the_one_with_the_largest_part_in_use_and_a_limit_comes_first() {
        let memory = |used, max| Memory { used, at_start: 0, max, eviction: Eviction::Never };
        let order =
            [memory(5, None), memory(9, None), memory(1, Some(10)), memory(8, Some(40)), memory(2, Some(4))];
        assert!(order.is_sorted_by(|one, other| one.compare_fullness(other) == Ordering::Less));
    }

    #[test]
    fn without_a_limit_the_budget_is_the_limit() {
        let memory = Memory { used: 1 << 20, at_start: 1 << 20, max: None, eviction: Eviction::Never };
        assert_eq!(memory.ceiling(7), 7);
        assert_eq!(memory.needed(QUEUED, 0), 4_000 + 10 * CLAIM_BYTES);
    }
}
