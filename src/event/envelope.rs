//! One event's JSON text → its envelope, checked.
//!
//! This is where an event is accepted or refused. What is accepted is stored, and is the very document that rules are
//! matched against: the client's own bytes. Only where `event_id` or `timestamp` is absent, the server's value is put
//! in, directly behind the opening brace.
//!
//! Invariants: an accepted event keeps every limit; it holds no value that Postgres' functions cannot read
//! ([`flaw`](super::flaw)); no member of its envelope is unknown or given twice. Reading allocates nothing once the buffers have grown,
//! except for a refusal.

use jiff::Timestamp;
use memchr::memmem;
use simd_json::{Node, StaticNode};
use uuid::Uuid;

use super::flaw::{self, Flaw};
use super::place::Place;
use super::rfc3339::is_time;
use super::{Dialect, Document, JsonError, Limits, Parser};

/// An accepted event. `'a` is the life of the reader's buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// The client's, or the one the server assigned.
    pub event_id: &'a str,
    /// What happened.
    pub event_type: &'a str,
    /// To whom.
    pub user_id: &'a str,
    /// The JSON text of the whole event, as it is stored and matched.
    pub payload: &'a [u8],
}

/// Why a text is not an acceptable event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// The text is not JSON at all.
    #[error(transparent)]
    Malformed(JsonError),
    /// The text is JSON, and the event is refused.
    #[error("{}", .0.detail)]
    Refused(Refusal),
}

/// What is wrong with an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The event's own id, where it has one that can be used.
    pub event_id: Option<String>,
    /// The place in the event (RFC 6901); empty for the event as a whole.
    pub pointer: String,
    /// What is there, and what is allowed.
    pub detail: String,
    /// The place in the text, where that says more than `pointer`.
    pub place: Option<Place>,
}

impl From<EnvelopeError> for Refusal {
    fn from(error: EnvelopeError) -> Self {
        match error {
            EnvelopeError::Malformed(JsonError::Malformed { reason, place }) => {
                Self { place: Some(place), ..Self::whole(format!("not valid JSON: {reason}")) }
            }
            EnvelopeError::Malformed(error) => Self::whole(error.to_string()),
            EnvelopeError::Refused(refusal) => refusal,
        }
    }
}

impl From<Refusal> for EnvelopeError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl EnvelopeError {
    /// The error, with the id that `find` finds where it names no event yet.
    pub(super) fn with_id(self, find: impl FnOnce() -> Option<String>) -> Self {
        match self {
            Self::Refused(refusal @ Refusal { event_id: None, .. }) => {
                Self::Refused(Refusal { event_id: find(), ..refusal })
            }
            other => other,
        }
    }
}

impl Refusal {
    fn whole(detail: String) -> Self {
        Self { event_id: None, pointer: String::new(), detail, place: None }
    }

    pub(super) fn member(name: &str, complaint: &str) -> Self {
        let (pointer, detail) = (format!("/{name}"), format!("{name} {complaint}"));
        Self { event_id: None, pointer, detail, place: None }
    }

    /// The refusal of a member that the client named.
    pub(super) fn unknown(name: &str, complaint: &str) -> Self {
        let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        let shown: String = name.chars().take(64).collect();
        Self { event_id: None, pointer, detail: format!("{shown:?} {complaint}"), place: None }
    }

    /// The refusal of an event with a value that cannot be kept.
    fn flawed(Flaw { reason, pointer, place }: Flaw) -> Self {
        Self { event_id: None, pointer, detail: reason.to_owned(), place: Some(place) }
    }
}

/// What the members of an envelope are called where they came from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names {
    pub(super) event_id: &'static str,
    pub(super) event_type: &'static str,
    pub(super) user_id: &'static str,
    pub(super) timestamp: &'static str,
    pub(super) properties: &'static str,
    pub(super) context: &'static str,
}

