//! Streams → frames, as one consumer of the group that all workers share.
//!
//! A consumer first reads what it was given before and has not acknowledged, then what is new. So a worker that comes
//! back under the same name goes on where it was; what a worker under another name left behind is [reclaimed] when it
//! has been idle for long enough.
//!
//! [reclaimed]: Consumer::reclaim

use std::time::Duration;

use bb8_redis::redis::{self, RedisError, Value};
use bytes::Bytes;
use jiff::Timestamp;

use super::reply::{self, Entry, Fields};
use super::{Acknowledgement, EntryId, Frame, FrameError, Link, Links, QueueError, Replay, Shard, Shards};
use crate::ops::metrics::{self, RedisOperation};

/// The consumer group of the workers.
pub(super) const GROUP: &str = "workers";

/// A stream entry that this consumer has to deal with.
#[derive(Debug)]
pub struct Delivery {
    /// The stream it came from.
    pub shard: Shard,
    /// The entry's id; with the shard it names the frame.
    pub entry: EntryId,
    /// The frame, or the entry's bytes and why they are none.
    pub frame: Result<Frame, CorruptFrame>,
    /// How many events were accepted with it.
    pub accepted: u32,
    /// When the first of them was; also of a frame that cannot be read.
    pub received_at: Option<Timestamp>,
    /// Where it was a dead letter before.
    pub replay: Option<Replay>,
    /// How often it was delivered by now, to any consumer; more than once after a crash.
    pub times: u64,
}

impl Delivery {
    /// How many bytes the frame takes, also one that cannot be read.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &self.frame {
            Ok(frame) => frame.bytes(),
            Err(corrupt) => corrupt.bytes.len(),
        }
    }

    /// The entry that claims of its events bear: its own, but for a dead letter's.
    #[must_use]
    pub fn claims_as(&self) -> EntryId {
        self.replay.map_or(self.entry, |replay| replay.origin)
    }

    /// What acknowledging it takes off the queue.
    #[must_use]
    pub fn acknowledgement(&self) -> Acknowledgement {
        Acknowledgement { shard: self.shard, entry: self.entry, events: self.accepted, bytes: self.bytes() }
    }
}

/// Bytes in a stream that are not a frame.
#[derive(Debug)]
pub struct CorruptFrame {
    /// The bytes.
    pub bytes: Bytes,
    /// What is wrong with them.
    pub error: FrameError,
}

/// One member of the consumer group, with a connection of its own that may block.
#[derive(Debug)]
pub struct Consumer {
    links: Links,
    link: Option<Link>,
    name: String,
    streams: Vec<Stream>,
}

#[derive(Debug)]
struct Stream {
    shard: Shard,
    key: String,
    position: Position,
    /// Where the search for abandoned entries goes on: one call looks at a part of them only.
    reclaim_from: EntryId,
}

/// What is read next from a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    /// This consumer's own unacknowledged entries after this one.
    Unacknowledged(Option<EntryId>),
    /// Entries that nobody was given yet.
    New,
}

impl Consumer {
    /// A consumer that connects when it is first used. The links' time-out must exceed the longest wait.
    #[must_use]
    pub fn new(links: Links, name: String, shards: Shards) -> Self {
        let streams = shards
            .all()
            .map(|shard| Stream {
                shard,
                key: shard.stream(),
                position: Position::Unacknowledged(None),
                reclaim_from: EntryId::ZERO,
            })
            .collect();
        Self { links, link: None, name, streams }
    }

    /// Reads up to `count` entries of each stream, waiting up to `wait` for the first. After an error the next call
    /// connects anew and begins with what is unacknowledged.
    pub async fn read(&mut self, count: usize, wait: Duration) -> Result<Vec<Delivery>, QueueError> {
        metrics::timed(RedisOperation::Read, self.read_new(count, wait)).await
    }

