//! How much may be sent with a key that has a rate limit, and the headers that say so (IETF draft
//! `ratelimit-headers-11`).
//!
//! A request costs as much as the events in its body, and at least one; one for management costs one. The first one is
//! taken before the body is read, so that a client over its limit costs next to nothing; the others once they are counted.
//! A key gains its rate in events each second, and saves up at most its burst: as many as one body may hold, unless the key
//! has another. A body of more events than the burst is refused as too large: it could never be sent.
//!
//! Invariants: the state is a few words a key; it is this process' own and lives with the cached key.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use hyper::header::{HeaderName, HeaderValue};

use crate::api::{Kind, Problem};
use crate::ops::metrics;
use crate::store::keys::Rate;

/// What may be sent, at most and in which time.
pub(super) const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// What may be sent now.
pub(super) const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The rate limit of one key.
#[derive(Debug)]
pub(super) struct RateLimit<C: Clock = MonotonicClock> {
    limiter: RateLimiter<NotKeyed, InMemoryState, C, StateInformationMiddleware>,
    clock: C,
    rate: NonZeroU32,
    burst: NonZeroU32,
}

impl RateLimit {
    /// A key's rate, in a server whose bodies hold at most `body` events.
    pub(super) fn new(rate: Rate, body: NonZeroU32) -> Self {
        Self::with_clock(rate, body, MonotonicClock)
    }
}

impl<C: Clock + Clone> RateLimit<C> {
    fn with_clock(Rate { per_second: rate, burst }: Rate, body: NonZeroU32, clock: C) -> Self {
        let burst = burst.unwrap_or(rate.max(body));
        let quota = Quota::per_second(rate).allow_burst(burst);
        let limiter = RateLimiter::direct_with_clock(quota, clock.clone()).with_middleware();
        Self { limiter, clock, rate, burst }
    }

    /// Takes so many events, if they may be sent now. Returns how many are left.
    fn take(&self, events: NonZeroU32) -> Result<u32, Refusal> {
        match self.limiter.check_n(events) {
            Ok(Ok(state)) => Ok(state.remaining_burst_capacity()),
            Ok(Err(not_until)) => Err(Refusal::For(not_until.wait_time_from(self.clock.now()))),
            Err(_) => Err(Refusal::ForGood),
        }
    }

    /// How long so many events take to be gained.
    fn time_of(&self, events: u32) -> Duration {
        Duration::from_secs(u64::from(events)) / self.rate.get()
    }
}

/// Why events may not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// They may be sent after so long.
    For(Duration),
    /// There are more of them than the burst.
    ForGood,
}

/// How much may still be sent with a request's key.
#[derive(Debug)]
pub(super) struct Allowance<C: Clock = MonotonicClock>(Option<Account<C>>);

#[derive(Debug)]
struct Account<C: Clock> {
    limit: Arc<RateLimit<C>>,
    /// What this request has taken.
    taken: u32,
    /// What is left of it for others.
    left: u32,
    /// How long the client should make do with that.
    window: Duration,
}

impl Allowance {
    /// As much as anybody likes.
    pub(super) fn unlimited() -> Self {
        Self(None)
    }
}

impl<C: Clock + Clone> Allowance<C> {
    /// As much as the limit allows, if there is one.
    pub(super) fn of(limit: Option<Arc<RateLimit<C>>>) -> Self {
        Self(limit.map(|limit| Account { limit, taken: 0, left: 0, window: Duration::ZERO }))
    }

    /// Takes so many events more, or refuses the request.
    pub(super) fn take(&mut self, events: usize) -> Result<(), Problem> {
        let Some(account) = &mut self.0 else { return Ok(()) };
        let events = u32::try_from(events).unwrap_or(u32::MAX);
        NonZeroU32::new(events).map_or(Ok(()), |events| account.take(events))
    }

