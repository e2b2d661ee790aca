//! Dead letters → the queue again.
//!
//! Invariants: a letter is appended first and marked afterwards, so whoever is stopped in between leaves it to be replayed
//! again; the transaction that stores it uses each letter up once, so that queueing it twice stores it once. It keeps the
//! entry that it came in first, and with that its claims.

use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::time::sleep;

use crate::queue::{self, Depth, Frame, FrameError, OutgoingFrame, Pool, QueueError, Replay, Shards};
use crate::store::dead_letters::{self, DeadLetter, LetterId, Reason};
use crate::store::{Pool as PostgresPool, StoreError};

/// Letters queued in one round trip.
const PART: u16 = 100;
/// Many letters are queued only while less than this lies in the queue, in bytes: clients' events come first.
const ROOM: u64 = 16 << 20;
/// How often the log says that there is none.
const TELL: Duration = Duration::from_secs(10);
/// Between two looks at whether there is room.
const LOOK: Duration = Duration::from_millis(100);

/// Why a dead letter was not queued again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// No such letter.
    #[error("there is no dead letter {0}")]
    Missing(i64),
    /// It is used up.
    #[error(
        "dead letter {id} was replayed already, at {at}; what could not be stored even then is a dead letter of its own"
    )]
    Replayed {
        /// Which.
        id: i64,
        /// When it left the pipeline again.
        at: Timestamp,
    },
    /// There is nothing to queue.
    #[error(
        "dead letter {id} cannot be replayed, as no event can be read from it ({reason}: {detail}); its bytes are kept for people to look at"
    )]
    NoFrame {
        /// Which.
        id: i64,
        /// Its reason.
        reason: String,
        /// The rest of its reason.
        detail: String,
    },
    /// Its frame is not as it was written.
    #[error("dead letter {id} cannot be replayed: {source}")]
    Frame {
        /// Which.
        id: i64,
        /// What is wrong with its frame.
        source: FrameError,
    },
    /// Its stream is not read any more.
    #[error("dead letter {id} belongs to shard {shard}, which is not there with the present SHARDS")]
    NoShard {
        /// Which.
        id: i64,
        /// Its shard.
        shard: u16,
    },
    /// Redis.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// Postgres.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What replaying many letters came to.
#[derive(Debug, Default)]
pub struct Replayed {
    /// Letters that are queued again.
    pub letters: u64,
    /// Their events.
    pub events: u64,
    /// Why others are not.
    pub failed: Vec<ReplayError>,
}

/// Queues the letter again; says how many events it holds.
pub async fn replay(
    redis: &Pool,
    postgres: &PostgresPool,
    shards: Shards,
    id: LetterId,
) -> Result<usize, ReplayError> {
    let (letter, frame) = dead_letters::find_frame(postgres, id).await?.ok_or(ReplayError::Missing(id.0))?;
    let frame = outgoing(&letter, frame, shards)?;
    let events = frame.events;
    queue::append(redis, &[frame]).await?;
    dead_letters::mark_requeued(postgres, &[id]).await?;
    Ok(events)
}

/// Queues every waiting letter again that can be, with this reason or with any; those that come meanwhile stay. `told`
/// learns how many were done with each step.
pub async fn replay_waiting(
    redis: &Pool,
    postgres: &PostgresPool,
    shards: Shards,
    reason: Option<Reason>,
    mut told: impl FnMut(u64),
) -> Result<Replayed, ReplayError> {
    let (mut replayed, mut before) = (Replayed::default(), None);
    loop {
        wait_for_room(redis, shards).await?;
        // Backwards: a letter that comes back as another one is not met again.
        let letters = dead_letters::waiting_frames(postgres, reason, before, PART).await?;
        let Some((last, _)) = letters.last() else { return Ok(replayed) };
        before = Some(last.id);
        let done = letters.len() as u64;
        let (mut frames, mut ids) = (Vec::new(), Vec::new());
        for (letter, frame) in letters {
            match outgoing(&letter, Some(frame), shards) {
                Ok(frame) => {
                    ids.push(letter.id);
                    frames.push(frame);
                }
                Err(error) => replayed.failed.push(error),
            }
        }
        if !frames.is_empty() {
            queue::append(redis, &frames).await?;
            dead_letters::mark_requeued(postgres, &ids).await?;
        }
        replayed.letters += ids.len() as u64;
        replayed.events += frames.iter().map(|frame| frame.events as u64).sum::<u64>();
        told(done);
    }
}

async fn wait_for_room(redis: &Pool, shards: Shards) -> Result<(), QueueError> {
    let mut told: Option<Instant> = None;
    loop {
        let queued: Depth =
            queue::queued(&mut redis.get(shards.all()).await?, shards).await?.into_iter().sum();
        if queued.bytes < ROOM {
            return Ok(());
        }
        if told.is_none_or(|told| told.elapsed() >= TELL) {
            told = Some(Instant::now());
            tracing::warn!(
                queued = queued.bytes,
                most = ROOM,
                "waiting for room in the queue; is a worker running?"
            );
        }
        sleep(LOOK).await;
    }
}

/// The letter's frame on its way to the stream that it came from.
fn outgoing(
    letter: &DeadLetter,
    frame: Option<Vec<u8>>,
    shards: Shards,
) -> Result<OutgoingFrame, ReplayError> {
    let &DeadLetter { id: LetterId(id), shard, origin, ref reason, ref detail, replayed_at, .. } = letter;
    if let Some(at) = replayed_at {
        return Err(ReplayError::Replayed { id, at });
    }
    let (reason, detail) = (reason.clone(), detail.clone());
    let bytes = frame.ok_or(ReplayError::NoFrame { id, reason, detail })?;
    let frame = Frame::decode(Bytes::from(bytes)).map_err(|source| ReplayError::Frame { id, source })?;
    Ok(OutgoingFrame {
        shard: shards.get(shard).ok_or(ReplayError::NoShard { id, shard })?,
        events: frame.len(),
        received_at: frame.received_at(),
        bytes: frame.as_bytes().to_vec(),
        replay: Some(Replay { origin, letter: id }),
    })
}
