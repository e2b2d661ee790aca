//! The frame: many events in one stream entry. Pure.
//!
//! ```text
//! frame   = magic "cf" · version u8 · reserved u8 · events u32 · received_at i64 · body length u32 · checksum u32 · body
//! body    = event …
//! event   = received_at i64 · id length u16 · type length u16 · user length u16 · payload length u32
//!         · class u8 · key id i64 · id · type · user · payload
//! ```
//!
//! `class` is 0 for a server and 1 for a browser; `key id` is 0 where the event was sent without a key. An event of version
//! 1 has neither: a server sent it. Version 2 is written, both are read.
//!
//! Integers are little-endian, times are microseconds since the Unix epoch, `checksum` is the CRC-32 of everything else
//! in the frame. `received_at` of the frame is that of its first event.
//!
//! Invariants: a frame that decodes is whole (its lengths add up, its checksum holds) and its id, type and user are
//! UTF-8; decoding arbitrary bytes never panics and allocates no more than the bytes warrant.

use bytes::Bytes;
use jiff::Timestamp;

use super::sender::{Identity, Sender, SenderClass};

const MAGIC: [u8; 2] = *b"cf";
/// The version that is written.
const VERSION: u8 = 2;
/// Bytes of a frame before its body.
pub const HEADER: usize = 24;
const CHECKSUM_AT: usize = HEADER - 4;
/// Bytes of an event before its texts, in version 1.
const EVENT_HEADER_1: usize = 18;
const EVENT_HEADER: usize = EVENT_HEADER_1 + 9;
/// In place of a key's id; ids begin with 1.
const NO_KEY: i64 = 0;

/// An event as it travels in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventRecord<'a> {
    /// When ingest accepted it; kept to the microsecond.
    pub received_at: Timestamp,
    /// Who sent it.
    pub sender: Sender,
    /// 1 to 65,535 bytes; ingest's own limit is lower.
    pub event_id: &'a str,
    /// At most 65,535 bytes; ingest's own limit is lower.
    pub event_type: &'a str,
    /// At most 65,535 bytes; ingest's own limit is lower.
    pub user_id: &'a str,
    /// The event's JSON, byte for byte as it will be stored.
    pub payload: &'a [u8],
}

impl<'a> EventRecord<'a> {
    /// What tells it from other events.
    #[must_use]
    pub fn identity(&self) -> Identity<'a> {
        Identity { class: self.sender.class, user_id: self.user_id, event_id: self.event_id }
    }

    /// How many bytes the event takes in a frame.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        EVENT_HEADER + self.event_id.len() + self.event_type.len() + self.user_id.len() + self.payload.len()
    }
}

/// Events encoded one after another, not yet framed: what a request stages, and what an open frame grows by.
#[derive(Debug, Default)]
pub struct Records {
    events: u32,
    received_at: i64,
    /// Empty, or room for the header and then the events, so that framing copies nothing.
    frame: Vec<u8>,
}

impl Records {
    /// How many events there are.
    #[must_use]
    pub fn events(&self) -> usize {
        self.events as usize
    }

