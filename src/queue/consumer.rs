//! Streams → frames, as one consumer of the group that all workers share.
//!
//! A consumer first reads what it was given before and has not acknowledged, then what is new. So a worker that comes
//! back under the same name goes on where it was; what a worker under another name left behind is [reclaimed] when it
//! has been idle for long enough.
//!
//! A Redis Cluster has no command that waits for two streams: there each is read by itself, all side by side.
//!
//! [reclaimed]: Consumer::reclaim

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bb8_redis::redis::{self, Value};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::lane::{Lane, create_groups};
use super::reply::{self, Entry, Fields};
use super::{Acknowledgement, EntryId, Frame, FrameError, Link, Links, QueueError, Replay, Shard, Shards};
use crate::ops::metrics::{self, RedisOperation};

/// How long the first read that ends waits for others. Those of streams that have something end within a round trip, and one
/// batch of all costs less to store than one of each.
const GATHER: Duration = Duration::from_millis(1);

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

/// One member of the consumer group, with connections of its own that may block.
#[derive(Debug)]
pub struct Consumer {
    links: Links,
    shards: Vec<Shard>,
    name: Arc<str>,
    /// For what does not block.
    link: Option<Link>,
    /// Those that are not reading.
    lanes: Vec<Lane>,
    reading: FuturesUnordered<Reading>,
    /// How often it had to begin again with what is unacknowledged.
    beginnings: u64,
    /// By shard, where the search for abandoned entries goes on: one call looks at a part of them only.
    reclaim_from: Vec<EntryId>,
}

/// A read that is under way. It may go on after another has ended: nothing that it is given is lost.
type Reading = Pin<Box<dyn Future<Output = (Lane, Result<Sorted, QueueError>)> + Send>>;

impl Consumer {
    /// A consumer that connects when it is first used. The links' time-out must exceed the longest wait.
    #[must_use]
    pub fn new(links: Links, name: String, shards: Shards) -> Self {
        Self {
            links,
            shards: shards.all().collect(),
            name: name.into(),
            link: None,
            lanes: Vec::new(),
            reading: FuturesUnordered::new(),
            beginnings: 0,
            reclaim_from: vec![EntryId::ZERO; shards.count()],
        }
    }

    /// Reads up to `count` entries of each stream, waiting up to `wait` for the first. After an error the next call
    /// connects anew and begins with what is unacknowledged.
    pub async fn read(&mut self, count: usize, wait: Duration) -> Result<Vec<Delivery>, QueueError> {
        metrics::timed(RedisOperation::Read, self.read_new(count, wait)).await
    }

    async fn read_new(&mut self, count: usize, wait: Duration) -> Result<Vec<Delivery>, QueueError> {
        // Asked for before any lane does: all of them would find out for themselves.
        let each_alone = self.links.is_to_cluster().await?;
        if self.lanes.is_empty() && self.reading.is_empty() {
            let together = self.shards.chunks(if each_alone { 1 } else { self.shards.len() });
            self.lanes = together.map(|shards| Lane::new(shards.to_vec(), Arc::clone(&self.name))).collect();
        }
        for mut lane in self.lanes.drain(..) {
            let (links, beginnings) = (self.links.clone(), self.beginnings);
            self.reading.push(Box::pin(async move {
                let read = lane.read(&links, beginnings, count, wait).await;
                (lane, read)
            }));
        }
        let ended = self.reading.next().await;
        self.take(ended).await
    }

    /// Waits until nothing is being read any more, and returns what was.
    pub async fn rest(&mut self) -> Result<Vec<Delivery>, QueueError> {
        let mut deliveries = Vec::new();
        while let Some(ended) = self.reading.next().await {
            deliveries.extend(self.take(Some(ended)).await?);
        }
        Ok(deliveries)
    }