    async fn read_new(&mut self, count: usize, wait: Duration) -> Result<Vec<Delivery>, QueueError> {
        // First of all: a new connection begins again with what is unacknowledged.
        let link = self.link().await?;
        let mut command = redis::cmd("XREADGROUP");
        command.arg("GROUP").arg(GROUP).arg(&self.name).arg("COUNT").arg(count);
        command.arg("BLOCK").arg(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1)).arg("STREAMS");
        for stream in &self.streams {
            command.arg(&stream.key);
        }
        for stream in &self.streams {
            command.arg(stream.position.id());
        }
        let reply = self.ask(link, &command).await?;
        let streams = reply::streams(reply)?;
        let mut sorted = Sorted::default();
        for (key, entries) in streams {
            let Some(stream) = self.streams.iter_mut().find(|stream| stream.key.as_bytes() == key) else {
                continue;
            };
            let again = stream.position != Position::New;
            stream.position.advance(&entries);
            sorted.add(stream.shard, entries, again);
        }
        self.finish(sorted).await
    }

    /// Takes over up to `count` entries of each stream that another consumer was given and has not acknowledged for
    /// `idle`: its worker died, or is stuck.
    pub async fn reclaim(&mut self, count: usize, idle: Duration) -> Result<Vec<Delivery>, QueueError> {
        metrics::timed(RedisOperation::Reclaim, self.reclaim_idle(count, idle)).await
    }

    async fn reclaim_idle(&mut self, count: usize, idle: Duration) -> Result<Vec<Delivery>, QueueError> {
        let mut sorted = Sorted::default();
        for index in 0..self.streams.len() {
            let Stream { shard, ref key, reclaim_from, .. } = self.streams[index];
            let mut command = redis::cmd("XAUTOCLAIM");
            command
                .arg(key)
                .arg(GROUP)
                .arg(&self.name)
                .arg(idle.as_millis().to_string())
                .arg(reclaim_from.to_string());
            command.arg("COUNT").arg(count);
            let link = self.link().await?;
            let reply = self.ask(link, &command).await?;
            let (cursor, entries) = reply::claimed(reply)?;
            self.streams[index].reclaim_from = cursor;
            sorted.add(shard, entries, true);
        }
        self.finish(sorted).await
    }

    async fn finish(&mut self, mut sorted: Sorted) -> Result<Vec<Delivery>, QueueError> {
        self.acknowledge(&sorted.gone).await?;
        self.count_deliveries(&mut sorted.deliveries).await?;
        Ok(sorted.deliveries)
    }

    /// Asks how often those entries were delivered that this is not the first time of.
    async fn count_deliveries(&mut self, deliveries: &mut [Delivery]) -> Result<(), QueueError> {
        for again in deliveries.iter_mut().filter(|delivery| delivery.times > 1) {
            let mut command = redis::cmd("XPENDING");
            let entry = again.entry.to_string();
            command.arg(again.shard.stream()).arg(GROUP).arg(&entry).arg(&entry).arg(1);
            let link = self.link().await?;
            let reply = self.ask(link, &command).await?;
            again.times = reply::times_delivered(reply)?.unwrap_or(again.times);
        }
        Ok(())
    }

    /// Entries that were deleted while somebody still had to deal with them: nothing is left of them but the duty to
    /// acknowledge them.
    async fn acknowledge(&mut self, gone: &[(Shard, EntryId)]) -> Result<(), QueueError> {
        for (shard, entry) in gone {
            tracing::warn!(%shard, %entry, "a stream entry was deleted before it was acknowledged");
            let link = self.link().await?;
            self.ask(link, redis::cmd("XACK").arg(shard.stream()).arg(GROUP).arg(entry.to_string())).await?;
        }
        Ok(())
    }

    /// Asks over `link`, and keeps it only if it answered: a late answer to this command must not be taken for the next
    /// one's.
    async fn ask(&mut self, mut link: Link, command: &redis::Cmd) -> Result<Value, QueueError> {
        match link.ask(command).await {
            Ok(reply) => {
                self.link = Some(link);
                Ok(reply)
            }
            Err(error) => {
                if error.code() == Some("NOGROUP") {
                    create_groups(&mut link, &self.streams).await?;
                }
                Err(error.into())
            }
        }
    }

    async fn link(&mut self) -> Result<Link, QueueError> {
        if let Some(link) = self.link.take() {
            return Ok(link);
        }
        let mut link = self.links.link().await?;
        create_groups(&mut link, &self.streams).await?;
        for stream in &mut self.streams {
            stream.position = Position::Unacknowledged(None);
        }
        Ok(link)
    }
}

impl Position {
    fn id(self) -> String {
        match self {
            Self::New => ">".to_owned(),
            Self::Unacknowledged(None) => "0-0".to_owned(),
            Self::Unacknowledged(Some(last)) => last.to_string(),
        }
    }

    /// Where to go on after these entries came.
    fn advance(&mut self, entries: &[Entry]) {
        if let Self::Unacknowledged(_) = self {
            *self = entries.last().map_or(Self::New, |last| Self::Unacknowledged(Some(last.id)));
        }
    }
}

/// Entries as they came, sorted into those to deal with and those that are gone.
#[derive(Debug, Default)]
struct Sorted {
    deliveries: Vec<Delivery>,
    gone: Vec<(Shard, EntryId)>,
}

impl Sorted {
    /// `again` where they were delivered before.
    fn add(&mut self, shard: Shard, entries: Vec<Entry>, again: bool) {
        for Entry { id: entry, fields } in entries {
            let Some(Fields { frame: bytes, events: accepted, received_at, replay }) = fields else {
                self.gone.push((shard, entry));
                continue;
            };
            let frame = Frame::decode(bytes.clone()).map_err(|error| CorruptFrame { bytes, error });
            let times = if again { 2 } else { 1 };
            self.deliveries.push(Delivery { shard, entry, frame, accepted, received_at, replay, times });
        }
    }
}

/// The group begins at the first entry of each stream, so that what came before the first worker is not lost.
async fn create_groups(link: &mut Link, streams: &[Stream]) -> Result<(), QueueError> {
    for Stream { key, .. } in streams {
        let created: Result<(), RedisError> =
            link.ask(redis::cmd("XGROUP").arg("CREATE").arg(key).arg(GROUP).arg("0").arg("MKSTREAM")).await;
        match created {
            Err(error) if error.code() == Some("BUSYGROUP") => {}
            other => other?,
        }
    }
    Ok(())
}