    /// The headers that say what the limit is, and how much of it is left.
    pub(super) fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let fields = self.0.as_ref().map(|account| {
            let Account { limit, left, window, .. } = account;
            let (burst, refill) = (limit.burst.get(), seconds(limit.time_of(limit.burst.get())));
            let window = seconds(*window);
            [
                (POLICY, format!(r#""events";q={burst};w={refill}"#)),
                (LIMIT, format!(r#""events";r={left};t={window}"#)),
            ]
        });
        let header = |(name, value): (_, String)| Some((name, HeaderValue::try_from(value).ok()?));
        fields.into_iter().flatten().filter_map(header)
    }
}

impl<C: Clock + Clone> Account<C> {
    fn take(&mut self, events: NonZeroU32) -> Result<(), Problem> {
        let Self { limit, taken, left, window } = self;
        let is_beyond_burst = taken.saturating_add(events.get()) > limit.burst.get();
        let refused = if is_beyond_burst { Err(Refusal::ForGood) } else { limit.take(events) };
        match refused {
            Ok(remaining) => {
                *taken = taken.saturating_add(events.get());
                *left = remaining;
                *window = limit.time_of(limit.burst.get() - remaining.min(limit.burst.get()));
                Ok(())
            }
            Err(Refusal::ForGood) => {
                metrics::http_rate_limited();
                let burst = limit.burst;
                // What this request has taken is gained again by then.
                *window = limit.time_of(burst.get().saturating_sub(*left));
                let seconds = seconds(*window).max(1);
                let detail = format!(
                    "with this API key {burst} events may be sent at once, and the body holds more; send them in parts \
                     of {burst} or less, the next one in {seconds} s"
                );
                Err(Problem::new(Kind::TooManyAtOnce(seconds), detail))
            }
            Err(Refusal::For(wait)) => {
                metrics::http_rate_limited();
                // The same request takes again what it has taken already.
                *window = wait + limit.time_of(*taken);
                let (rate, seconds) = (limit.rate, seconds(*window));
                let detail = format!(
                    "with this API key {rate} events a second may be sent; send these again in {seconds} s, which is \
                     always safe"
                );
                Err(Problem::new(Kind::RateLimited(seconds), detail))
            }
        }
    }
}

/// Whole seconds, rather too many than too few.
fn seconds(time: Duration) -> u32 {
    let whole = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    u32::try_from(whole).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn count(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).expect("not zero")
    }

    /// A limit of `rate` events a second with bodies of at most `body` events, and the clock that it goes by.
    fn limit(rate: u32, body: u32) -> (Arc<RateLimit<FakeRelativeClock>>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (Arc::new(RateLimit::with_clock(Rate::per_second(count(rate)), count(body), clock.clone())), clock)
    }

    /// A request with so many events: its refusal, if it is refused, and the headers of its answer.
    fn request(limit: &Arc<RateLimit<FakeRelativeClock>>, events: usize) -> (Option<Kind>, String) {
        let mut allowance = Allowance::of(Some(Arc::clone(limit)));
        let taken = allowance.take(1).and_then(|()| allowance.take(events - 1));
        let headers: Vec<String> = allowance
            .headers()
            .map(|(name, value)| format!("{name}: {}", value.to_str().expect("text")))
            .collect();
        (taken.err().map(|problem| problem.kind()), headers.join("\n"))
    }

    #[test]
    fn the_headers_say_what_the_limit_is_and_what_is_left() {
        let (limit, _) = limit(100, 10);
        assert_eq!(
            request(&limit, 30),
            (None, "ratelimit-policy: \"events\";q=100;w=1\nratelimit: \"events\";r=70;t=1".to_owned())
        );
    }

    #[test]
    fn what_goes_over_the_limit_is_refused_until_enough_was_gained() {
        let (limit, clock) = limit(10, 1);
        assert_eq!(request(&limit, 10).0, None);
        let (refused, headers) = request(&limit, 1);
        assert_eq!(refused, Some(Kind::RateLimited(1)));
        assert!(headers.ends_with("ratelimit: \"events\";r=0;t=1"), "{headers}");

        clock.advance(Duration::from_millis(99));
        assert_eq!(request(&limit, 1).0, Some(Kind::RateLimited(1)));
        clock.advance(Duration::from_millis(1));
        assert_eq!(request(&limit, 1).0, None);
        assert_eq!(request(&limit, 1).0, Some(Kind::RateLimited(1)));
    }

    #[test]
    fn a_body_of_more_events_than_a_second_gives_is_taken_in_the_end() {
        let (limit, clock) = limit(2, 100);
        assert_eq!(request(&limit, 100).0, None);
        let (refused, headers) = request(&limit, 100);
        assert_eq!(refused, Some(Kind::RateLimited(1)), "nothing is left for even one event");
        assert!(headers.contains("q=100;w=50"), "{headers}");

        clock.advance(Duration::from_secs(10));
        let (refused, headers) = request(&limit, 100);
        assert_eq!(refused, Some(Kind::RateLimited(41)), "20 are there, of which this request took one");
        assert!(headers.ends_with("r=19;t=41"), "{headers}");
        clock.advance(Duration::from_secs(41));
        assert_eq!(request(&limit, 100).0, None);
    }

    #[test]
    fn what_is_saved_up_is_bounded() {
        let (limit, clock) = limit(5, 20);
        clock.advance(Duration::from_hours(1));
        assert_eq!(request(&limit, 20).0, None);
        assert_eq!(request(&limit, 1).0, Some(Kind::RateLimited(1)));
    }

    #[test]
    fn a_body_beyond_the_burst_is_refused_with_when_its_parts_may_be_sent() {
        let clock = FakeRelativeClock::default();
        let rate = Rate { per_second: count(1), burst: Some(count(10)) };
        let limit = Arc::new(RateLimit::with_clock(rate, count(10_000), clock));
        assert_eq!(request(&limit, 9_999).0, Some(Kind::TooManyAtOnce(1)), "one was taken for the request");
        assert_eq!(request(&limit, 11).0, Some(Kind::TooManyAtOnce(2)), "one too many is too many");
        assert_eq!(request(&limit, 8).0, None);
        assert_eq!(request(&limit, 10).0, Some(Kind::RateLimited(1)), "it would fit, but nothing is left");
    }

    #[test]
    fn without_a_limit_nothing_is_refused_or_said() {
        let mut allowance = Allowance::unlimited();
        assert!(allowance.take(usize::MAX).is_ok());
        assert_eq!(allowance.headers().count(), 0);
    }
}