    /// How many bytes they take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.frame.len().saturating_sub(HEADER)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events == 0
    }

    /// When the first of them was accepted; the Unix epoch where there are none.
    #[must_use]
    pub fn received_at(&self) -> Timestamp {
        Timestamp::from_microsecond(self.received_at).expect("taken from a timestamp")
    }

    /// Appends an event.
    ///
    /// # Panics
    ///
    /// When a text is longer than its length field can say; the limits that ingest enforces are far below.
    pub fn push(&mut self, event: &EventRecord<'_>) {
        let text_len =
            |text: &str| u16::try_from(text.len()).expect("ingest limits ids, types and users").to_le_bytes();
        let received_at = event.received_at.as_microsecond();
        let payload_len = u32::try_from(event.payload.len()).expect("ingest limits the payload");
        if self.events == 0 {
            self.received_at = received_at;
            self.frame.resize(HEADER, 0);
        }
        self.events += 1;
        self.frame.reserve(event.encoded_len());
        self.frame.extend_from_slice(&received_at.to_le_bytes());
        self.frame.extend_from_slice(&text_len(event.event_id));
        self.frame.extend_from_slice(&text_len(event.event_type));
        self.frame.extend_from_slice(&text_len(event.user_id));
        self.frame.extend_from_slice(&payload_len.to_le_bytes());
        self.frame.push(u8::from(event.sender.class == SenderClass::Browser));
        self.frame.extend_from_slice(&event.sender.key.unwrap_or(NO_KEY).to_le_bytes());
        self.frame.extend_from_slice(event.event_id.as_bytes());
        self.frame.extend_from_slice(event.event_type.as_bytes());
        self.frame.extend_from_slice(event.user_id.as_bytes());
        self.frame.extend_from_slice(event.payload);
    }

    /// Appends all of `other`.
    pub fn append(&mut self, other: Self) {
        if self.events == 0 {
            *self = other;
            return;
        }
        self.events += other.events;
        self.frame.extend_from_slice(other.frame.get(HEADER..).unwrap_or_default());
    }

    /// Frames the records.
    #[must_use]
    pub fn into_frame(self) -> Vec<u8> {
        let Self { events, received_at, mut frame } = self;
        frame.resize(frame.len().max(HEADER), 0);
        let (header, body) = frame.split_at_mut(HEADER);
        let body_len = u32::try_from(body.len()).expect("a frame is far smaller than 4 GiB");
        header[..2].copy_from_slice(&MAGIC);
        header[2] = VERSION;
        header[4..8].copy_from_slice(&events.to_le_bytes());
        header[8..16].copy_from_slice(&received_at.to_le_bytes());
        header[16..CHECKSUM_AT].copy_from_slice(&body_len.to_le_bytes());
        let checksum = checksum(&header[..CHECKSUM_AT], body);
        header[CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
        frame
    }
}

fn checksum(header: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header);
    hasher.update(body);
    hasher.finalize()
}

/// A decoded frame. It shares the bytes it was decoded from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    bytes: Bytes,
    received_at: Timestamp,
    spans: Vec<Span>,
}

/// Where an event lies in the frame's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    received_at: Timestamp,
    sender: Sender,
    start: usize,
    event_type: usize,
    user_id: usize,
    payload: usize,
    end: usize,
}

/// Why bytes are not a frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// It does not begin as a frame does.
    #[error("not a frame: it does not begin with \"cf\"")]
    NotAFrame,
    /// Written by a newer release.
    #[error(
        "frame version {0} is not known to this release, which reads up to version {VERSION}; upgrade the worker"
    )]
    UnknownVersion(u8),
    /// Shorter or longer than its header says.
    #[error("the frame is {actual} bytes long where {expected} were expected")]
    WrongLength {
        /// What the lengths in the frame add up to.
        expected: usize,
        /// What is there.
        actual: usize,
    },
    /// Its bytes changed since it was written.
    #[error("the frame's checksum does not hold: its bytes changed since it was written")]
    WrongChecksum,
    /// A field holds what no encoder writes.
    #[error("event {index} of the frame is malformed: {what}")]
    MalformedEvent {
        /// Which event, from 0.
        index: usize,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl Frame {
    /// Decodes and checks a frame.
    pub fn decode(bytes: Bytes) -> Result<Self, FrameError> {
        let (version, events, received_at) = check_header(&bytes)?;
        let mut spans = Vec::with_capacity(events.min(bytes.len() / EVENT_HEADER_1));
        let mut at = HEADER;
        for index in 0..events {
            let span = Span::decode(&bytes, at, version)
                .map_err(|what| FrameError::MalformedEvent { index, what })?;
            at = span.end;
            spans.push(span);
        }
        if at != bytes.len() {
            return Err(FrameError::WrongLength { expected: at, actual: bytes.len() });
        }
        let received_at = Timestamp::from_microsecond(received_at)
            .map_err(|_| FrameError::MalformedEvent { index: 0, what: "its time is out of range" })?;
        Ok(Self { bytes, received_at, spans })
    }

    /// When the frame's first event was accepted. It is the same at every delivery.
    #[must_use]
    pub fn received_at(&self) -> Timestamp {
        self.received_at
    }

    /// How many events there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there are no events.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// How many bytes the frame takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The frame as it was sent.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The events in order.
    pub fn events(&self) -> impl ExactSizeIterator<Item = EventRecord<'_>> + Clone {
        self.spans.iter().map(|span| span.record(&self.bytes))
    }

    /// What tells the events apart, in order.
    pub fn identities(&self) -> impl ExactSizeIterator<Item = Identity<'_>> + Clone {
        self.events().map(|event| event.identity())
    }
}

