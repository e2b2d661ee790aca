//! How much may be sent with a key that has a rate limit, and the headers that say so (IETF draft
//! `ratelimit-headers-11`). Pure: the caller says what time it is.
//!
//! A request takes as many events as are accepted of it, more if these are large ([`events_of`]), and at least one; if it is
//! refused, it takes none. Before a body is read, the server only checks that an event is left, so that a client over its
//! limit costs next to nothing. A request for management takes one event, and so does a request that is refused for what it
//! is (`400`, `413`, `422`): it had to be read.
//!
//! A key gains its rate in events each second, and saves up its burst: as many as one body may hold, unless the key has
//! another. A body of more events than the burst is refused as too large: it could never be sent. The bucket holds the burst
//! and what a second gains. `Retry-After` counts in whole seconds, so clients come up to a second late, and without this
//! reserve part of the rate would be lost.
//!
//! A body that turns out to hold more events than are left was read in vain. After that, no body of the key is read until
//! that one would be accepted, or for a second if that is shorter. So a flood of such bodies takes little CPU time.
//!
//! Invariants: the state is a few words a key; it is this process' own and lives with the cached key.

mod bucket;

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};

use self::bucket::Bucket;
use crate::api::{Kind, Problem};
use crate::ops::metrics;
use crate::store::keys::Rate;

/// What may be sent, at most and in which time.
pub(super) const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// What may be sent now.
pub(super) const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// So many bytes of events, as they are queued, count as one event at least.
const EVENT_BYTES: usize = 4096;

/// The longest time that no body of a key is read because one was read in vain.
const CLOSED_AT_MOST: Duration = Duration::from_secs(1);

/// How many events a body counts as, of which so many were accepted.
pub(super) fn events_of(events: usize, bytes: usize) -> u32 {
    u32::try_from(events.max(bytes.div_ceil(EVENT_BYTES)).max(1)).unwrap_or(u32::MAX)
}

/// The rate limit of one key.
#[derive(Debug)]
pub(super) struct RateLimit {
    state: Mutex<State>,
    rate: NonZeroU32,
    burst: NonZeroU32,
}

#[derive(Debug)]
struct State {
    bucket: Bucket,
    /// No body is read before this time.
    closed_until: Instant,
}

impl RateLimit {
    /// A key's rate, in a server whose bodies hold at most `body` events.
    pub(super) fn new(Rate { per_second: rate, burst }: Rate, body: NonZeroU32, now: Instant) -> Self {
        let burst = burst.unwrap_or(rate.max(body));
        let capacity = u64::from(burst.get()) + u64::from(rate.get());
        let bucket = Bucket::full(rate, capacity, now);
        Self { state: Mutex::new(State { bucket, closed_until: now }), rate, burst }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in there panics half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long so many events take to be gained.
    fn time_of(&self, events: u32) -> Duration {
        Duration::from_secs(u64::from(events)) / self.rate.get()
    }
}

/// How much may still be sent with a request's key.
#[derive(Debug)]
pub(super) struct Allowance(Option<Account>);

#[derive(Debug)]
struct Account {
    limit: Arc<RateLimit>,
    /// What this request has taken.
    taken: u32,
    /// How long the client should wait, where it is refused.
    wait: Option<Duration>,
    /// What is left of the burst for others.
    left: u32,
}

impl Allowance {
    /// As much as anybody likes.
    pub(super) fn unlimited() -> Self {
        Self(None)
    }

    /// As much as the limit allows, if there is one.
    pub(super) fn of(limit: Option<Arc<RateLimit>>) -> Self {
        Self(limit.map(|limit| Account { limit, taken: 0, wait: None, left: 0 }))
    }

    /// Refuses the request if its body should not be read now. Takes nothing.
    pub(super) fn check(&mut self, now: Instant) -> Result<(), Problem> {
        self.0.as_mut().map_or(Ok(()), |account| account.check(now))
    }

    /// Takes so many events, or refuses the request and takes nothing.
    pub(super) fn take(&mut self, events: u32, now: Instant) -> Result<(), Problem> {
        self.0.as_mut().map_or(Ok(()), |account| account.take(events, now))
    }

