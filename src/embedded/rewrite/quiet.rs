//! Has Redis rewrite its file when little comes in, so that it need not under load, and the next start has less to read.
//!
//! Invariants:
//! - Nothing is asked for while Redis is at it, or before as much was written since the last rewrite as that one kept: no
//!   rewrite is the reason for another.
//! - A rewrite that does not help, because the disk is full for example, is asked for again ever more seldom.

use std::{convert::Infallible, time::Duration};

use bb8_redis::redis::{Client, InfoDict, RedisResult, cmd};
use tokio::time::sleep;

/// Between two looks at the file.
pub(in crate::embedded) const LOOK: Duration = Duration::from_secs(2);
/// A moment is quiet when little was written from one look to the next, so often in a row: 2 MiB a second, for 10 s.
const LITTLE: u64 = 4 << 20;
const IN_A_ROW: u32 = 5;
/// A start reads a file of this size in an instant.
const SMALL: u64 = 64 << 20;
/// Looks from one rewrite to the next when the first did not help: a minute, then twice as many each time, up to an hour.
const FIRST_WAIT: u32 = 30;
const LONGEST_WAIT: u32 = 1_800;

/// Looks at the file of the Redis at `url` for as long as it is polled; where Redis does not answer, at the next look.
pub(in crate::embedded) async fn rewrite_when_quiet(url: String, look: Duration) {
    let mut watch = Watch::new();
    loop {
        let Err(error) = look_on(&url, look, &mut watch).await;
        tracing::debug!(%error, "Redis does not tell of its file");
        sleep(look).await;
    }
}

/// Until there is no answer.
async fn look_on(url: &str, look: Duration, watch: &mut Watch) -> RedisResult<Infallible> {
    let mut redis = Client::open(url)?.get_multiplexed_async_connection().await?;
    loop {
        let about: InfoDict = cmd("INFO").arg("persistence").query_async(&mut redis).await?;
        if let Some(file) = AppendOnlyFile::read(&about)
            && watch.is_time(file)
        {
            tracing::debug!(bytes = file.size, "a quiet moment: Redis rewrites its file");
            let () = cmd("BGREWRITEAOF").query_async(&mut redis).await?;
        }
        sleep(look).await;
    }
}

/// What Redis tells of its file.
#[derive(Clone, Copy, Debug)]
struct AppendOnlyFile {
    size: u64,
    /// Its size after the last rewrite.
    base: u64,
    /// Redis rewrites it, is about to, or still reads it.
    in_use: bool,
}

impl AppendOnlyFile {
    fn read(about: &InfoDict) -> Option<Self> {
        let holds = |flag| about.get::<u8>(flag).is_some_and(|value| value != 0);
        Some(Self {
            size: about.get("aof_current_size")?,
            base: about.get("aof_base_size")?,
            in_use: ["aof_rewrite_in_progress", "aof_rewrite_scheduled", "loading"].into_iter().any(holds),
        })
    }

    fn is_worth_it(self) -> bool {
        self.size > SMALL && self.size / 2 > self.base
    }
}

/// Looks at the file one after the other, and what they have shown.
#[derive(Debug)]
struct Watch {
    size: Option<u64>,
    /// How many looks in a row have seen little written.
    quiet: u32,
    /// Looks until a rewrite may be asked for.
    wait: u32,
    /// The wait after the next one.
    next_wait: u32,
}

impl Watch {
    const fn new() -> Self {
        Self { size: None, quiet: 0, wait: 0, next_wait: FIRST_WAIT }
    }

