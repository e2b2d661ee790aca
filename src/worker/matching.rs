//! Stage 3: which campaigns each new event triggers. Pure CPU: no I/O, no lock, no allocation per event once the
//! buffers have grown.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, Sender};

use super::batch::{Deduplicated, Fate, Matched, events};
use crate::campaign::{Catalog, Scratch, Triggered};
use crate::event::Parser;
use crate::ops::{fail_point, metrics};
use crate::queue::EventRecord;

/// Deeper than any limit that ingest can be given, so that what was accepted can be matched.
const MAX_DEPTH: usize = 1024;

/// How a worker matches.
#[derive(Debug)]
pub(super) struct Matching {
    pub(super) catalog: Arc<ArcSwap<Catalog>>,
    parser: Parser,
    scratch: Scratch,
}

impl Matching {
    pub(super) fn new(catalog: Arc<ArcSwap<Catalog>>) -> Self {
        Self { catalog, parser: Parser::new(MAX_DEPTH), scratch: Scratch::default() }
    }

    pub(super) fn run(mut self, batches: &Receiver<Deduplicated>, matched: &Sender<Matched>) {
        for Deduplicated { deliveries, is_new } in batches {
            let started = Instant::now();
            let catalog = self.catalog.load_full();
            let mut triggered = Vec::new();
            let fates: Vec<Fate> = events(&deliveries)
                .zip(&is_new)
                .map(
                    |(event, is_new)| {
                        if *is_new { self.fate(&catalog, &event, &mut triggered) } else { Fate::Duplicate }
                    },
                )
                .collect();
            fail_point::reached("matched");
            metrics::stage_done(metrics::Stage::Match, fates.len(), Some(started.elapsed()));
            if matched.send(Matched { deliveries, fates, triggered }).is_err() {
                return;
            }
        }
    }

    fn fate(&mut self, catalog: &Catalog, event: &EventRecord<'_>, triggered: &mut Vec<Triggered>) -> Fate {
        fail_point::reached_with("matching-poison", || event.event_type == "poison");
        let from = triggered.len();
        let Self { parser, scratch, .. } = self;
        let parsed = parser.parse(event.payload, |document| {
            triggered.extend(catalog.triggered(&document, event.received_at, scratch));
        });
        match parsed {
            Ok(()) => Fate::Stored(from..triggered.len()),
            Err(error) => Fate::DeadLetter(error.to_string()),
        }
    }
}