    /// What this read has brought, and others that end about now. A server that fails holds up no other.
    async fn take(
        &mut self,
        mut ended: Option<<Reading as Future>::Output>,
    ) -> Result<Vec<Delivery>, QueueError> {
        let (mut sorted, mut failure) = (Sorted::default(), None);
        let gathered_by = Instant::now() + GATHER;
        while let Some((lane, read)) = ended {
            self.lanes.push(lane);
            match read {
                Ok(read) => sorted.append(read),
                Err(error) => failure = Some(error),
            }
            ended = timeout_at(gathered_by, self.reading.next()).await.ok().flatten();
        }
        match failure {
            Some(error) if sorted.is_empty() => Err(error),
            _ => self.finish(sorted).await,
        }
    }

    /// Takes over up to `count` entries of each stream that another consumer was given and has not acknowledged for
    /// `idle`: its worker died, or is stuck.
    pub async fn reclaim(&mut self, count: usize, idle: Duration) -> Result<Vec<Delivery>, QueueError> {
        metrics::timed(RedisOperation::Reclaim, self.reclaim_idle(count, idle)).await
    }

    async fn reclaim_idle(&mut self, count: usize, idle: Duration) -> Result<Vec<Delivery>, QueueError> {
        let mut sorted = Sorted::default();
        for index in 0..self.shards.len() {
            let shard = self.shards[index];
            let mut command = redis::cmd("XAUTOCLAIM");
            command
                .arg(shard.stream())
                .arg(GROUP)
                .arg(&*self.name)
                .arg(idle.as_millis().to_string())
                .arg(self.reclaim_from[index].to_string());
            command.arg("COUNT").arg(count);
            let (cursor, entries) = reply::claimed(self.ask(shard, &command).await?)?;
            self.reclaim_from[index] = cursor;
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
            let reply = self.ask(again.shard, &command).await?;
            again.times = reply::times_delivered(reply)?.unwrap_or(again.times);
        }
        Ok(())
    }

    /// Entries that were deleted while somebody still had to deal with them: nothing is left of them but the duty to
    /// acknowledge them.
    async fn acknowledge(&mut self, gone: &[(Shard, EntryId)]) -> Result<(), QueueError> {
        for (shard, entry) in gone {
            tracing::warn!(%shard, %entry, "a stream entry was deleted before it was acknowledged");
            let command = redis::cmd("XACK").arg(shard.stream()).arg(GROUP).arg(entry.to_string()).to_owned();
            self.ask(*shard, &command).await?;
        }
        Ok(())
    }

    async fn link(&mut self) -> Result<Link, QueueError> {
        if let Some(link) = self.link.take() {
            return Ok(link);
        }
        let mut link = self.links.link(self.shards.iter().copied()).await?;
        // A lane may not have come to it yet.
        create_groups(&mut link, &self.shards).await?;
        Ok(link)
    }

    /// Asks something that does not block. After an error what was given to this consumer may not have come here: all of
    /// it is asked for again.
    async fn ask(&mut self, shard: Shard, command: &redis::Cmd) -> Result<Value, QueueError> {
        let asked = async {
            let mut link = self.link().await?;
            let reply = link.ask(shard, command).await;
            if reply.as_ref().is_err_and(QueueError::is_without_group) {
                create_groups(&mut link, &[shard]).await?;
            }
            // Kept only if it answered: a late answer must not be taken for the next one.
            self.link = reply.is_ok().then_some(link);
            reply
        };
        let reply = asked.await;
        self.beginnings += u64::from(reply.is_err());
        reply
    }
}

/// Entries as they came, sorted into those to deal with and those that are gone.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    deliveries: Vec<Delivery>,
    gone: Vec<(Shard, EntryId)>,
}

impl Sorted {
    fn is_empty(&self) -> bool {
        self.deliveries.is_empty() && self.gone.is_empty()
    }

    fn append(&mut self, mut other: Self) {
        self.deliveries.append(&mut other.deliveries);
        self.gone.append(&mut other.gone);
    }

    /// `again` where they were delivered before.
    pub(super) fn add(&mut self, shard: Shard, entries: Vec<Entry>, again: bool) {
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