impl Names {
    const OWN: Self = Self {
        event_id: "event_id",
        event_type: "event_type",
        user_id: "user_id",
        timestamp: "timestamp",
        properties: "properties",
        context: "context",
    };
}

/// When events came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    time: Timestamp,
    /// As it is put into events, written once for all of a body.
    text: String,
}

impl Arrival {
    /// At `time`, as precise as frames and the store keep it: to the microsecond.
    #[must_use]
    pub fn at(time: Timestamp) -> Self {
        let time = Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time);
        Self { time, text: time.to_string() }
    }

    /// The time.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.time
    }
}

/// Reads events, one after another, with buffers of its own.
#[derive(Debug)]
pub struct EnvelopeReader {
    parser: Parser,
    values: ValueCheck,
    limits: Limits,
    payload: Vec<u8>,
    /// The event that a message of another dialect stands for.
    rewritten: Vec<u8>,
}

impl EnvelopeReader {
    /// A reader that holds events to `limits`.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            parser: Parser::new(usize::from(limits.max_depth)),
            values: ValueCheck::new(),
            limits,
            payload: Vec::new(),
            rewritten: Vec::new(),
        }
    }

    /// Reads the event that one message of a dialect stands for, and hands it to `accept`, as [`Self::read`] does.
    ///
    /// The limits hold for the message and for the event.
    pub fn read_message<R>(
        &mut self,
        dialect: Dialect<'_>,
        message: &[u8],
        arrival: &Arrival,
        assign: impl FnOnce() -> Uuid,
        accept: impl FnOnce(Envelope<'_>) -> R,
    ) -> Result<R, EnvelopeError> {
        if let Dialect::Own = dialect {
            return self.read(message, arrival, assign, accept);
        }
        let mut event = std::mem::take(&mut self.rewritten);
        event.clear();
        let read = self
            .rewrite(dialect, message, &mut event)
            .and_then(|names| self.read_named(&event, names, arrival, assign, accept).map_err(of_rewritten));
        let limit = self.limits.max_event_id_bytes;
        self.rewritten = event;
        read.map_err(|error| error.with_id(|| dialect.event_id(message, limit)))
    }

    /// Appends the event that `message` stands for. What is wrong with its text is said with the places that it has there.
    fn rewrite(
        &mut self,
        dialect: Dialect<'_>,
        message: &[u8],
        event: &mut Vec<u8>,
    ) -> Result<Names, EnvelopeError> {
        self.check_length(message)?;
        let Self { parser, values, .. } = self;
        let checked = parser.parse(message, |document| {
            check_object(document)?;
            values.check(message, document)
        });
        checked.map_err(malformed)??;
        Ok(dialect.rewrite(message, event)?.unwrap_or(Names::OWN))
    }

    /// Reads one event and hands it to `accept`, whose result is returned.
    ///
    /// `json` is the event's text without white space around it. The time of `arrival` becomes the `timestamp` of an
    /// event without one, and `assign` is asked for the id of an event without one.
    pub fn read<R>(
        &mut self,
        json: &[u8],
        arrival: &Arrival,
        assign: impl FnOnce() -> Uuid,
        accept: impl FnOnce(Envelope<'_>) -> R,
    ) -> Result<R, EnvelopeError> {
        let limit = self.limits.max_event_id_bytes;
        let read = self.read_named(json, Names::OWN, arrival, assign, accept);
        read.map_err(|error| error.with_id(|| Dialect::Own.event_id(json, limit)))
    }

    fn read_named<R>(
        &mut self,
        json: &[u8],
        names: Names,
        arrival: &Arrival,
        assign: impl FnOnce() -> Uuid,
        accept: impl FnOnce(Envelope<'_>) -> R,
    ) -> Result<R, EnvelopeError> {
        self.check_length(json)?;
        let Self { parser, values, limits, payload, .. } = self;
        let read = parser.parse(json, |document| {
            let members = Members::read(document, names, limits)?;
            values.check(json, document)?;
            let mut id_buffer = Uuid::encode_buffer();
            let event_id = match members.event_id {
                Some(event_id) => event_id,
                None => assign().hyphenated().encode_lower(&mut id_buffer),
            };
            let absent_id = members.event_id.is_none().then_some(event_id);
            let absent_timestamp = members.timestamp.is_none().then_some(arrival.text.as_str());
            Ok::<_, Refusal>(accept(Envelope {
                event_id,
                event_type: members.event_type,
                user_id: members.user_id,
                payload: complete(json, absent_id, absent_timestamp, payload),
            }))
        });
        Ok(read.map_err(malformed)??)
    }

    fn check_length(&self, json: &[u8]) -> Result<(), EnvelopeError> {
        let (is, limit) = (json.len(), self.limits.max_event_bytes);
        if is <= limit as usize {
            return Ok(());
        }
        let detail = format!("the event is {is} bytes long; the limit is {limit}");
        Err(Refusal::whole(detail).into())
    }
}

fn malformed(error: JsonError) -> EnvelopeError {
    match error {
        JsonError::TooDeep { limit } => {
            let detail = format!("the event is nested too deep; the limit is {limit} levels");
            Refusal::whole(detail).into()
        }
        JsonError::Flawed(flaw) => Refusal::flawed(flaw).into(),
        malformed @ JsonError::Malformed { .. } => EnvelopeError::Malformed(malformed),
    }
}

/// The error in an event that a message was rewritten as: its text is nobody's, so no place in it is named.
fn of_rewritten(error: EnvelopeError) -> EnvelopeError {
    match error {
        EnvelopeError::Refused(refusal) => Refusal { place: None, ..refusal }.into(),
        malformed @ EnvelopeError::Malformed(_) => malformed,
    }
}

/// Finds values that cannot be kept, mostly without looking at each.
#[derive(Debug)]
struct ValueCheck {
    nul: memmem::Finder<'static>,
}

impl ValueCheck {
    fn new() -> Self {
        Self { nul: memmem::Finder::new(b"\\u0000") }
    }

    /// Refuses a document with such a value; `json` is its text.
    fn check(&self, json: &[u8], document: Document<'_>) -> Result<(), Refusal> {
        if !self.is_suspect(json, document) {
            return Ok(());
        }
        flaw::find(json).map_or(Ok(()), |flaw| Err(Refusal::flawed(flaw)))
    }

    fn is_suspect(&self, json: &[u8], document: Document<'_>) -> bool {
        // A number with too many decimals is zero as binary64, unless its text is long.
        let is_zero =
            |node: &Node<'_>| matches!(node, Node::Static(StaticNode::F64(number)) if *number == 0.0);
        json.len() > flaw::LONG
            || self.nul.find(json).is_some()
            || document.nodes().iter().any(is_zero) && flaw::has_long_exponent(json)
    }
}

fn check_object(document: Document<'_>) -> Result<(), Refusal> {
    if document.is_object() {
        return Ok(());
    }
    Err(Refusal::whole(format!("an event is a JSON object, not {}", kind(document))))
}

/// The event's text with what the server adds to it; the client's own where nothing is missing.
fn complete<'a>(
    json: &'a [u8],
    event_id: Option<&str>,
    timestamp: Option<&str>,
    buffer: &'a mut Vec<u8>,
) -> &'a [u8] {
    let [b'{', members @ ..] = json else { return json };
    if event_id.is_none() && timestamp.is_none() {
        return json;
    }
    buffer.clear();
    buffer.push(b'{');
    // Neither an id of ours nor a time needs escaping.
    for (name, value) in [("event_id", event_id), ("timestamp", timestamp)] {
        if let Some(value) = value {
            for piece in ["\"", name, "\":\"", value, "\","] {
                buffer.extend_from_slice(piece.as_bytes());
            }
        }
    }
    buffer.extend_from_slice(members);
    buffer
}

