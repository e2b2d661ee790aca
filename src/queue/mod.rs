//! The queue between ingest and worker: Redis streams of frames, one stream a shard.

mod shard;
mod entry_id;
mod frame;
mod error;
mod connection;
mod producer;
mod reply;
mod consumer;
mod claims;

pub use claims::{Claim, claim};
pub use connection::{Link, Links, Pool, answers, pool};
pub use consumer::{Consumer, CorruptFrame, Delivery, acknowledge};
pub use entry_id::{EntryId, NotAnEntryId};
pub use error::QueueError;
pub use frame::{EventRecord, Frame, FrameError, HEADER, Records};
pub use producer::{OutgoingFrame, append};
pub use shard::{Shard, Shards};
