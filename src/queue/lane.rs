//! Streams that are read together, over a connection that may block.

use std::sync::Arc;
use std::time::Duration;

use bb8_redis::redis;

use super::consumer::{GROUP, Sorted};
use super::reply::{self, Entry};
use super::{EntryId, Link, Links, QueueError, Shard};

/// A consumer's reads from some streams, one after the other.
#[derive(Debug)]
pub(super) struct Lane {
    link: Option<Link>,
    /// The consumer's name.
    name: Arc<str>,
    streams: Vec<Stream>,
    /// How often the consumer had begun again when this lane did.
    beginnings: u64,
}

#[derive(Debug)]
struct Stream {
    shard: Shard,
    key: String,
    position: Position,
}

/// What is read next from a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    /// This consumer's own unacknowledged entries after this one.
    Unacknowledged(Option<EntryId>),
    /// Entries that nobody was given yet.
    New,
}

impl Lane {
    pub(super) fn new(shards: Vec<Shard>, name: Arc<str>) -> Self {
        let position = Position::Unacknowledged(None);
        let streams = shards.into_iter().map(|shard| Stream { shard, key: shard.stream(), position });
        Self { link: None, name, streams: streams.collect(), beginnings: 0 }
    }

    /// Reads up to `count` entries of each stream, waiting up to `wait` for the first. A new connection, or a consumer that
    /// has begun again, begins with what is unacknowledged.
    pub(super) async fn read(
        &mut self,
        links: &Links,
        beginnings: u64,
        count: usize,
        wait: Duration,
    ) -> Result<Sorted, QueueError> {
        // First of all, as it decides where to begin.
        let mut link = self.link(links, beginnings).await?;
        let mut command = redis::cmd("XREADGROUP");
        command.arg("GROUP").arg(GROUP).arg(&*self.name).arg("COUNT").arg(count);
        command.arg("BLOCK").arg(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1)).arg("STREAMS");
        for stream in &self.streams {
            command.arg(&stream.key);
        }
        for stream in &self.streams {
            command.arg(stream.position.id());
        }
        let reply = link.ask(self.streams[0].shard, &command).await;
        if reply.as_ref().is_err_and(QueueError::is_without_group) {
            create_groups(&mut link, &self.shards()).await?;
        }
        let reply = reply?;
        // Kept only now: a late answer to this command must not be taken for the next one's.
        self.link = Some(link);
        let mut sorted = Sorted::default();
        for (key, entries) in reply::streams(reply)? {
            let Some(stream) = self.streams.iter_mut().find(|stream| stream.key.as_bytes() == key) else {
                continue;
            };
            let again = stream.position != Position::New;
            stream.position.advance(&entries);
            sorted.add(stream.shard, entries, again);
        }
        Ok(sorted)
    }

    async fn link(&mut self, links: &Links, beginnings: u64) -> Result<Link, QueueError> {
        let kept = self.link.take();
        if let Some(link) = kept
            && self.beginnings == beginnings
        {
            return Ok(link);
        }
        let shards = self.shards();
        let mut link = links.link(shards.iter().copied()).await?;
        create_groups(&mut link, &shards).await?;
        for stream in &mut self.streams {
            stream.position = Position::Unacknowledged(None);
        }
        self.beginnings = beginnings;
        Ok(link)
    }

    fn shards(&self) -> Vec<Shard> {
        self.streams.iter().map(|stream| stream.shard).collect()
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

/// The group begins at the first entry of each stream, so that what came before the first worker is not lost.
pub(super) async fn create_groups(link: &mut Link, shards: &[Shard]) -> Result<(), QueueError> {
    for shard in shards {
        let mut create = redis::cmd("XGROUP");
        create.arg("CREATE").arg(shard.stream()).arg(GROUP).arg("0").arg("MKSTREAM");
        match link.ask::<()>(*shard, &create).await {
            Err(error) if error.code().as_deref() == Some("BUSYGROUP") => {}
            other => other?,
        }
    }
    Ok(())
}