    /// Whether a rewrite is to be asked for now.
    fn is_time(&mut self, file: AppendOnlyFile) -> bool {
        // unknown at the first look, and after a rewrite
        let written = self.size.replace(file.size).and_then(|before| file.size.checked_sub(before));
        let quiet = !file.in_use && written.is_some_and(|written| written <= LITTLE);
        self.quiet = if quiet { self.quiet.saturating_add(1) } else { 0 };
        self.wait = self.wait.saturating_sub(1);
        if !file.is_worth_it() {
            (self.wait, self.next_wait) = (0, FIRST_WAIT);
            return false;
        }
        let is_time = self.quiet >= IN_A_ROW && self.wait == 0;
        if is_time {
            self.wait = self.next_wait;
            self.next_wait = LONGEST_WAIT.min(self.next_wait * 2);
        }
        is_time
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;

    /// A Redis as seen by the looks, which does what it is asked for.
    struct Redis {
        watch: Watch,
        file: AppendOnlyFile,
    }

    impl Redis {
        fn with(size: u64, base: u64) -> Self {
            Self { watch: Watch::new(), file: AppendOnlyFile { size, base, in_use: false } }
        }

        /// The looks that have a rewrite begun, of so many between which `written` is written.
        fn asks(&mut self, looks: u32, written: u64) -> Vec<u32> {
            let asks = |look: &u32| {
                self.file.size += if *look == 0 { 0 } else { written };
                self.watch.is_time(self.file)
            };
            (0..looks).filter(asks).collect()
        }

        fn rewritten(&mut self, kept: u64) {
            (self.file.size, self.file.base) = (kept, kept);
        }
    }

    #[test]
    fn a_large_file_is_rewritten_once_little_was_written_for_five_looks() {
        assert_eq!(Redis::with(GIB, 0).asks(6, 0), [5]);
        assert_eq!(Redis::with(GIB, 0).asks(6, LITTLE), [5]);
    }

    #[test]
    fn a_busy_file_is_left_alone() {
        assert_eq!(Redis::with(GIB, 0).asks(1_000, LITTLE + 1), [0; 0]);
    }

    #[test]
    fn a_busy_look_begins_the_wait_for_a_quiet_moment_anew() {
        let mut redis = Redis::with(GIB, 0);
        assert_eq!(redis.asks(5, 0), [0; 0]);
        redis.file.size += 60 * MIB;
        assert_eq!(redis.asks(6, 0), [5]);
    }

    #[test]
    fn a_file_that_is_small_or_holds_little_more_than_what_is_kept_is_left_alone() {
        assert_eq!(Redis::with(SMALL, 0).asks(1_000, 0), [0; 0]);
        assert_eq!(Redis::with(2 * GIB, GIB).asks(1_000, 0), [0; 0]);
        assert_eq!(Redis::with(2 * GIB + 2, GIB).asks(6, 0), [5]);
    }

    #[test]
    fn what_was_rewritten_is_not_again_until_it_has_grown_to_twice_its_size() {
        let mut redis = Redis::with(GIB, 0);
        assert_eq!(redis.asks(6, 0), [5]);
        redis.rewritten(100 * MIB);
        assert_eq!(redis.asks(1_000, 0), [0; 0]);
        assert_eq!(redis.asks(101, MIB), [0; 0]);
        assert_eq!(redis.asks(2, MIB), [1]);
    }

    #[test]
    fn nothing_is_asked_for_while_redis_rewrites_its_file_or_reads_it() {
        let mut redis = Redis::with(GIB, 0);
        redis.file.in_use = true;
        assert_eq!(redis.asks(1_000, 0), [0; 0]);
        redis.file.in_use = false;
        assert_eq!(redis.asks(5, 0), [4]);
    }

    #[test]
    fn a_file_that_became_smaller_was_not_written_to_so_much() {
        let mut redis = Redis::with(5 * GIB, 0);
        assert_eq!(redis.asks(1, 0), [0; 0]);
        // Redis did it by itself, and much came in meanwhile
        redis.file = AppendOnlyFile { size: GIB, base: 100 * MIB, in_use: false };
        assert_eq!(redis.asks(6, 0), [5]);
    }

    #[test]
    fn a_rewrite_that_does_not_help_is_asked_for_ever_more_seldom_but_at_least_once_an_hour() {
        let mut redis = Redis::with(GIB, 0);
        let asked = redis.asks(10_000, 0);
        let waits: Vec<u32> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(waits[..8], [30, 60, 120, 240, 480, 960, 1_800, 1_800]);

        // until one does help
        redis.rewritten(0);
        assert_eq!(redis.asks(1, 0), [0; 0]);
        redis.file.size = GIB;
        assert_eq!(redis.asks(40, 0), [5, 35]);
    }

    #[test]
    fn what_redis_tells_is_read() {
        let told = |scheduled| {
            let text = format!(
                "# Persistence\r\nloading:0\r\naof_rewrite_in_progress:0\r\naof_rewrite_scheduled:{scheduled}\r\naof_current_size:5000000000\r\naof_base_size:88\r\n"
            );
            AppendOnlyFile::read(&InfoDict::new(&text)).unwrap()
        };
        let file = told(0);
        assert_eq!((file.size, file.base, file.in_use), (5_000_000_000, 88, false));
        assert!(told(1).in_use);
        assert!(AppendOnlyFile::read(&InfoDict::new("aof_enabled:0\r\n")).is_none());
    }

    proptest! {
        /// Looks at a Redis that is written to as it comes, whose rewrites take a few looks and may fail.
        #[test]
        fn whatever_comes_only_a_file_that_is_worth_it_is_rewritten_and_only_when_it_is_quiet(
            written in vec(prop_oneof![0..=LITTLE, 0..200 * MIB], 500),
            kept in 0..GIB,
            looks in 0_usize..20,
            fails in any::<bool>(),
        ) {
            let mut redis = Redis::with(kept, kept);
            let (mut ends, mut since_the_last) = (None, 0);
            for (look, bytes) in written.iter().enumerate() {
                redis.file.size += bytes;
                since_the_last += bytes;
                if ends == Some(look) {
                    redis.file.in_use = false;
                    ends = None;
                    if !fails {
                        redis.rewritten(kept);
                        since_the_last = 0;
                    }
                }
                if redis.watch.is_time(redis.file) {
                    prop_assert!(ends.is_none() && look >= 5);
                    prop_assert!(since_the_last >= kept);
                    prop_assert!(written[look - 4..=look].iter().all(|bytes| *bytes <= LITTLE));
                    redis.file.in_use = true;
                    ends = Some(look + 1 + looks);
                }
            }
        }
    }
}
