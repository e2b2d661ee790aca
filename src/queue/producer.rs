//! Frames → streams, all that are due in one round trip.

use bb8_redis::redis::Pipeline;

use super::{HEADER, Pool, QueueError, Shard};

/// The name of a stream entry's only field, which holds the frame.
pub(super) const FRAME_FIELD: &str = "f";

/// A frame on its way to its stream.
#[derive(Debug)]
pub struct OutgoingFrame {
    /// The stream it goes to.
    pub shard: Shard,
    /// How many events it carries.
    pub events: usize,
    /// The encoded frame.
    pub bytes: Vec<u8>,
}

impl OutgoingFrame {
    /// How many bytes its events take, without the frame's header.
    #[must_use]
    pub fn body_bytes(&self) -> usize {
        self.bytes.len() - HEADER
    }
}

/// Appends the frames to their streams; `Ok` once Redis has acknowledged all of them.
///
/// After an error some of them may have been appended nevertheless: sending their events again is safe, since the claims
/// know them.
pub async fn append(pool: &Pool, frames: &[OutgoingFrame]) -> Result<(), QueueError> {
    let mut pipeline = Pipeline::with_capacity(frames.len());
    for frame in frames {
        pipeline.cmd("XADD").arg(frame.shard.stream()).arg("*").arg(FRAME_FIELD).arg(&frame.bytes).ignore();
    }
    Ok(pool.get().await?.run(&pipeline).await?)
}