/// The version, the number of events, and the frame's time.
fn check_header(bytes: &[u8]) -> Result<(u8, usize, i64), FrameError> {
    let Some((header, body)) = bytes.split_first_chunk::<HEADER>() else {
        return Err(FrameError::WrongLength { expected: HEADER, actual: bytes.len() });
    };
    if header[..2] != MAGIC {
        return Err(FrameError::NotAFrame);
    }
    if !(1..=VERSION).contains(&header[2]) {
        return Err(FrameError::UnknownVersion(header[2]));
    }
    let body_len = u32_at(header, 16) as usize;
    if body_len != body.len() {
        return Err(FrameError::WrongLength { expected: HEADER + body_len, actual: bytes.len() });
    }
    if u32_at(header, CHECKSUM_AT) != checksum(&header[..CHECKSUM_AT], body) {
        return Err(FrameError::WrongChecksum);
    }
    Ok((header[2], u32_at(header, 4) as usize, i64_at(header, 8)))
}

impl Span {
    fn decode(bytes: &[u8], at: usize, version: u8) -> Result<Self, &'static str> {
        let length = if version == 1 { EVENT_HEADER_1 } else { EVENT_HEADER };
        let header = bytes.get(at..at + length).ok_or("its header is cut off")?;
        let sender = sender_in(&header[EVENT_HEADER_1..])?;
        let received_at =
            Timestamp::from_microsecond(i64_at(header, 0)).map_err(|_| "its time is out of range")?;
        let start = at + length;
        let event_type = start + u16_at(header, 8);
        let user_id = event_type + u16_at(header, 10);
        let payload = user_id + u16_at(header, 12);
        let end = payload + u32_at(header, 14) as usize;
        if end > bytes.len() {
            return Err("it is cut off");
        }
        for text in [start..event_type, event_type..user_id, user_id..payload] {
            std::str::from_utf8(&bytes[text]).map_err(|_| "its id, type or user is not UTF-8")?;
        }
        Ok(Self { received_at, sender, start, event_type, user_id, payload, end })
    }

    fn record<'a>(&self, bytes: &'a [u8]) -> EventRecord<'a> {
        // The three lie side by side, so one look at them is enough.
        let texts = text(&bytes[self.start..self.payload]);
        let (event_id, rest) = texts.split_at(self.event_type - self.start);
        let (event_type, user_id) = rest.split_at(self.user_id - self.event_type);
        let payload = &bytes[self.payload..self.end];
        let Self { received_at, sender, .. } = *self;
        EventRecord { received_at, sender, event_id, event_type, user_id, payload }
    }
}

/// The sender, as the end of an event's header says; of version 1, where it says nothing, a server.
fn sender_in(bytes: &[u8]) -> Result<Sender, &'static str> {
    let Some((class, key)) = bytes.split_first() else { return Ok(Sender::default()) };
    let class = match class {
        0 => SenderClass::Server,
        1 => SenderClass::Browser,
        _ => return Err("its class is not known"),
    };
    let key = i64_at(key, 0);
    if key < NO_KEY {
        return Err("the id of its key is negative");
    }
    Ok(Sender { class, key: (key != NO_KEY).then_some(key) })
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("checked when the frame was decoded")
}

fn u16_at(bytes: &[u8], at: usize) -> usize {
    usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn i64_at(bytes: &[u8], at: usize) -> i64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    i64::from_le_bytes(word)
}

#[cfg(test)]
mod tests;
