//! Stage 3: which campaigns each new event triggers. Pure CPU: no I/O, no lock, no allocation per event once the
//! buffers have grown.
//!
//! Invariant: a batch is matched with a catalog that was confirmed at most a second before the batch came; where that is
//! longer ago, the stage waits for a confirmation. What is handed on goes into one transaction.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;

use super::batch::{Deduplicated, Fate, MOST_TRIGGERS, Matched, event_count};
use super::channel::{Inlet, Outlet};
use super::confirmation::{Confirmation, Unconfirmed};
use super::held_up::AtWork;
use super::set_aside::SetAsides;
use super::stage::{Ended, Stage};
use crate::campaign::{Catalog, Scratch, Triggered};
use crate::event::Parser;
use crate::ops::{fail_point, metrics};
use crate::queue::{Delivery, EventRecord, Frame};

/// Deeper than any limit that ingest can be given, so that what was accepted can be matched.
const MAX_DEPTH: usize = 1024;

/// Why a frame is put aside whole.
const CONDEMNED: &str = "each worker that tried this frame, at last alone, ended before it was stored";

/// How a worker matches.
#[derive(Debug)]
pub(super) struct Matching {
    stage: Stage,
    catalog: Arc<ArcSwap<Catalog>>,
    confirmation: Confirmation,
    parser: Parser,
    scratch: Scratch,
    matches: metrics::Matches,
    at_work: Arc<AtWork>,
    set_asides: SetAsides,
}

impl Matching {
    pub(super) fn new(
        stage: Stage,
        catalog: Arc<ArcSwap<Catalog>>,
        confirmation: Confirmation,
        set_asides: SetAsides,
    ) -> Self {
        let scratch = Scratch::default();
        Self {
            stage,
            catalog,
            confirmation,
            parser: Parser::new(MAX_DEPTH),
            at_work: Arc::new(AtWork::new(scratch.progress())),
            scratch,
            matches: metrics::Matches::default(),
            set_asides,
        }
    }

    /// Where this is, for the watch.
    pub(super) fn at_work(&self) -> Arc<AtWork> {
        Arc::clone(&self.at_work)
    }