/// The envelope's members as the client gave them.
struct Members<'a> {
    event_id: Option<&'a str>,
    event_type: &'a str,
    user_id: &'a str,
    timestamp: Option<&'a str>,
}

impl<'a> Members<'a> {
    fn read(document: Document<'a>, names: Names, limits: &Limits) -> Result<Self, Refusal> {
        check_object(document)?;
        let (mut event_id, mut event_type, mut user_id) = (None, None, None);
        let (mut timestamp, mut properties, mut context) = (None, None, None);
        for (member, value) in document.entries() {
            match member {
                "event_id" => {
                    let name = names.event_id;
                    once(&mut event_id, name, text(name, value, limits.max_event_id_bytes)?)?;
                }
                "event_type" => {
                    let name = names.event_type;
                    once(&mut event_type, name, text(name, value, limits.max_event_type_bytes)?)?;
                }
                "user_id" => {
                    let name = names.user_id;
                    once(&mut user_id, name, text(name, value, limits.max_user_id_bytes)?)?;
                }
                "timestamp" => once(&mut timestamp, names.timestamp, time(names.timestamp, value)?)?,
                "properties" => once(&mut properties, names.properties, object(names.properties, value)?)?,
                "context" => once(&mut context, names.context, object(names.context, value)?)?,
                unknown => {
                    let complaint = "is not a member of an event; put what belongs to the event under properties or context";
                    return Err(Refusal::unknown(unknown, complaint));
                }
            }
        }
        Ok(Self {
            event_id,
            event_type: event_type.ok_or_else(|| Refusal::member(names.event_type, "is required"))?,
            user_id: user_id.ok_or_else(|| Refusal::member(names.user_id, "is required"))?,
            timestamp,
        })
    }
}

