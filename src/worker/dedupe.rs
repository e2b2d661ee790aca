//! Stage 2: which events are new.
//!
//! Duplicates inside a frame are folded first, since all events of a frame lay the same claim. The rest is claimed in
//! Redis, all frames of the batch in one round trip, which also tells frames with the same ids apart.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};

use super::batch::{Deduplicated, Fetched};
use super::fold::first_of_their_ids;
use super::stage::{Ended, Stage};
use crate::ops::{fail_point, metrics};
use crate::queue::{self, Claim, Delivery, Pool};

/// How a worker finds duplicates.
#[derive(Debug)]
pub(super) struct Dedupe {
    pub(super) stage: Stage,
    pub(super) redis: Pool,
    pub(super) window: Duration,
}

impl Dedupe {
    pub(super) fn run(
        self,
        batches: &Receiver<Fetched>,
        deduplicated: &Sender<Deduplicated>,
    ) -> Result<(), Ended> {
        for Fetched { deliveries } in batches {
            let started = Instant::now();
            let mut is_new = first_of_their_ids(&deliveries);
            let claims = claims(&deliveries, &is_new);
            let ours = self
                .stage
                .persist(async || queue::claim(&mut *self.redis.get().await?, &claims, self.window).await)?;
            fail_point::reached("claimed");
            let ours = ours.into_iter().flatten();
            for (is_new, ours) in is_new.iter_mut().filter(|is_new| **is_new).zip(ours) {
                *is_new = ours;
            }
            metrics::stage_done(metrics::Stage::Dedupe, is_new.len(), Some(started.elapsed()));
            if deduplicated.send(Deduplicated { deliveries, is_new }).is_err() {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// A claim for each frame, to each of its ids once.
fn claims(deliveries: &[Delivery], is_first: &[bool]) -> Vec<Claim> {
    let mut is_first = is_first.iter();
    let frames = deliveries.iter().filter_map(|delivery| Some((delivery, delivery.frame.as_ref().ok()?)));
    frames
        .map(|(delivery, frame)| {
            let events = frame.events().zip(is_first.by_ref());
            let ids = events.filter(|(_, is_first)| **is_first).map(|(event, _)| event.event_id);
            Claim::new(delivery.shard, delivery.entry, ids)
        })
        .collect()
}
