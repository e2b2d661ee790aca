//! Stage 2: which events are new.
//!
//! Duplicates inside a frame are folded first, since all its events lay the same claim. The rest is claimed in Redis, all
//! frames of the batch in one round trip. Frames that are stored already claim nothing.

use std::time::Instant;

use super::batch::{Deduplicated, Fetched};
use super::channel::{Inlet, Outlet};
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
        batches: &Inlet<Fetched>,
        deduplicated: &Outlet<Deduplicated>,
    ) -> Result<(), Ended> {
        for Fetched { deliveries, condemned } in batches.joined() {
            let started = Instant::now();
            let mut wanted = first_of_their_ids(&deliveries);
            if condemned {
                // What is put aside whole claims nothing.
                wanted.fill(false);
            }
            let laid = self.stage.persist(async || self.claimant.claim(&deliveries, &wanted).await)?;
            fail_point::reached("claimed");
            metrics::stage_done(metrics::Stage::Dedupe, wanted.len());
            metrics::stage_took(metrics::Stage::Dedupe, started.elapsed());
            let batch = Deduplicated { deliveries, condemned, is_new: laid.is_new, epochs: laid.epochs };
            if deduplicated.send(batch).is_err() {
                return Ok(());
            }
        }
        Ok(())
    }
}