fn once<T>(slot: &mut Option<T>, name: &str, value: T) -> Result<(), Refusal> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Refusal::member(name, "is given twice")),
    }
}

fn text<'a>(name: &str, value: Document<'a>, limit: u16) -> Result<&'a str, Refusal> {
    let text = string(name, value)?;
    if is_blank(text) {
        return Err(Refusal::member(name, if text.is_empty() { "is empty" } else { "is blank" }));
    }
    if text.len() > usize::from(limit) {
        let complaint = format!("is {} bytes long; the limit is {limit}", text.len());
        return Err(Refusal::member(name, &complaint));
    }
    Ok(text)
}

/// Whether a text has nothing but white space, or nothing at all.
#[must_use]
pub fn is_blank(text: &str) -> bool {
    text.chars().all(char::is_whitespace)
}

fn time<'a>(name: &str, value: Document<'a>) -> Result<&'a str, Refusal> {
    let text = string(name, value)?;
    if !is_time(text) {
        return Err(Refusal::member(name, "is not an RFC 3339 time such as 2026-11-23T05:00:00Z"));
    }
    Ok(text)
}

fn string<'a>(name: &str, value: Document<'a>) -> Result<&'a str, Refusal> {
    match value.nodes().first() {
        Some(Node::String(text)) => Ok(text),
        _ => Err(Refusal::member(name, &format!("must be a string, not {}", kind(value)))),
    }
}

fn object(name: &str, value: Document<'_>) -> Result<(), Refusal> {
    if value.is_object() {
        return Ok(());
    }
    Err(Refusal::member(name, &format!("must be an object, not {}", kind(value))))
}

fn kind(value: Document<'_>) -> &'static str {
    match value.nodes().first() {
        None | Some(Node::Static(StaticNode::Null)) => "null",
        Some(Node::String(_)) => "a string",
        Some(Node::Object { .. }) => "an object",
        Some(Node::Array { .. }) => "an array",
        Some(Node::Static(StaticNode::Bool(_))) => "a boolean",
        Some(Node::Static(_)) => "a number",
    }
}

#[cfg(test)]
mod tests;
