//! Bodies: receiving and unpacking them within bounds.
//!
//! Invariants: no body is longer than its limit, neither as it is sent nor unpacked, and all that are held together take no
//! more than the configured buffer. A body waits for all of its room before it is read, so bodies that fit into the buffer
//! one by one never wait for each other's rest; a slow client soon holds no more than it has sent. Whoever unpacks a body
//! without room for its text is done with it without a pause, so there are never more of these texts than threads.

mod encoding;
mod media_type;

pub(super) use media_type::{is_json, is_of_type, is_plain_text, unsupported};

use std::ops::Deref;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::Incoming;
use hyper::header::CONTENT_LENGTH;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until, timeout};

use self::encoding::Encoding;
use crate::api::{Kind, Problem};
use crate::config::HttpConfig;

/// What is left of a refused body is read for so long, and for so many bytes, so that the client gets to see the answer.
pub(super) const DISCARD_TIME: Duration = Duration::from_secs(5);
/// That of a body which came too slowly, whose client has had its time: for so long.
pub(super) const DISCARD_TIME_OF_LATE: Duration = Duration::from_secs(1);
const DISCARD_BYTES: usize = 64 << 20;

/// A body has so long to arrive before the room that it was given and has not filled goes to others.
const GRACE: Duration = Duration::from_secs(1);
/// The room for the beginning of a body whose length is not announced.
const UNANNOUNCED: usize = 64 * 1024;
/// What is allocated at first for the pieces of a body, unless it is shorter.
const LEAST_JOINED: usize = 64 * 1024;

/// Receives bodies.
#[derive(Debug)]
pub(super) struct Bodies {
    room: Semaphore,
    size: usize,
    timeout: Duration,
    patience: Duration,
}

/// A body as it was sent, and the room that it takes until it is dropped.
#[derive(Debug)]
pub(super) struct Received<'a> {
    bytes: Bytes,
    encoding: Encoding,
    limit: usize,
    room: Room<'a>,
}

/// A body's text, with the room of what was sent.
#[derive(Debug)]
pub(super) struct Body<'a> {
    text: Bytes,
    room: Room<'a>,
}

impl Deref for Body<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.text
    }
}

impl AsRef<[u8]> for Body<'_> {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}

impl Bodies {
    pub(super) fn new(config: &HttpConfig) -> Self {
        // However small the buffer was configured, it takes one body.
        let size = config.body_buffer.get().max(config.max_body.get()).min(Semaphore::MAX_PERMITS);
        Self {
            room: Semaphore::new(size),
            size,
            timeout: config.body_timeout,
            patience: config.buffer_patience,
        }
    }

    /// Waits for room for a body, and receives at most `limit` bytes.
    pub(super) async fn receive(
        &self,
        headers: &HeaderMap,
        body: &mut Incoming,
        limit: usize,
    ) -> Result<Received<'_>, Problem> {
        let encoding = Encoding::of(headers)?;
        let announced = announced_length(headers);
        if announced.is_some_and(|length| length > limit) {
            return Err(too_large(limit));
        }
        let mut room = Room::none(self);
        room.grow_to(announced.unwrap_or(UNANNOUNCED.min(limit))).await?;
        let bytes = self.gather(body, &mut room, announced.unwrap_or(limit)).await?;
        room.shrink_to(bytes.len());
        Ok(Received { bytes, encoding, limit, room })
    }

    /// Receives a body of at most `most` bytes.
    async fn gather(&self, body: &mut Incoming, room: &mut Room<'_>, most: usize) -> Result<Bytes, Problem> {
        let started = Instant::now();
        let mut timer = pin!(sleep_until(started + self.timeout.min(GRACE)));
        let mut pieces = Pieces::of(most);
        loop {
            let frame = tokio::select! {
                biased;
                frame = body.frame() => frame,
                () = timer.as_mut() => {
                    if started.elapsed() >= self.timeout {
                        return Err(self.too_slow());
                    }
                    room.shrink_to(pieces.len());
                    timer.as_mut().reset(started + self.timeout);
                    continue;
                }
            };
            let Some(frame) = frame else { return Ok(pieces.into_bytes()) };
            let frame =
                frame.map_err(|error| Problem::new(Kind::NotJson, format!("the body broke off: {error}")))?;
            let Ok(bytes) = frame.into_data() else { continue };
            if bytes.len() > most.saturating_sub(pieces.len()) {
                return Err(too_large(most));
            }
            room.grow_to(pieces.len() + bytes.len()).await?;
            pieces.push(bytes);
        }
    }

    fn too_slow(&self) -> Problem {
        let detail = format!("the body took longer than {:?} to arrive", self.timeout);
        Problem::new(Kind::RequestTimeout, detail)
    }
}

