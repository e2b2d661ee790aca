//! Stage 2: which events are new.
//!
//! Duplicates inside a frame are folded first, since all its events lay the same claim. The rest is claimed in Redis, all
//! frames of the batch in one round trip.

use std::time::Instant;

use crossbeam_channel::{Receiver, Sender};

use super::batch::{Deduplicated, Fetched, claims};
use super::claimant::Claimant;
use super::fold::first_of_their_ids;
use super::stage::{Ended, Stage};
use crate::ops::{fail_point, metrics};

/// How a worker finds duplicates.
#[derive(Debug)]
pub(super) struct Dedupe {
    pub(super) stage: Stage,
    pub(super) claimant: Claimant,
}

impl Dedupe {
    pub(super) fn run(
        self,
        batches: &Receiver<Fetched>,
        deduplicated: &Sender<Deduplicated>,
    ) -> Result<(), Ended> {
        for Fetched { deliveries, condemned } in batches {
            let started = Instant::now();
            let mut is_new = first_of_their_ids(&deliveries);
            // What is put aside whole claims nothing.
            let claims = claims(&deliveries, is_new.iter().map(|first| *first && !condemned));
            let laid = self.stage.persist(async || self.claimant.claim(&claims).await)?;
            fail_point::reached("claimed");
            if !condemned {
                let ours = laid.ours.into_iter().flatten();
                for (is_new, ours) in is_new.iter_mut().filter(|is_new| **is_new).zip(ours) {
                    *is_new = ours;
                }
            }
            metrics::stage_done(metrics::Stage::Dedupe, is_new.len(), Some(started.elapsed()));
            let batch = Deduplicated { deliveries, condemned, is_new, epochs: laid.epochs };
            if deduplicated.send(batch).is_err() {
                return Ok(());
            }
        }
        Ok(())
    }
}
