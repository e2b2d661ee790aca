//! What look-ups of keys found lately.
//!
//! Invariants: bounded; keys that are not valid never push out valid ones, whose rate limits live here; a look-up that
//! began before a key was revoked here cannot bring it back.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lru::LruCache;

use crate::ingest::rate::RateLimit;
use crate::store::keys::{KeyHash, KeyId, KnownKey};

/// For how long a look-up is believed.
pub(super) const FRESH: Duration = Duration::from_secs(2);
/// The most valid keys that are remembered, and the most others.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");

/// A valid key, and how much may be sent with it.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) key: Arc<KnownKey>,
    pub(super) limit: Option<Arc<RateLimit>>,
}

/// What is remembered of a key.
#[derive(Debug)]
pub(super) enum Recall {
    /// This was found a moment ago; `None` when the key is not valid.
    Fresh(Option<Known>),
    /// To be looked up again, by the caller; others go on with it meanwhile.
    Stale(Known),
    /// To be looked up.
    Nothing,
}

/// The changes that a look-up knows of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Generation(u64);

#[derive(Debug)]
pub(super) struct Cache(Mutex<Contents>);

#[derive(Debug)]
struct Contents {
    valid: LruCache<KeyHash, Entry>,
    /// Others, and when they were looked up.
    invalid: LruCache<KeyHash, Instant>,
    generation: Generation,
}

#[derive(Debug)]
struct Entry {
    known: Known,
    looked_up: Instant,
}

