//! A token bucket, in whole numbers. Pure: the caller says what time it is.
//!
//! Invariants: in any stretch of time no more is taken than the bucket holds and what it gains meanwhile; what is not taken
//! in the end is there again; nothing that was gained is lost, but what the full bucket does not hold.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// An event, in the unit that levels are kept in: what a rate of one event a second gains in a nanosecond.
const EVENT: u64 = 1_000_000_000;

/// A bucket of events.
#[derive(Debug)]
pub(super) struct Bucket {
    /// In events a second, which are units a nanosecond.
    rate: NonZeroU32,
    capacity: u64,
    /// What was there at `at`.
    level: u64,
    at: Instant,
}

impl Bucket {
    /// A full bucket that holds `capacity` events and gains `rate` a second.
    pub(super) fn full(rate: NonZeroU32, capacity: u64, now: Instant) -> Self {
        let capacity = capacity.saturating_mul(EVENT);
        Self { rate, capacity, level: capacity, at: now }
    }

    /// Whether so many events are there; otherwise, how long it takes until they are.
    pub(super) fn has(&mut self, events: u32, now: Instant) -> Result<(), Duration> {
        self.gain(now);
        let missing = (u64::from(events) * EVENT).saturating_sub(self.level);
        if missing == 0 {
            return Ok(());
        }
        Err(Duration::from_nanos(missing.div_ceil(self.rate.get().into())))
    }

    /// Takes so many events, or nothing and says how long it takes until they are there.
    pub(super) fn take(&mut self, events: u32, now: Instant) -> Result<(), Duration> {
        self.has(events, now)?;
        self.level -= u64::from(events) * EVENT;
        Ok(())
    }

    /// Puts back so many events that were taken.
    pub(super) fn give_back(&mut self, events: u32, now: Instant) {
        self.gain(now);
        self.level = self.level.saturating_add(u64::from(events) * EVENT).min(self.capacity);
    }

    /// How many whole events are there.
    pub(super) fn events(&mut self, now: Instant) -> u32 {
        self.gain(now);
        u32::try_from(self.level / EVENT).unwrap_or(u32::MAX)
    }

    /// Adds what was gained since it was last looked at. Times of several threads need not come in their order.
    fn gain(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at);
        let nanoseconds = u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX);
        let gained = nanoseconds.saturating_mul(self.rate.get().into());
        self.level = self.level.saturating_add(gained).min(self.capacity);
        self.at += passed;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is asked of a bucket: so many events, so long after the ask before; kept, or given back at once.
    #[derive(Clone, Debug)]
    struct Ask {
        after: Duration,
        events: u32,
        comes_back: bool,
    }

    fn asks() -> impl Strategy<Value = Vec<Ask>> {
        let ask = (0..3_000_000_000_u64, 0..60_u32, any::<bool>());
        let ask = ask.prop_map(|(after, events, comes_back)| Ask {
            after: Duration::from_nanos(after),
            events,
            comes_back,
        });
        prop::collection::vec(ask, 1..40)
    }

    fn parts(time: Duration) -> u64 {
        u64::try_from(time.as_nanos()).expect("short")
    }

    proptest! {
        #[test]
        fn no_more_is_taken_than_it_holds_and_gains(asks in asks(), rate in 1..50_u32, capacity in 1..60_u64) {
            let rate = NonZeroU32::new(rate).expect("not zero");
            let start = Instant::now();
            let mut bucket = Bucket::full(rate, capacity, start);
            let (mut now, mut kept) = (start, 0);
            for Ask { after, events, comes_back } in asks {
                now += after;
                if bucket.take(events, now).is_ok() {
                    kept += u64::from(events);
                    if comes_back {
                        bucket.give_back(events, now);
                        kept -= u64::from(events);
                    }
                }
                let most = capacity * EVENT + parts(now - start) * u64::from(rate.get());
                prop_assert!(kept * EVENT <= most, "{kept} after {:?}", now - start);
            }
        }

        #[test]
        fn what_is_given_back_at_once_was_never_taken(asks in asks(), rate in 1..50_u32, capacity in 1..60_u64) {
            let rate = NonZeroU32::new(rate).expect("not zero");
            let start = Instant::now();
            let (mut bucket, mut other) =
                (Bucket::full(rate, capacity, start), Bucket::full(rate, capacity, start));
            let mut now = start;
            for Ask { after, events, comes_back } in asks {
                now += after;
                if !comes_back {
                    prop_assert_eq!(bucket.take(events, now), other.take(events, now));
                } else if bucket.take(events, now).is_ok() {
                    bucket.give_back(events, now);
                }
                prop_assert_eq!(bucket.events(now), other.events(now));
            }
        }

        #[test]
        fn what_was_waited_for_is_there_and_not_a_nanosecond_earlier(
            asks in asks(),
            rate in 1..50_u32,
            capacity in 60..100_u64,
        ) {
            let rate = NonZeroU32::new(rate).expect("not zero");
            let mut now = Instant::now();
            let mut bucket = Bucket::full(rate, capacity, now);
            for Ask { after, events, .. } in asks {
                now += after;
                if let Err(wait) = bucket.take(events, now) {
                    now += wait.checked_sub(Duration::from_nanos(1)).expect("a while");
                    prop_assert!(bucket.has(events, now).is_err());
                    now += Duration::from_nanos(1);
                    prop_assert_eq!(bucket.take(events, now), Ok(()));
                }
            }
        }
    }

    #[test]
    fn a_clock_that_another_thread_read_earlier_takes_nothing_away() {
        let start = Instant::now();
        let mut bucket = Bucket::full(NonZeroU32::MIN, 1, start);
        assert_eq!(bucket.take(1, start + Duration::from_secs(1)), Ok(()));
        assert_eq!(bucket.take(1, start), Err(Duration::from_secs(1)));
        assert_eq!(bucket.take(1, start + Duration::from_secs(2)), Ok(()));
    }

    #[test]
    fn years_without_a_request_and_the_highest_rates_overflow_nothing() {
        let start = Instant::now();
        let mut bucket = Bucket::full(NonZeroU32::MAX, 2 * u64::from(u32::MAX), start);
        let later = start + Duration::from_hours(24 * 365 * 100);
        assert_eq!(bucket.take(u32::MAX, later), Ok(()));
        bucket.give_back(u32::MAX, later);
        assert_eq!(bucket.events(later), u32::MAX);
    }
}
