//! Stage 4: a batch → committed rows.
//!
//! A failure that will pass is waited out, and the stages before wait with it. When a row is to blame, the batch is halved
//! until the events that Postgres refuses stand alone; they become dead letters beside their neighbours' rows.

use std::ops::Range;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use deadpool_postgres::Pool;

use super::batch::{Fate, Matched};
use super::error::ServerFailure as _;
use super::stage::{Ended, Stage};
use crate::ops::metrics;
use crate::queue::{EntryId, Shard};
use crate::store::{self, Action, Partitions, Receipt, StoreError};

/// How a worker stores.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) stage: Stage,
    pub(super) postgres: Pool,
    pub(super) partitions: Partitions,
    /// How long an attempt may take.
    pub(super) limit: Duration,
}

impl Store {
    pub(super) fn run(
        mut self,
        batches: &Receiver<Matched>,
        committed: &Sender<Vec<(Shard, EntryId)>>,
    ) -> Result<(), Ended> {
        for mut batch in batches {
            let started = Instant::now();
            self.store(&mut batch)?;
            metrics::stage_done(metrics::Stage::Store, batch.fates.len(), Some(started.elapsed()));
            let entries = batch.deliveries.iter().map(|delivery| (delivery.shard, delivery.entry)).collect();
            if committed.send(entries).is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn store(&mut self, batch: &mut Matched) -> Result<(), Ended> {
        match self.write(batch)? {
            Ok(()) => Ok(()),
            Err(refusal) => {
                tracing::warn!(events = batch.fates.len(), %refusal, "Postgres refused a batch; looking for the events to blame");
                self.dead_letter_refused(batch)?;
                self.write(batch)?.map_err(|error| Ended::Failed(error.stops(self.stage.name)))
            }
        }
    }

    /// Writes the batch; the inner error is a refusal of its rows.
    fn write(&mut self, batch: &Matched) -> Result<Result<(), StoreError>, Ended> {
        let receipts = batch.receipts();
        let Self { stage, postgres, partitions, limit } = self;
        let unstored = stage.persist(async || {
            let written = write_once(*limit, postgres, partitions, batch, &receipts).await;
            match written {
                Err(error) if error.action() == Action::Refuse => {
                    partitions.forget();
                    Ok(Err(error))
                }
                other => other.map(Ok),
            }
        })?;
        Ok(unstored.map(|unstored| count(&receipts, &unstored, batch)))
    }

    /// Finds the events that Postgres refuses, and makes dead letters of them.
    fn dead_letter_refused(&self, batch: &mut Matched) -> Result<(), Ended> {
        let everything = 0..batch.fates.len();
        let mut suspects = Vec::from([everything]);
        while let Some(range) = suspects.pop() {
            if let Some(refusal) = self.probe(batch, &range)? {
                if range.len() == 1 {
                    tracing::warn!(reason = %refusal, "an event became a dead letter");
                    batch.fates[range.start] = Fate::DeadLetter(refusal.to_string());
                } else {
                    let middle = range.start + range.len() / 2;
                    suspects.extend([range.start..middle, middle..range.end]);
                }
            }
        }
        Ok(())
    }

    /// Whether Postgres refuses the rows of these events; nothing of them stays.
    fn probe(&self, batch: &Matched, range: &Range<usize>) -> Result<Option<StoreError>, Ended> {
        self.stage.persist(async || {
            let probed = store::within(self.limit, &self.postgres, async |client| {
                store::probe(client, batch.rows_of(range)).await
            });
            match probed.await {
                Err(error) if error.action() == Action::Refuse => Ok(Some(error)),
                other => other.map(|()| None),
            }
        })
    }
}

async fn write_once(
    limit: Duration,
    postgres: &Pool,
    partitions: &mut Partitions,
    batch: &Matched,
    receipts: &[Receipt],
) -> Result<Vec<bool>, StoreError> {
    store::within(limit, postgres, async |client| {
        if let Some((from, to)) = batch.time_range() {
            partitions.ensure(client, from, to).await?;
        }
        store::store(client, receipts, |unstored| batch.rows(unstored)).await
    })
    .await
}

/// Counts what was committed now; frames that had a receipt were counted when it was written.
fn count(receipts: &[Receipt], unstored: &[bool], batch: &Matched) {
    for (receipt, unstored) in receipts.iter().zip(unstored) {
        if *unstored {
            metrics::frame_stored(receipt);
        } else {
            tracing::debug!(shard = %receipt.shard, entry = %receipt.entry, "frame was stored before; only acknowledging it");
            metrics::frame_redelivered();
        }
    }
    metrics::triggers_stored(batch.triggers_in(unstored));
}
