//! The hash of the index's tables. Only rules are stored in them, never events, so no sender can make them collide.

use xxhash_rust::xxh3::xxh3_64_with_seed;

pub(super) fn hash_bytes(bytes: &[u8], seed: u64) -> u64 {
    xxh3_64_with_seed(bytes, seed)
}
