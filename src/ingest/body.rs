//! Bodies: their type, and receiving them within bounds.
//!
//! Invariants: no body is longer than its limit, and all that are being received together take no more than the
//! configured buffer; room is taken as bytes arrive, so a slow client holds no more than it has sent.

use std::ops::Deref;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::api::{Kind, Problem};
use crate::config::HttpConfig;

/// What is left of a refused body is read for so long, and for so many bytes, so that the client gets to see the answer.
const DISCARD_TIME: Duration = Duration::from_secs(5);
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
    _room: Option<SemaphorePermit<'a>>,
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

    /// Receives a body of at most `limit` bytes.
    pub(super) async fn receive(
        &self,
        headers: &HeaderMap,
        body: &mut Incoming,
        limit: usize,
    ) -> Result<Body<'_>, Problem> {
        check_encoding(headers)?;
        if announced_length(headers).is_some_and(|length| length > limit) {
            return Err(too_large(limit));
        }
        match tokio::time::timeout(self.timeout, self.gather(body, limit)).await {
            Ok(received) => received,
            Err(_) => Err(Problem::new(
                Kind::RequestTimeout,
                format!("the body took longer than {:?} to arrive", self.timeout),
            )),
        }
    }

    async fn gather(&self, body: &mut Incoming, limit: usize) -> Result<Body<'_>, Problem> {
        let mut received = Received::default();
        let mut room: Option<SemaphorePermit<'_>> = None;
        while let Some(frame) = body.frame().await {
            let frame =
                frame.map_err(|error| Problem::new(Kind::NotJson, format!("the body broke off: {error}")))?;
            let Ok(bytes) = frame.into_data() else { continue };
            if bytes.len() > limit.saturating_sub(received.len()) {
                return Err(too_large(limit));
            }
            let count = u32::try_from(bytes.len()).map_err(|_| too_large(limit))?;
            let more = self.room.try_acquire_many(count).map_err(|_| {
                Problem::new(Kind::Unavailable, "too many bodies are being received at once; try again")
            })?;
            match &mut room {
                Some(room) => room.merge(more),
                None => room = Some(more),
            }
            received.push(bytes);
        }
        Ok(Body { bytes: received.into_bytes(), _room: room })
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
pub(super) async fn discard(mut body: Incoming) {
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
    let _ = tokio::time::timeout(DISCARD_TIME, discarding).await;
}

/// Whether the body is said to be of this media type, whatever its parameters.
pub(super) fn is_of_type(headers: &HeaderMap, media_type: &str) -> bool {
    said_type(headers).eq_ignore_ascii_case(media_type)
}

/// Whether the body is said to be JSON, of whatever kind.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let said = said_type(headers).to_ascii_lowercase();
    matches!(&*said, "application/json" | "text/json") || said.ends_with("+json")
}

fn said_type(headers: &HeaderMap) -> &str {
    let said = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    said.split(';').next().unwrap_or_default().trim()
}

/// The refusal of a body of another type than those named.
pub(super) fn unsupported(headers: &HeaderMap, allowed: &[&'static str]) -> Problem {
    let is = match headers.get(CONTENT_TYPE) {
        Some(value) => format!("Content-Type is {value:?}"),
        None => "Content-Type is missing".to_owned(),
    };
    Problem::new(Kind::UnsupportedType, format!("{is}; send {}", allowed.join(" or ")))
        .with_allowed(allowed.to_vec())
}

fn check_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get(CONTENT_ENCODING) {
        None => Ok(()),
        Some(encoding) if encoding.as_bytes().eq_ignore_ascii_case(b"identity") => Ok(()),
        Some(encoding) => Err(Problem::new(
            Kind::UnsupportedType,
            format!("Content-Encoding {encoding:?} is not read here; send the body as it is"),
        )),
    }
}

fn announced_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(limit: usize) -> Problem {
    Problem::new(Kind::TooLarge, format!("the body is longer than {limit} bytes; send it in parts"))
}