impl<'a> Received<'a> {
    /// The body's text.
    pub(super) fn unpack(self) -> Result<Body<'a>, Problem> {
        let Self { bytes, encoding, limit, room } = self;
        if encoding == Encoding::Identity {
            return Ok(Body { text: bytes, room });
        }
        let within = |length| if length > limit { Err(too_large(limit)) } else { Ok(()) };
        Ok(Body { text: encoding.unpack(&bytes, within)?.into(), room })
    }

    /// The body's text, with room for all of it, so that it may be held for as long as something takes.
    pub(super) async fn unpack_to_keep(mut self) -> Result<Body<'a>, Problem> {
        if self.encoding != Encoding::Identity {
            self.room.grow_to(self.limit).await?;
        }
        let mut body = self.unpack()?;
        body.room.shrink_to(body.text.len());
        Ok(body)
    }
}

/// The part of the buffer that a body takes.
#[derive(Debug)]
struct Room<'a> {
    bodies: &'a Bodies,
    taken: SemaphorePermit<'a>,
}

impl<'a> Room<'a> {
    fn none(bodies: &'a Bodies) -> Self {
        let taken = bodies.room.try_acquire_many(0).expect("none is always there, as it is never closed");
        Self { bodies, taken }
    }

    /// Waits for more room, all of it at once; who came first has it first.
    async fn grow_to(&mut self, bytes: usize) -> Result<(), Problem> {
        let more = bytes.min(self.bodies.size).saturating_sub(self.taken.num_permits());
        if more == 0 {
            return Ok(());
        }
        let more = self.bodies.room.acquire_many(u32::try_from(more).unwrap_or(u32::MAX));
        let more = timeout(self.bodies.patience, more).await.map_err(|_| {
            Problem::new(Kind::Unavailable, "too many bodies are being received at once; try again")
        })?;
        self.taken.merge(more.expect("it is never closed"));
        Ok(())
    }

    fn shrink_to(&mut self, bytes: usize) {
        drop(self.taken.split(self.taken.num_permits().saturating_sub(bytes)));
    }
}

/// The pieces of a body. One piece, the usual case, is not copied; of several none is kept, since each is a part of its
/// connection's buffer, which then cannot be used again.
#[derive(Debug)]
struct Pieces {
    only: Bytes,
    joined: Vec<u8>,
    most: usize,
}

impl Pieces {
    /// Of a body that will be no longer than `most`.
    fn of(most: usize) -> Self {
        Self { only: Bytes::new(), joined: Vec::new(), most }
    }

    fn len(&self) -> usize {
        self.only.len() + self.joined.len()
    }

    fn push(&mut self, piece: Bytes) {
        let (before, needed) = (self.joined.len(), self.len() + piece.len());
        if needed == piece.len() {
            self.only = piece;
            return;
        }
        if needed > self.joined.capacity() {
            let wanted = (2 * needed).max(LEAST_JOINED).min(self.most).max(needed);
            self.joined.reserve_exact(wanted - before);
        }
        self.joined.extend_from_slice(&std::mem::take(&mut self.only));
        self.joined.extend_from_slice(&piece);
    }

    fn into_bytes(self) -> Bytes {
        if self.joined.is_empty() { self.only } else { self.joined.into() }
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
    let _ = timeout(time, discarding).await;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_all_of_its_pieces_in_order_and_one_piece_is_not_copied() {
        let whole = Bytes::from_static(b"0123456789");
        for ends in [&[10][..], &[4, 10], &[1, 5, 5, 9, 10]] {
            let mut pieces = Pieces::of(10);
            for end in ends {
                pieces.push(whole.slice(pieces.len()..*end));
                assert_eq!(pieces.len(), *end);
            }
            let body = pieces.into_bytes();
            assert_eq!(body, whole);
            assert_eq!(body.as_ptr() == whole.as_ptr(), ends.len() == 1);
        }
    }
}
