//! Bodies: receiving and unpacking them within bounds.
//!
//! Invariants: no body is longer than its limit, neither as it is sent nor unpacked, and all that are held together take no
//! more than the configured buffer. A body waits for all of its room before it is read, so bodies that fit into the buffer
//! one by one never wait for each other's rest; a slow client soon holds no more than it has sent. Small bodies, large ones
//! and those of management have rooms of their own, and in each of them nobody is held up by another sender ([`shares`]).
//! Whoever unpacks a body without room for its text is done with it without a pause, so there are never more of these texts
//! than threads.

mod encoding;
mod media_type;
mod room;
mod shares;

pub(super) use media_type::{is_json, is_of_type, is_plain_text, types_for_events, unsupported};

use std::ops::Deref;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::Incoming;
use hyper::header::CONTENT_LENGTH;
use tokio::time::{Instant, sleep_until, timeout};

use self::encoding::Encoding;
use self::media_type::check_charset;
use self::room::{Denied, Room, Seat};
use self::shares::Removal;
use super::line::Owner;
use crate::api::{self, Kind, Problem};
use crate::config::HttpConfig;
use crate::ops::metrics::{self, BodyRefusal, IngestRefusal};

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

/// A body of events is small if it is no longer than this, and its length announced.
const SMALL: usize = 64 * 1024;

/// A body that is still to be received, and whose it is.
#[derive(Debug)]
pub(super) struct Upload<'a> {
    pub(super) incoming: &'a mut Incoming,
    pub(super) owner: Owner,
}

/// What a body is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It holds events.
    Events,
    /// It is for the management API.
    Management,
}

/// Receives bodies.
#[derive(Debug)]
pub(super) struct Bodies {
    small: Room,
    /// The longest body that is small.
    small_limit: usize,
    large: Room,
    management: Room,
    timeout: Duration,
}

/// A body as it was sent, and the room that it takes until it is dropped.
#[derive(Debug)]
pub(super) struct Received<'a> {
    bytes: Bytes,
    encoding: Encoding,
    limit: usize,
    seat: Seat<'a>,
    purpose: Purpose,
}

/// A body's text, with the room of what was sent.
#[derive(Debug)]
pub(super) struct Body<'a> {
    text: Bytes,
    seat: Seat<'a>,
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
        let (whole, max_body, patience) =
            (config.body_buffer.get(), config.max_body.get(), config.buffer_patience);
        let small = (whole / 4).max(1);
        // However small the buffer was configured, it takes one body; if it is large enough, another key's beside it.
        let large = (whole - whole / 4).max(max_body);
        let longest_of_management = api::campaigns::max_body(&config.limits);
        let management = longest_of_management.max((4 * longest_of_management).min(whole / 4));
        Self {
            small: Room::new(small, small - small / 4, patience),
            small_limit: SMALL.min(small / 4).min(max_body / 16),
            large: Room::new(large, (large - max_body).max(max_body), patience),
            management: Room::new(
                management,
                (management - longest_of_management).max(longest_of_management),
                patience,
            ),
            timeout: config.body_timeout,
        }
    }

    /// Waits for room for a body, and receives at most `limit` bytes.
    pub(super) async fn receive(
        &self,
        headers: &HeaderMap,
        upload: &mut Upload<'_>,
        limit: usize,
        purpose: Purpose,
    ) -> Result<Received<'_>, Problem> {
        check_charset(headers)?;
        let encoding = Encoding::of(headers)?;
        let announced = announced_length(headers);
        if announced.is_some_and(|length| length > limit) {
            return Err(too_large(limit));
        }
        let room = match (purpose, announced) {
            (Purpose::Management, _) => &self.management,
            (Purpose::Events, Some(length)) if length <= self.small_limit => &self.small,
            (Purpose::Events, _) => &self.large,
        };
        let bytes = announced.unwrap_or(UNANNOUNCED.min(limit));
        let seat = room.enter(upload.owner, bytes).await;
        let mut seat = seat.map_err(|denied| refused(denied, purpose))?;
        let bytes = self.gather(upload.incoming, &mut seat, announced.unwrap_or(limit), purpose).await?;
        seat.whole(bytes.len());
        Ok(Received { bytes, encoding, limit, seat, purpose })
    }

    /// Receives a body of at most `most` bytes.
    async fn gather(
        &self,
        body: &mut Incoming,
        seat: &mut Seat<'_>,
        most: usize,
        purpose: Purpose,
    ) -> Result<Bytes, Problem> {
        let started = Instant::now();
        let mut timer = pin!(sleep_until(started + self.timeout.min(GRACE)));
        let mut pieces = Pieces::of(most);
        loop {
            let frame = tokio::select! {
                biased;
                frame = body.frame() => frame,
                removal = seat.removed() => return Err(refused(Denied::Removed(removal), purpose)),
                () = timer.as_mut() => {
                    if started.elapsed() >= self.timeout {
                        return Err(self.too_slow());
                    }
                    seat.shrink_to(pieces.len());
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
            seat.grow_to(pieces.len() + bytes.len()).await.map_err(|denied| refused(denied, purpose))?;
            pieces.push(bytes);
            seat.received(pieces.len());
        }
    }

    fn too_slow(&self) -> Problem {
        metrics::body_refused(BodyRefusal::TooSlow);
        let detail = format!("the body took longer than {:?} to arrive", self.timeout);
        Problem::new(Kind::RequestTimeout, detail)
    }
}

/// The answer to a body for which there is no room. It is counted.
fn refused(denied: Denied, purpose: Purpose) -> Problem {
    let (refusal, kind, detail) = match denied {
        Denied::NoRoom => {
            (BodyRefusal::NoRoom, Kind::Unavailable, "too many bodies are being received at once; try again")
        }
        Denied::Removed(Removal::GaveWay) => (
            BodyRefusal::GaveWay,
            Kind::Unavailable,
            "the body gave way to that of another sender, as more is being received of this one; try again, with less \
             at once",
        ),
        Denied::Removed(Removal::TooSlow) => (
            BodyRefusal::TooSlow,
            Kind::RequestTimeout,
            "the body brought less than 64 KiB in two seconds while others waited for room; try again, in smaller parts",
        ),
    };
    metrics::body_refused(refusal);
    if purpose == Purpose::Events {
        metrics::ingest_refused(IngestRefusal::BufferFull);
    }
    Problem::new(kind, detail)
}

impl<'a> Received<'a> {
    /// The body's text.
    pub(super) fn unpack(self) -> Result<Body<'a>, Problem> {
        let Self { bytes, encoding, limit, seat, .. } = self;
        if encoding == Encoding::Identity {
            return Ok(Body { text: bytes, seat });
        }
        let within = |length| if length > limit { Err(too_large(limit)) } else { Ok(()) };
        Ok(Body { text: encoding.unpack(&bytes, within)?.into(), seat })
    }

    /// The body's text, with room for all of it, so that it may be held for as long as something takes.
    pub(super) async fn unpack_to_keep(mut self) -> Result<Body<'a>, Problem> {
        if self.encoding != Encoding::Identity {
            let purpose = self.purpose;
            self.seat.grow_to(self.limit).await.map_err(|denied| refused(denied, purpose))?;
        }
        let mut body = self.unpack()?;
        body.seat.shrink_to(body.text.len());
        Ok(body)
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
