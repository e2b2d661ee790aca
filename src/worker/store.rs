//! Stage 4: a batch → committed rows.
//!
//! A failure that will pass is waited out, and the stages before wait with it. An attempt that times out is repeated with
//! twice the time: with the same time, a batch that needs longer would never be stored. When a row is to blame, the batch is halved
//! until the events that Postgres refuses stand alone; they become dead letters beside their neighbours' rows, but for a late
//! event that its sealed partition holds already, which is a duplicate. When the claims of a batch are found not to be whole
//! any more, they are laid again.
//!
//! Invariant: nothing that was told under epochs that are over decides, neither that an event is new nor that it is a
//! duplicate. The frame that it was left to may find it claimed now: by this very frame, which somebody else was given too.

use std::ops::Range;
use std::time::{Duration, Instant};

use deadpool_postgres::ClientWrapper;

use super::batch::{Fate, Matched, event_count, events};
use super::channel::{Inlet, Outlet};
use super::claimant::Claimant;
use super::error::ServerFailure as _;
use super::fold::first_of_their_ids;
use super::matching::Matching;
use super::stage::{Ended, Stage};
use crate::ops::clock;
use crate::ops::metrics::{self, PostgresOperation};
use crate::queue::{Acknowledgement, Delivery};
use crate::store::{self, Action, Partitions, Pool, Receipt, StoreError, Stored};

/// How often the partitions of a batch may be dropped, between the moment when they are made sure of and the moment when it
/// is written, before its events are taken to be at fault.
const MAX_MISSED: u32 = 5;
/// The longest time-out of an attempt, in multiples of the first one.
const MOST_PATIENCE: u32 = 16;

/// How a worker stores.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) stage: Stage,
    pub(super) postgres: Pool,
    pub(super) partitions: Partitions,
    pub(super) claimant: Claimant,
    /// For duplicates that turn out to be none.
    pub(super) matching: Matching,
    /// How long the first attempt may take before its connection is given up.
    pub(super) timeout: Duration,
}

