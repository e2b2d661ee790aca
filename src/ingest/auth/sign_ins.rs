//! Sign-ins that failed: each is counted, and a source of them is logged once a minute.
//!
//! Invariants: the table of sources is bounded, and so is the log: a source that finds the table full of others of the
//! same minute is counted only. What is logged holds nothing of the key.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lru::LruCache;

use crate::ops::metrics::{self, SignInFailure};

/// How often a source is logged at most.
const LOG_INTERVAL: Duration = Duration::from_mins(1);
/// The most sources that are told apart.
const SOURCES: NonZeroUsize = NonZeroUsize::new(1024).expect("not zero");

/// Who failed to sign in lately.
#[derive(Debug)]
pub(in crate::ingest) struct SignIns(Mutex<LruCache<IpAddr, Source>>);

/// What is known of a source.
#[derive(Clone, Copy, Debug)]
struct Source {
    logged: Instant,
    /// How often it failed since.
    failures: u64,
}

impl SignIns {
    pub(super) fn new() -> Self {
        Self(Mutex::new(LruCache::new(SOURCES)))
    }

    /// Counts a failure, and logs it where the source was not logged within the minute.
    pub(super) fn failed(&self, peer: IpAddr, why: SignInFailure) {
        metrics::sign_in_failed(why);
        if let Some(failures) = self.due(source(peer), Instant::now()) {
            tracing::warn!(source = %source(peer), ?why, failures, "requests without a valid API key are refused");
        }
    }

    /// How often the source has failed since it was last logged, if it is to be logged now.
    fn due(&self, source: IpAddr, now: Instant) -> Option<u64> {
        // A panic elsewhere leaves the table whole: each change of it is a single step.
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |known: &Source| now.saturating_duration_since(known.logged) < LOG_INTERVAL;
        if let Some(known) = sources.peek_mut(&source) {
            known.failures += 1;
            let failures = known.failures;
            if is_recent(known) {
                return None;
            }
            sources.put(source, Source { logged: now, failures: 0 });
            return Some(failures);
        }
        // The one that was logged the longest ago.
        if sources.len() == SOURCES.get() && sources.peek_lru().is_some_and(|(_, known)| is_recent(known)) {
            return None;
        }
        sources.put(source, Source { logged: now, failures: 0 });
        Some(1)
    }
}

/// Who is told apart from others by address: of IPv6 a whole network, as anybody has one.
pub(in crate::ingest) fn source(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> IpAddr {
        std::net::Ipv4Addr::from_bits(number).into()
    }

    #[test]
    fn a_source_is_logged_once_a_minute_with_how_often_it_failed() {
        let (sign_ins, start) = (SignIns::new(), Instant::now());
        assert_eq!(sign_ins.due(address(1), start), Some(1));
        assert_eq!(sign_ins.due(address(1), start), None);
        assert_eq!(sign_ins.due(address(2), start), Some(1), "another one");
        assert_eq!(sign_ins.due(address(1), start + LOG_INTERVAL), Some(2));
        assert_eq!(sign_ins.due(address(1), start + LOG_INTERVAL), None);
    }

    #[test]
    fn of_any_number_of_sources_a_bounded_number_is_logged_in_a_minute() {
        let (sign_ins, start) = (SignIns::new(), Instant::now());
        let logged =
            |now| (0..100_000).filter(|number| sign_ins.due(address(*number), now).is_some()).count();
        assert_eq!(logged(start), SOURCES.get());
        assert_eq!(logged(start), 0);
        assert_eq!(logged(start + LOG_INTERVAL), SOURCES.get());
    }

    #[test]
    fn the_addresses_of_one_network_are_one_source() {
        let source = |text: &str| source(text.parse().expect("an address")).to_string();
        assert_eq!(source("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(source("::ffff:10.0.0.1"), "10.0.0.1");
    }
}
