//! Frames → streams, all that are due in one round trip.
//!
//! ```text
//! entry = f <frame> n <events> t <received_at> [o <entry> l <letter>]
//! ```
//!
//! Invariant: a frame and its place in the ledger are written together or not at all (`MULTI`).

use bb8_redis::redis::{Pipeline, Value};
use jiff::Timestamp;

use super::depth::Depth;
use super::ledger::{self, QUEUED_BYTES, QUEUED_EVENTS};
use super::{EntryId, HEADER, Pool, QueueError, Records, Shard};
use crate::ops::metrics::{self, RedisOperation};

/// The fields of a stream entry: the frame; how many events were accepted with it, and when the first one, in microseconds
/// since the Unix epoch, which is known then even of a frame that cannot be read any more.
pub(super) const FRAME_FIELD: &str = "f";
pub(super) const EVENTS_FIELD: &str = "n";
pub(super) const TIME_FIELD: &str = "t";
/// Of a replayed frame: the entry that it was first, and its dead letter.
pub(super) const ORIGIN_FIELD: &str = "o";
pub(super) const LETTER_FIELD: &str = "l";

/// What a frame that was a dead letter has to know of its past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replay {
    /// The entry that its events came in first: their claims bear it.
    pub origin: EntryId,
    /// The dead letter; it is used up once.
    pub letter: i64,
}

/// A frame on its way to its stream.
#[derive(Debug)]
pub struct OutgoingFrame {
    /// The stream it goes to.
    pub shard: Shard,
    /// How many events it carries.
    pub events: usize,
    /// When its first event was accepted: the day that the ledger counts it to.
    pub received_at: Timestamp,
    /// The encoded frame.
    pub bytes: Vec<u8>,
    /// Where it was a dead letter before.
    pub replay: Option<Replay>,
}

impl OutgoingFrame {
    /// A frame of these records.
    #[must_use]
    pub fn new(shard: Shard, records: Records) -> Self {
        let (events, received_at) = (records.events(), records.received_at());
        Self { shard, events, received_at, bytes: records.into_frame(), replay: None }
    }

    /// How many bytes its events take, without the frame's header.
    #[must_use]
    pub fn body_bytes(&self) -> usize {
        self.bytes.len() - HEADER
    }

    fn append_to(&self, pipeline: &mut Pipeline) {
        pipeline.cmd("MULTI").ignore();
        let add = pipeline.cmd("XADD").arg(self.shard.stream()).arg("*");
        add.arg(FRAME_FIELD).arg(&self.bytes).arg(EVENTS_FIELD).arg(self.events);
        add.arg(TIME_FIELD).arg(self.received_at.as_microsecond());
        if let Some(Replay { origin, letter }) = self.replay {
            add.arg(ORIGIN_FIELD).arg(origin.to_string()).arg(LETTER_FIELD).arg(letter);
        }
        pipeline.ignore();
        let (ledger, accepted) = (self.shard.ledger(), ledger::accepted_on(self.received_at));
        let counts = [
            (accepted.as_str(), self.events),
            (QUEUED_EVENTS, self.events),
            (QUEUED_BYTES, self.bytes.len()),
        ];
        for (field, count) in counts {
            pipeline.cmd("HINCRBY").arg(&ledger).arg(field).arg(count).ignore();
        }
        pipeline.cmd("EXEC");
    }
}

/// Appends the frames to their streams; `Ok` once Redis has acknowledged all of them. Says how deep each frame's stream
/// is with it.
///
/// After an error some of them may have been appended nevertheless: sending their events again is safe, since the claims
/// know them.
pub async fn append(pool: &Pool, frames: &[OutgoingFrame]) -> Result<Vec<(Shard, Depth)>, QueueError> {
    match append_once(pool, frames).await {
        // By now it is known where to.
        Err(error) if error.is_moved() => append_once(pool, frames).await,
        appended => appended,
    }
}

async fn append_once(pool: &Pool, frames: &[OutgoingFrame]) -> Result<Vec<(Shard, Depth)>, QueueError> {
    let mut link = pool.get(frames.iter().map(|frame| frame.shard)).await?;
    let mut commands = link.commands(frames.len() * 6);
    for frame in frames {
        frame.append_to(commands.of(frame.shard));
    }
    let replies: Vec<Value> = metrics::timed(RedisOperation::Append, commands.run()).await?;
    frames.iter().zip(replies).map(|(frame, reply)| Ok((frame.shard, appended(&reply)?))).collect()
}

/// `EXEC` answers with the entry's id and three counters.
fn appended(reply: &Value) -> Result<Depth, QueueError> {
    let unexpected = |reply: &Value| QueueError::Reply { command: "EXEC", what: format!("{reply:?}") };
    let Value::Array(replies) = reply else { return Err(unexpected(reply)) };
    match replies.as_slice() {
        [Value::BulkString(_), Value::Int(_), Value::Int(events), Value::Int(bytes)] => {
            Ok(Depth::of(*events, *bytes))
        }
        _ => Err(unexpected(reply)),
    }
}