impl Store {
    pub(super) fn run(
        mut self,
        batches: &Inlet<Matched>,
        committed: &Outlet<Vec<Acknowledgement>>,
    ) -> Result<(), Ended> {
        for batch in batches.joined() {
            let mut parts = Vec::from([batch]);
            while let Some(mut batch) = parts.pop() {
                let started = Instant::now();
                self.store(&mut batch, &mut parts)?;
                metrics::stage_done(metrics::Stage::Store, batch.fates.len());
                metrics::stage_took(metrics::Stage::Store, started.elapsed());
                let done = batch.deliveries.iter().map(Delivery::acknowledgement).collect();
                if committed.send(done).is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Stores a batch. What is split off it comes next, and is put behind `parts`.
    fn store(&mut self, batch: &mut Matched, parts: &mut Vec<Matched>) -> Result<(), Ended> {
        let mut missed = 0;
        while let Err(refusal) = self.write(batch, parts)? {
            if refusal.is_without_partition() && missed < MAX_MISSED {
                missed += 1;
                tracing::info!(%refusal, "a partition was dropped before a batch was stored in it; making it again");
                continue;
            }
            tracing::warn!(events = batch.fates.len(), %refusal, "Postgres refused a batch; looking for the events to blame");
            if self.dead_letter_refused(batch)? == 0 {
                return Err(Ended::Failed(refusal.stops(self.stage.name)));
            }
        }
        Ok(())
    }

    /// Writes the batch; the inner error is a refusal of its rows.
    fn write(
        &mut self,
        batch: &mut Matched,
        parts: &mut Vec<Matched>,
    ) -> Result<Result<(), StoreError>, Ended> {
        loop {
            let receipts = batch.receipts();
            match self.attempt(batch, &receipts)? {
                Err(refusal) => return Ok(Err(refusal)),
                Ok(Stored::Committed(unstored)) => {
                    count(&receipts, &unstored, batch);
                    return Ok(Ok(()));
                }
                Ok(Stored::Stale) => parts.extend(self.claim_again(batch)?),
                Ok(Stored::UsedUp(letters)) => batch.drop_replays(&letters),
            }
        }
    }

    fn attempt(
        &mut self,
        batch: &Matched,
        receipts: &[Receipt],
    ) -> Result<Result<Stored, StoreError>, Ended> {
        let Self { stage, postgres, partitions, timeout, .. } = self;
        let mut patience = Patience::of(*timeout);
        stage.persist(async || {
            let written = write_once(postgres, partitions, batch, receipts, patience.limit).await;
            patience.note(&written);
            match written {
                Err(error) if error.action() == Action::Refuse => {
                    partitions.forget();
                    Ok(Err(error))
                }
                other => other.map(Ok),
            }
        })
    }

    /// Claims all of a batch under the epochs that hold now, its duplicates too. What another frame has claimed or stored
    /// meanwhile is a duplicate. If it triggers more than goes into one transaction, the rest is split off. That keeps its
    /// epochs, so it is claimed and matched again in its turn.
    fn claim_again(&mut self, batch: &mut Matched) -> Result<Option<Matched>, Ended> {
        tracing::info!(
            frames = batch.deliveries.len(),
            "Redis lost claims before a batch was stored; claiming again"
        );
        metrics::batch_claimed_again();
        // Where nothing is claimed, Redis is not asked and cannot tell that they are over.
        self.claimant.known.forget(&batch.epochs);
        let wanted = batch.wanted();
        let laid = self.stage.persist(async || self.claimant.claim(&batch.deliveries, &wanted).await)?;
        let frames = if batch.condemned {
            batch.deliveries.len()
        } else {
            self.matching.match_again(batch, &laid.is_new)?
        };
        let rest = (frames < batch.deliveries.len()).then(|| batch.split_off(frames));
        batch.epochs = laid.epochs;
        Ok(rest)
    }

    /// Finds the events that Postgres refuses, and makes dead letters of them. Returns how many there were.
    fn dead_letter_refused(&mut self, batch: &mut Matched) -> Result<usize, Ended> {
        let mut refused = 0;
        let everything = 0..batch.fates.len();
        let mut suspects = Vec::from([everything]);
        while let Some(range) = suspects.pop() {
            if let Some(refusal) = self.probe(batch, &range)? {
                if range.len() == 1 {
                    let is_held = self.is_held(batch, range.start, &refusal)?;
                    let fate = &mut batch.fates[range.start];
                    refused += usize::from(matches!(fate, Fate::Stored(_)));
                    *fate = fate_of_refused(&refusal, is_held);
                } else {
                    let middle = range.start + range.len() / 2;
                    suspects.extend([range.start..middle, middle..range.end]);
                }
            }
        }
        Ok(refused)
    }

    /// Whether the sealed partition that refused this event holds it already.
    fn is_held(&self, batch: &Matched, index: usize, refusal: &StoreError) -> Result<bool, Ended> {
        let Some(partition) = refusal.has_id_in() else { return Ok(refusal.is_stored_already()) };
        let Some(event) = events(&batch.deliveries).nth(index) else { return Ok(false) };
        self.stage.persist(async || store::events::is_in(&self.postgres, partition, &event.identity()).await)
    }

    /// Whether Postgres refuses the rows of these events; nothing of them stays.
    fn probe(&mut self, batch: &Matched, range: &Range<usize>) -> Result<Option<StoreError>, Ended> {
        let Self { stage, postgres, partitions, timeout, .. } = self;
        let mut patience = Patience::of(*timeout);
        stage.persist(async || {
            let probing = async |client: &mut ClientWrapper| {
                partitions.ensure_at(client, batch.times()).await?;
                store::probe(client, batch.rows_of(range)).await
            };
            let probed = store::within(patience.limit, postgres, PostgresOperation::Probe, probing).await;
            patience.note(&probed);
            match probed {
                Err(error) if error.action() == Action::Refuse => {
                    // Looking again for each bad event would double what it takes to find them.
                    if error.is_without_partition() {
                        partitions.forget();
                    }
                    Ok(Some(error))
                }
                other => other.map(|()| None),
            }
        })
    }
}

/// The time-out of the next attempt. It doubles after each time-out.
#[derive(Clone, Copy, Debug)]
struct Patience {
    limit: Duration,
    most: Duration,
}

impl Patience {
    fn of(first: Duration) -> Self {
        Self { limit: first, most: first * MOST_PATIENCE }
    }

    fn note<T>(&mut self, tried: &Result<T, StoreError>) {
        if let Err(StoreError::NoAnswer(_)) = tried {
            self.limit = (2 * self.limit).min(self.most);
        }
    }
}

impl Matched {
    /// The events that are to be claimed: the first of each id in its frame. What is put aside whole claims nothing.
    fn wanted(&self) -> Vec<bool> {
        let first = first_of_their_ids(&self.deliveries).into_iter().zip(&self.fates);
        first.map(|(first, fate)| first && *fate != Fate::UsedUp && !self.condemned).collect()
    }

    /// The frames that replay these dead letters come too late: the letters are used up. Of several in this batch, the
    /// first may still be the one that uses it.
    fn drop_replays(&mut self, letters: &[i64]) {
        let letter = |delivery: &Delivery| delivery.replay.map(|replay| replay.letter);
        for used in letters {
            let several =
                self.deliveries.iter().filter(|delivery| letter(delivery) == Some(*used)).count() > 1;
            let mut rest = &mut *self.fates;
            let mut is_first = true;
            for delivery in &mut self.deliveries {
                let (own, others) = rest.split_at_mut(event_count(delivery));
                rest = others;
                if letter(delivery) == Some(*used) && !(several && std::mem::take(&mut is_first)) {
                    own.fill(Fate::UsedUp);
                    delivery.replay = None;
                }
            }
        }
    }
}

/// `is_held` if its sealed partition holds the event already.
fn fate_of_refused(refusal: &StoreError, is_held: bool) -> Fate {
    if is_held {
        tracing::debug!(reason = %refusal, "a late event is in its sealed partition already: a duplicate");
        return Fate::Duplicate;
    }
    if let Some(partition) = refusal.has_id_in() {
        tracing::warn!(partition, "an event became a dead letter, as another user's has its id");
        return Fate::DeadLetter(format!(
            "another user's event in {partition} has this id, and the partition still has the index of an older release; replay this letter when it has none of the name {partition}_event_id_key"
        ));
    }
    tracing::warn!(reason = %refusal, "an event became a dead letter");
    Fate::DeadLetter(refusal.to_string())
}

async fn write_once(
    postgres: &Pool,
    partitions: &mut Partitions,
    batch: &Matched,
    receipts: &[Receipt],
    timeout: Duration,
) -> Result<Stored, StoreError> {
    let writing = async |client: &mut ClientWrapper| {
        partitions.ensure_at(client, batch.times()).await?;
        store::store(client, &batch.epochs, receipts, |unstored| batch.rows(unstored)).await
    };
    store::within(timeout, postgres, PostgresOperation::Store, writing).await
}

/// Counts what was committed now; frames that had a receipt were counted when it was written.
fn count(receipts: &[Receipt], unstored: &[bool], batch: &Matched) {
    let now = clock::now();
    for (receipt, unstored) in receipts.iter().zip(unstored) {
        if *unstored {
            let age = Duration::try_from(now.duration_since(receipt.received_at)).unwrap_or_default();
            metrics::frame_stored(receipt, receipt.letter.is_none().then_some(age));
        } else {
            tracing::debug!(shard = %receipt.shard, entry = %receipt.entry, "frame was stored before; only acknowledging it");
            metrics::frame_redelivered();
        }
    }
    metrics::triggers_stored(batch.triggers_in(unstored));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_attempt_without_an_answer_has_the_next_one_take_longer_up_to_a_bound() {
        let second = Duration::from_secs(1);
        let mut patience = Patience::of(second);
        let mut limit_after = |tried: Result<(), StoreError>| {
            patience.note(&tried);
            patience.limit.as_secs()
        };
        assert_eq!(limit_after(Ok(())), 1);
        assert_eq!(limit_after(Err(StoreError::Searching)), 1);
        let limits: Vec<u64> = (0..6).map(|_| limit_after(Err(StoreError::NoAnswer(second)))).collect();
        assert_eq!(limits, [2, 4, 8, 16, 16, 16]);
    }
}
