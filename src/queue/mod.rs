//! The queue between ingest and worker: Redis streams of frames, one stream a shard.

mod entry_id;
mod frame;
mod shard;

pub use entry_id::{EntryId, NotAnEntryId};
pub use frame::{EventRecord, Frame, FrameError, HEADER, Records};
pub use shard::{Shard, Shards};
