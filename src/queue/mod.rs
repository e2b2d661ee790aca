//! The queue between ingest and worker: Redis streams of frames, one stream a shard.

mod shard;
mod entry_id;
mod sender;
mod frame;
mod error;
mod address;
mod connection;
mod slots;
mod nodes;
mod link;
mod server;
mod clock;
mod depth;
mod disk;
mod ledger;
mod count;
mod look;
mod producer;
mod reply;
mod lane;
mod consumer;
mod suspects;
mod members;
mod epoch;
mod lots;
mod reshard;
mod claims;
mod acknowledge;

pub use acknowledge::{Acknowledgement, acknowledge};
pub use claims::{Claim, Claimed, claim};
pub use clock::clocks;
pub use connection::RunId;
pub use consumer::{Consumer, CorruptFrame, Delivery};
pub use count::{agree_on_count, check_count};
pub use depth::{CLAIM_BYTES, Depth, Eviction, Memory};
pub use disk::{Disk, DiskWatch};
pub use entry_id::{EntryId, NotAnEntryId};
pub use epoch::{
    Epoch, Epochs, Gap, RestoredClaim, Shown, gap, mark_restoration, note_seen, restore_claims, show_epoch,
    shown_epochs,
};
pub use error::QueueError;
pub use frame::{EventRecord, Frame, FrameError, HEADER, Records};
pub use ledger::{Accepted, accepted, forget_before, queued};
pub use link::{Link, Links, Pool, pool};
pub use look::{Node, Sight, look, oldest};
pub use lots::{Which, cramped, drop_all, sweep};
pub use members::{leave, remove_idle};
pub use producer::{OutgoingFrame, Replay, append};
pub use reshard::{ReshardError, reshard};
pub use sender::{Identity, Sender, SenderClass};
pub use server::{answers, check, takes_writes, usable};
pub use shard::{Shard, Shards};
pub use suspects::note_trial;
