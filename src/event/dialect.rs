//! Messages that other systems define → the text of events.
//!
//! A message is only rewritten here: its members go to the places of an envelope with their values untouched, and what
//! has no place goes under `context`. The reader of envelopes then checks the result as it checks every event, and names
//! what it refuses by the message's own names.
//!
//! Invariants: each value is written as it came, byte for byte; two messages get the same `event_id` only if their own
//! ids are the same; a member that is `null` counts as absent.

mod cloud_event;
mod members;
mod segment;

pub use cloud_event::compose as compose_cloud_event;
pub use segment::{Batch as SegmentBatch, Call as SegmentCall, Shared as SegmentShared};

use std::borrow::Cow;

use super::envelope::{EnvelopeError, Names};
use members::{Members, as_string};

/// What kind of message an event comes as.
#[derive(Clone, Copy, Debug)]
pub enum Dialect<'a> {
    /// The envelope itself.
    Own,
    /// `CloudEvents` 1.0, in its JSON format.
    CloudEvents,
    /// Segment's HTTP tracking API.
    Segment {
        /// The call, where the route names it; else the message's `type` does.
        call: Option<SegmentCall>,
        /// What the batch says for each of its messages.
        shared: SegmentShared<'a>,
    },
}

impl Dialect<'_> {
    /// Appends the text of the event that `message`, a JSON object, stands for; returns what its members are called in
    /// the message. Nothing for an envelope itself.
    pub(super) fn rewrite(self, message: &[u8], event: &mut Vec<u8>) -> Result<Option<Names>, EnvelopeError> {
        let names = match self {
            Self::Own => return Ok(None),
            Self::CloudEvents => cloud_event::rewrite(Members::read(message)?, event),
            Self::Segment { call, shared } => segment::rewrite(Members::read(message)?, call, shared, event),
        };
        Ok(Some(names?))
    }

    /// The id of a refused message, so that its sender can tell which one it was; none longer than `limit`.
    pub(super) fn event_id(self, message: &[u8], limit: u16) -> Option<String> {
        let members = Members::read(message).ok()?;
        let id = match self {
            Self::Own => as_string(members.first("event_id")?),
            Self::CloudEvents => cloud_event::id_of(&members),
            Self::Segment { .. } => as_string(members.first("messageId")?),
        };
        id.filter(|id| !id.is_empty() && id.len() <= usize::from(limit) && !id.contains('\0'))
            .map(Cow::into_owned)
    }
}

#[cfg(test)]
mod tests;