    /// Gives back what a refused request has taken. Where the request itself is at fault it takes one event in place of
    /// that, if there is one.
    pub(super) fn settle(&mut self, refused: Kind, now: Instant) {
        if let Some(account) = &mut self.0 {
            account.settle(refused, now);
        }
    }

    /// The headers that say what the limit is, and how much of it is left.
    pub(super) fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let fields = self.0.as_ref().map(|Account { limit, wait, left, .. }| {
            let burst = limit.burst.get();
            let (refill, window) = (limit.time_of(burst), wait.unwrap_or(limit.time_of(burst - left)));
            [
                (POLICY, format!(r#""events";q={burst};w={}"#, seconds(refill))),
                (LIMIT, format!(r#""events";r={left};t={}"#, seconds(window))),
            ]
        });
        let header = |(name, value): (_, String)| Some((name, HeaderValue::try_from(value).ok()?));
        fields.into_iter().flatten().filter_map(header)
    }
}

impl State {
    fn check(&mut self, now: Instant) -> Result<(), Duration> {
        let closed = self.closed_until.saturating_duration_since(now);
        if closed.is_zero() { self.bucket.has(1, now) } else { Err(closed) }
    }

    fn take(&mut self, events: u32, now: Instant) -> Result<(), Duration> {
        self.bucket.take(events, now).inspect_err(|wait| self.closed_until = now + CLOSED_AT_MOST.min(*wait))
    }
}

impl Account {
    fn check(&mut self, now: Instant) -> Result<(), Problem> {
        let checked = self.limit.state().check(now);
        self.look(now);
        checked.map_err(|wait| self.over_rate(wait))
    }

    fn take(&mut self, events: u32, now: Instant) -> Result<(), Problem> {
        if events > self.limit.burst.get() {
            return Err(self.over_burst(events, now));
        }
        let taken = self.limit.state().take(events, now);
        self.look(now);
        taken.map_err(|wait| self.over_rate(wait))?;
        self.taken += events;
        Ok(())
    }

    fn settle(&mut self, refused: Kind, now: Instant) {
        let mut state = self.limit.state();
        state.bucket.give_back(std::mem::take(&mut self.taken), now);
        if is_at_fault(refused) && state.bucket.take(1, now).is_ok() {
            self.taken = 1;
        }
        drop(state);
        self.look(now);
    }

    /// Notes what is left.
    fn look(&mut self, now: Instant) {
        self.left = self.limit.state().bucket.events(now).min(self.limit.burst.get());
    }

    fn over_rate(&mut self, wait: Duration) -> Problem {
        metrics::http_rate_limited();
        self.wait = Some(wait);
        let (rate, seconds) = (self.limit.rate, seconds(wait));
        let detail = format!(
            "with this API key {rate} events a second may be sent; send these again in {seconds} s, which is always safe"
        );
        Problem::new(Kind::RateLimited(seconds), detail)
    }

    fn over_burst(&mut self, events: u32, now: Instant) -> Problem {
        metrics::http_rate_limited();
        let burst = self.limit.burst;
        // One more than the burst: this request takes one, as it is at fault.
        let wait =
            self.limit.state().bucket.has(burst.saturating_add(1).get(), now).err().unwrap_or_default();
        let seconds = seconds(wait).max(1);
        self.wait = Some(wait);
        let detail = format!(
            "with this API key {burst} events may be sent at once, and the body counts as {events} (each event as one, or \
             each {EVENT_BYTES} bytes of them if these are more); send it in parts of {burst} or less, the next one in \
             {seconds} s"
        );
        Problem::new(Kind::TooManyAtOnce(seconds), detail)
    }
}

/// Whether a request is refused for what it is, not for when it came.
fn is_at_fault(refused: Kind) -> bool {
    let status = refused.status();
    status.is_client_error() && !matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
}

/// Whole seconds, rather too many than too few.
fn seconds(time: Duration) -> u32 {
    let whole = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    u32::try_from(whole).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