    pub(super) fn run(
        mut self,
        batches: &Inlet<Deduplicated>,
        matched: &Outlet<Matched>,
    ) -> Result<(), Ended> {
        for batch in batches.joined() {
            if self.match_batch(batch, matched)?.is_none() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Matches a batch and hands it on, in parts where it triggers more than goes into one transaction; `None` when nobody
    /// takes them any more.
    fn match_batch(&mut self, batch: Deduplicated, matched: &Outlet<Matched>) -> Result<Option<()>, Ended> {
        let Deduplicated { mut deliveries, condemned, is_new, epochs } = batch;
        let mut is_new = is_new.as_slice();
        while !deliveries.is_empty() {
            self.until_confirmed()?;
            let started = Instant::now();
            let mut triggered = Vec::new();
            let fates = if condemned {
                vec![Fate::DeadLetter(CONDEMNED.to_owned()); is_new.len()]
            } else {
                self.fates(&deliveries, is_new, &mut triggered)
            };
            fail_point::reached("matched");
            metrics::stage_done(metrics::Stage::Match, fates.len());
            metrics::stage_took(metrics::Stage::Match, started.elapsed());
            is_new = &is_new[fates.len()..];
            let rest = deliveries.split_off(frames_of(&deliveries, fates.len()));
            let epochs = Arc::clone(&epochs);
            if matched.send(Matched { deliveries, condemned, fates, triggered, epochs }).is_err() {
                return Ok(None);
            }
            deliveries = rest;
        }
        Ok(Some(()))
    }

    /// Waits until the catalog may be used for the batch at hand.
    fn until_confirmed(&self) -> Result<(), Ended> {
        if self.confirmation.is_fresh() {
            return Ok(());
        }
        let late = "the campaigns are waited for: Postgres has not confirmed them for more than a second";
        // Without the task that follows campaigns the process ends; another worker takes the batch over.
        self.stage.wait_visibly(self.confirmation.fresh(), late)?.map_err(|Unconfirmed| Ended::Abandoned)
    }

    /// The fates of the events of the first frames: of all, unless they trigger too much before.
    fn fates(
        &mut self,
        deliveries: &[Delivery],
        is_new: &[bool],
        triggered: &mut Vec<Triggered>,
    ) -> Vec<Fate> {
        let (catalog, at_work) = (self.catalog.load_full(), self.at_work());
        at_work.set_catalog(Some(&catalog));
        let mut fates = Vec::with_capacity(is_new.len());
        for delivery in deliveries {
            let is_new = &is_new[fates.len()..];
            let fate = |(event, is_new): (EventRecord<'_>, &bool)| {
                if *is_new { self.fate(&catalog, &event, triggered) } else { Fate::Duplicate }
            };
            fates.extend(noted_events(std::slice::from_ref(delivery), &at_work).zip(is_new).map(fate));
            if triggered.len() >= MOST_TRIGGERS {
                break;
            }
        }
        at_work.set_catalog(None);
        self.matches.report();
        fates
    }

    /// After a batch was claimed again: what is not new any more is a duplicate, and what was one and is new is matched.
    /// Returns how many frames that was done for: all, unless they trigger too much before.
    pub(super) fn match_again(&mut self, batch: &mut Matched, is_new: &[bool]) -> Result<usize, Ended> {
        self.until_confirmed()?;
        let (catalog, at_work) = (self.catalog.load_full(), self.at_work());
        at_work.set_catalog(Some(&catalog));
        let Matched { deliveries, fates, triggered, .. } = batch;
        let (mut events, mut triggers, mut frames) = (fates.iter_mut().zip(is_new), 0, 0);
        for delivery in &*deliveries {
            let noted = noted_events(std::slice::from_ref(delivery), &at_work);
            for (event, (fate, is_new)) in noted.zip(events.by_ref().take(event_count(delivery))) {
                match (&fate, is_new) {
                    (Fate::UsedUp, _) | (Fate::Stored(_) | Fate::DeadLetter(_), true) => {}
                    (Fate::Duplicate, true) => *fate = self.fate(&catalog, &event, triggered),
                    (_, false) => *fate = Fate::Duplicate,
                }
                triggers += fate.triggers();
            }
            frames += 1;
            if triggers >= MOST_TRIGGERS {
                break;
            }
        }
        at_work.set_catalog(None);
        self.matches.report();
        Ok(frames)
    }

    fn fate(&mut self, catalog: &Catalog, event: &EventRecord<'_>, triggered: &mut Vec<Triggered>) -> Fate {
        fail_point::reached_with("matching-poison", || event.event_type == "poison");
        let from = triggered.len();
        let Self { parser, scratch, matches, at_work, set_asides, .. } = self;
        at_work.begin_matching();
        fail_point::reached_with("matching-held-up", || event.event_type == "held-up");
        let parsed = parser.parse(event.payload, |document| {
            triggered.extend(catalog.triggered(&document, event.received_at, scratch));
            matches.add(catalog.candidates(scratch), triggered.len() - from);
            for campaign in catalog.set_aside(event.received_at, scratch) {
                set_asides.note(campaign.campaign_id, event);
            }
        });
        at_work.end_matching();
        match parsed {
            Ok(()) => Fate::Stored(from..triggered.len()),
            Err(error) => Fate::DeadLetter(error.to_string()),
        }
    }
}

/// How many of these frames hold the first `events` events; frames without an event that follow are among them.
fn frames_of(deliveries: &[Delivery], events: usize) -> usize {
    let ends = deliveries.iter().scan(0, |end, delivery| {
        *end += event_count(delivery);
        Some(*end)
    });
    ends.take_while(|end| *end <= events).count()
}

/// The events of all deliveries, in order; noted as they are begun.
fn noted_events<'d>(
    deliveries: &'d [Delivery],
    at_work: &'d AtWork,
) -> impl Iterator<Item = EventRecord<'d>> {
    let begun = deliveries.iter().inspect(|delivery| at_work.begin_frame(delivery));
    let frames = begun.filter_map(|delivery| delivery.frame.as_ref().ok());
    frames.flat_map(Frame::events).inspect(|_| at_work.begin_event())
}
