//! What the HTTP edge and ingest report.

use std::time::Duration;

use metrics::Gauge;

use super::exporter::handles;
use super::float;
use super::label::{BodyRefusal, IngestRefusal, IngestResult, SignInFailure, StatusClass};

/// Something that is counted for as long as it is held.
#[derive(Debug)]
pub struct Held(&'static Gauge);

impl Held {
    fn of(gauge: &'static Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// A connection of a client, for as long as it lasts.
#[must_use]
pub fn connection() -> Held {
    Held::of(&handles().http_connections)
}

/// A request, for as long as it is being answered, or is given up.
#[must_use]
pub fn request() -> Held {
    Held::of(&handles().http_requests_in_flight)
}

/// A request that was answered.
pub fn http_request(status: u16, took: Duration) {
    handles().http_requests_total.of(StatusClass::of(status)).increment(1);
    handles().http_request_seconds.record(took);
}

/// A request that was refused for the rate limit of its key.
pub fn http_rate_limited() {
    handles().http_rate_limited_total.increment(1);
}

/// A body that was not received.
pub fn body_refused(why: BodyRefusal) {
    handles().http_bodies_refused_total.of(why).increment(1);
}

/// A request that was refused for its API key.
pub fn sign_in_failed(why: SignInFailure) {
    handles().http_sign_in_failures_total.of(why).increment(1);
}

/// Events of a request, by result, and the bytes that they take in frames.
pub fn ingest_events(result: IngestResult, events: usize, bytes: usize) {
    handles().ingest_events_total.of(result).increment(events as u64);
    if result == IngestResult::Accepted {
        handles().ingest_bytes_total.increment(bytes as u64);
    }
}

/// A request whose events were not taken now.
pub fn ingest_refused(reason: IngestRefusal) {
    handles().ingest_refused_requests_total.of(reason).increment(1);
}

/// A frame that Redis acknowledged.
pub fn frame_sent(events: usize, bytes: usize) {
    handles().ingest_frames_total.increment(1);
    handles().ingest_frame_events.record(float(events));
    handles().ingest_frame_bytes.record(float(bytes));
}

/// What waits for Redis.
pub fn ingest_buffer(events: usize, bytes: usize) {
    handles().ingest_buffer_events.set(float(events));
    handles().ingest_buffer_bytes.set(float(bytes));
}

/// Whether events are accepted.
pub fn ingest_open(open: bool) {
    handles().ingest_open.set(if open { 1.0 } else { 0.0 });
}
