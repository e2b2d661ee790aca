//! Bodies: receiving and unpacking them within bounds.
//!
//! Invariants: no body is longer than its limit, neither as it is sent nor unpacked, and all that are held together take no
//! more than the configured buffer; room is taken as bytes arrive, so a slow client holds no more than it has sent. A body
//! is unpacked without a pause once it has arrived, so there are never more unpackers than threads.

mod encoding;
mod media_type;

pub(super) use media_type::{is_json, is_of_type, unsupported};

use std::ops::Deref;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::Incoming;
use hyper::header::CONTENT_LENGTH;
use tokio::sync::{Semaphore, SemaphorePermit};

use self::encoding::Encoding;
use crate::api::{Kind, Problem};
use crate::config::HttpConfig;

/// What is left of a refused body is read for so long, and for so many bytes, so that the client gets to see the answer.
pub(super) const DISCARD_TIME: Duration = Duration::from_secs(5);
/// That of a body which came too slowly, whose client has had its time: for so long.
pub(super) const DISCARD_TIME_OF_LATE: Duration = Duration::from_secs(1);
const DISCARD_BYTES: usize = 64 << 20;

/// Receives bodies.
#[derive(Debug)]
pub(super) struct Bodies {
    room: Semaphore,
    timeout: Duration,
}

/// A body, and the room that it takes until it is dropped.
#[derive(Debug)]
pub(super) struct Body<'a> {
    bytes: Bytes,
    room: Room<'a>,
}

impl Deref for Body<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AsRef<[u8]> for Body<'_> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Bodies {
    pub(super) fn new(config: &HttpConfig) -> Self {
        // However small the buffer was configured, it takes one body.
        let room = config.body_buffer.get().max(config.max_body.get()).min(Semaphore::MAX_PERMITS);
        Self { room: Semaphore::new(room), timeout: config.body_timeout }
    }

    /// Receives a body of at most `limit` bytes, as it is sent and unpacked.
    pub(super) async fn receive(
        &self,
        headers: &HeaderMap,
        body: &mut Incoming,
        limit: usize,
    ) -> Result<Body<'_>, Problem> {
        let encoding = Encoding::of(headers)?;
        if announced_length(headers).is_some_and(|length| length > limit) {
            return Err(too_large(limit));
        }
        let received = tokio::time::timeout(self.timeout, self.gather(body, limit)).await;
        let body = received.map_err(|_| {
            let detail = format!("the body took longer than {:?} to arrive", self.timeout);
            Problem::new(Kind::RequestTimeout, detail)
        })?;
        unpack(encoding, body?, limit)
    }

    async fn gather(&self, body: &mut Incoming, limit: usize) -> Result<Body<'_>, Problem> {
        let mut received = Received::default();
        let mut room = Room::none(&self.room);
        while let Some(frame) = body.frame().await {
            let frame =
                frame.map_err(|error| Problem::new(Kind::NotJson, format!("the body broke off: {error}")))?;
            let Ok(bytes) = frame.into_data() else { continue };
            if bytes.len() > limit.saturating_sub(received.len()) {
                return Err(too_large(limit));
            }
            room.grow_to(received.len() + bytes.len())?;
            received.push(bytes);
        }
        Ok(Body { bytes: received.into_bytes(), room })
    }
}

/// The body's text. Its room is that of the longer of the two: both are there only while this runs.
fn unpack(encoding: Encoding, body: Body<'_>, limit: usize) -> Result<Body<'_>, Problem> {
    if encoding == Encoding::Identity {
        return Ok(body);
    }
    let Body { bytes: packed, mut room } = body;
    let text = encoding.unpack(&packed, |length| {
        if length > limit {
            return Err(too_large(limit));
        }
        room.grow_to(length)
    })?;
    room.shrink_to(text.len());
    Ok(Body { bytes: text.into(), room })
}

/// The part of the buffer that a body takes.
#[derive(Debug)]
struct Room<'a> {
    buffer: &'a Semaphore,
    taken: SemaphorePermit<'a>,
}

impl<'a> Room<'a> {
    fn none(buffer: &'a Semaphore) -> Self {
        let taken =
            buffer.try_acquire_many(0).expect("none is always there, as the semaphore is never closed");
        Self { buffer, taken }
    }

    fn grow_to(&mut self, bytes: usize) -> Result<(), Problem> {
        let more = bytes.saturating_sub(self.taken.num_permits());
        let more = u32::try_from(more).ok().and_then(|more| self.buffer.try_acquire_many(more).ok());
        self.taken.merge(more.ok_or_else(|| {
            Problem::new(Kind::Unavailable, "too many bodies are being received at once; try again")
        })?);
        Ok(())
    }

    fn shrink_to(&mut self, bytes: usize) {
        drop(self.taken.split(self.taken.num_permits().saturating_sub(bytes)));
    }
}

/// The pieces of a body. One piece, the usual case, is not copied.
#[derive(Debug, Default)]
struct Received {
    first: Bytes,
    all: BytesMut,
}

impl Received {
    fn len(&self) -> usize {
        self.first.len().max(self.all.len())
    }

    fn push(&mut self, piece: Bytes) {
        if self.first.is_empty() {
            self.first = piece;
            return;
        }
        if self.all.is_empty() {
            self.all.extend_from_slice(&self.first);
        }
        self.all.extend_from_slice(&piece);
    }

    fn into_bytes(self) -> Bytes {
        if self.all.is_empty() { self.first } else { self.all.freeze() }
    }
}

/// Reads on after a refusal and throws away what comes: closing at once would reset the connection, and the client would
/// see that instead of the answer.
pub(super) async fn discard(mut body: Incoming, time: Duration) {
    let discarding = async {
        let mut left = DISCARD_BYTES;
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            left = left.saturating_sub(length);
            if left == 0 {
                return;
            }
        }
    };
    // Over time or not: the rest is the connection's to close.
    let _ = tokio::time::timeout(time, discarding).await;
}

fn announced_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(limit: usize) -> Problem {
    Problem::new(
        Kind::TooLarge,
        format!("the body is longer than {limit} bytes, which is the limit here; send less at once"),
    )
}