impl Cache {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Contents {
            valid: LruCache::new(CAPACITY),
            invalid: LruCache::new(CAPACITY),
            generation: Generation(0),
        }))
    }

    pub(super) fn recall(&self, hash: KeyHash, now: Instant) -> Recall {
        let fresh = |looked_up: Instant| now.saturating_duration_since(looked_up) < FRESH;
        let mut contents = self.lock();
        if let Some(entry) = contents.valid.get_mut(&hash) {
            if fresh(entry.looked_up) {
                return Recall::Fresh(Some(entry.known.clone()));
            }
            entry.looked_up = now;
            return Recall::Stale(entry.known.clone());
        }
        match contents.invalid.get(&hash) {
            Some(looked_up) if fresh(*looked_up) => Recall::Fresh(None),
            _ => Recall::Nothing,
        }
    }

    /// What a look-up that begins now has to hand to [`Self::remember`].
    pub(super) fn generation(&self) -> Generation {
        self.lock().generation
    }

    /// Keeps what a look-up found. A key that is known already keeps the state of its rate limit.
    pub(super) fn remember(
        &self,
        hash: KeyHash,
        found: Option<Known>,
        now: Instant,
        began: Generation,
    ) -> Option<Known> {
        let mut contents = self.lock();
        let Some(mut known) = found else {
            contents.valid.pop(&hash);
            contents.invalid.put(hash, now);
            return None;
        };
        if let Some(entry) = contents.valid.peek(&hash)
            && entry.known.key.rate_limit == known.key.rate_limit
        {
            known.limit.clone_from(&entry.known.limit);
        }
        if contents.generation == began {
            contents.invalid.pop(&hash);
            contents.valid.put(hash, Entry { known: known.clone(), looked_up: now });
        }
        Some(known)
    }

    /// Forgets a key that was revoked.
    pub(super) fn forget(&self, id: KeyId) {
        let mut contents = self.lock();
        contents.generation.0 += 1;
        let found = contents.valid.iter().find(|(_, entry)| entry.known.key.id == id);
        if let Some(hash) = found.map(|(hash, _)| *hash) {
            contents.valid.pop(&hash);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        // Each change is a single step, so a panic elsewhere leaves the maps whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::store::keys::{Rate, Scope};

    fn hash(number: usize) -> KeyHash {
        KeyHash::of(&format!("cmk_{number}")).expect("of a key's form")
    }

    fn known(rate_limit: Option<u32>) -> Known {
        let rate_limit = rate_limit.and_then(NonZeroU32::new).map(Rate::per_second);
        let limit = rate_limit.map(|rate| Arc::new(RateLimit::new(rate, NonZeroU32::MIN, Instant::now())));
        let key = KnownKey { id: KeyId(1), name: "a key".into(), scope: Scope::Ingest, rate_limit };
        Known { key: Arc::new(key), limit }
    }

    fn remember(cache: &Cache, hash: KeyHash, found: Option<Known>, now: Instant) -> Option<Known> {
        cache.remember(hash, found, now, cache.generation())
    }

    #[test]
    fn a_look_up_is_believed_for_a_while_and_then_renewed_by_one_caller() {
        let (cache, start) = (Cache::new(), Instant::now());
        assert!(matches!(cache.recall(hash(1), start), Recall::Nothing));
        remember(&cache, hash(1), Some(known(None)), start);
        assert!(matches!(cache.recall(hash(1), start), Recall::Fresh(Some(_))));
        assert!(matches!(cache.recall(hash(1), start + FRESH), Recall::Stale(_)));
        assert!(matches!(cache.recall(hash(1), start + FRESH), Recall::Fresh(Some(_))));
    }

    #[test]
    fn a_key_that_is_not_valid_is_looked_up_again_after_a_while() {
        let (cache, start) = (Cache::new(), Instant::now());
        remember(&cache, hash(1), None, start);
        assert!(matches!(cache.recall(hash(1), start), Recall::Fresh(None)));
        assert!(matches!(cache.recall(hash(1), start + FRESH), Recall::Nothing));
    }

    #[test]
    fn a_flood_of_keys_that_are_not_valid_is_bounded_and_leaves_the_valid_ones() {
        let (cache, now) = (Cache::new(), Instant::now());
        remember(&cache, hash(0), Some(known(None)), now);
        for number in 1..=2 * CAPACITY.get() {
            remember(&cache, hash(number), None, now);
        }
        assert_eq!(cache.lock().invalid.len(), CAPACITY.get());
        assert!(matches!(cache.recall(hash(0), now), Recall::Fresh(Some(_))));
    }

    #[test]
    fn of_too_many_valid_keys_those_used_last_are_kept() {
        let (cache, now) = (Cache::new(), Instant::now());
        for number in 0..CAPACITY.get() {
            remember(&cache, hash(number), Some(known(None)), now);
        }
        assert!(matches!(cache.recall(hash(0), now), Recall::Fresh(Some(_))));
        remember(&cache, hash(CAPACITY.get()), Some(known(None)), now);
        assert_eq!(cache.lock().valid.len(), CAPACITY.get());
        assert!(matches!(cache.recall(hash(0), now), Recall::Fresh(Some(_))));
        assert!(matches!(cache.recall(hash(1), now), Recall::Nothing));
    }

    #[test]
    fn a_renewed_key_keeps_the_state_of_its_rate_limit_while_that_is_the_same() {
        let (cache, now) = (Cache::new(), Instant::now());
        let limit = |known: Option<Known>| known.and_then(|known| known.limit).expect("a limit");
        let first = limit(remember(&cache, hash(1), Some(known(Some(5))), now));
        assert!(Arc::ptr_eq(&first, &limit(remember(&cache, hash(1), Some(known(Some(5))), now))));
        assert!(!Arc::ptr_eq(&first, &limit(remember(&cache, hash(1), Some(known(Some(6))), now))));
    }

    #[test]
    fn a_revoked_key_is_forgotten_and_a_look_up_from_before_does_not_bring_it_back() {
        let (cache, now) = (Cache::new(), Instant::now());
        remember(&cache, hash(1), Some(known(None)), now);
        let before = cache.generation();
        cache.forget(KeyId(1));
        assert!(matches!(cache.recall(hash(1), now), Recall::Nothing));
        cache.remember(hash(1), Some(known(None)), now, before);
        assert!(matches!(cache.recall(hash(1), now), Recall::Nothing));
    }
}
