//! What has become of the events sent so far, and how long it took: shared by all connections.
//!
//! Invariant: an event that was accepted once stays an obligation, whatever happens to its repetitions; one that is
//! doubtful may be stored or not, and both is right. Poison is neither: it must be refused and never be stored.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fixedbitset::FixedBitSet;
use hdrhistogram::Histogram;
use hyper::StatusCode;

use crate::Finding;
use crate::timeline::{Latencies, Totals, microseconds};
use crate::verify::Settled;
use crate::workload::{Batch, RunId};

/// The shared tally.
#[derive(Debug)]
pub struct Tally {
    run: RunId,
    counts: Mutex<Counts>,
}

/// What is counted.
#[derive(Clone, Debug)]
pub struct Counts {
    /// By number, the events that the server accepted.
    pub accepted: FixedBitSet,
    /// By number, the events that were sent without the tool learning what became of them.
    pub doubtful: FixedBitSet,
    /// Events in accepted requests, repeated ones included, without those refused.
    pub accepted_events: u64,
    /// Events in attempts that had no answer, or one that leaves open whether the server has taken them.
    pub uncertain_events: u64,
    /// Events that the server called unacceptable, poison or not.
    pub refused_events: u64,
    /// Why it did so the first time.
    pub refusal: Option<String>,
    /// Good events that it called unacceptable, with the reasons.
    pub refused_good: Finding,
    /// Poison events that it accepted.
    pub accepted_poison: Finding,
    /// Requests that were sent again.
    pub resent: u64,
    /// Requests that were given up without an answer that settles them.
    pub given_up: u64,
    /// Answers by status.
    pub answers: BTreeMap<u16, u64>,
    /// Requests without an answer: no connection, a broken one, a time-out.
    pub failures: u64,
    /// The latest of these.
    pub failure: Option<String>,
    /// From when a request was due, or sent in a closed loop, to its acceptance, in microseconds.
    pub latency: Histogram<u64>,
    /// The same of the requests accepted since the last look.
    pub recent: Latencies,
    /// When the server last accepted something.
    pub last_accepted: Option<Instant>,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            accepted: FixedBitSet::new(),
            doubtful: FixedBitSet::new(),
            accepted_events: 0,
            uncertain_events: 0,
            refused_events: 0,
            refusal: None,
            refused_good: Finding::default(),
            accepted_poison: Finding::default(),
            resent: 0,
            given_up: 0,
            answers: BTreeMap::new(),
            failures: 0,
            failure: None,
            latency: Histogram::new(3).expect("three digits are allowed"),
            recent: Latencies::default(),
            last_accepted: None,
        }
    }
}

impl Tally {
    /// Of nothing yet, for this run.
    #[must_use]
    pub fn new(run: &RunId) -> Self {
        Self { run: run.clone(), counts: Mutex::default() }
    }

    /// Notes that the events of a request were accepted, but for those at the places in `refused`, which are in order.
    pub(super) fn accept(&self, batch: &Batch, refused: &[(usize, String)], latency: Duration) {
        let mut counts = self.counts();
        let mut refusals = refused.iter().peekable();
        let mut poison = batch.poison.iter().peekable();
        for (place, &number) in batch.numbers.iter().enumerate() {
            let is_poison = poison.next_if_eq(&&place).is_some();
            match (refusals.next_if(|(refused, _)| *refused == place), is_poison) {
                (Some((_, why)), false) => {
                    counts.refused_events += 1;
                    counts.refused_good.add(|| format!("{} ({why})", self.run.event_id(number)));
                }
                (Some(_), true) => counts.refused_events += 1,
                (None, false) => {
                    counts.accepted_events += 1;
                    insert(&mut counts.accepted, number);
                }
                (None, true) => {
                    counts.accepted_events += 1;
                    counts.accepted_poison.add(|| self.run.event_id(number));
                }
            }
        }
        if counts.refusal.is_none() {
            counts.refusal = refused.first().map(|(_, detail)| detail.clone());
        }
        // Not `saturating_record`: it does not grow the histogram, and counts what is slow as two microseconds.
        counts.latency.record(microseconds(latency)).expect("the histogram grows with its values");
        counts.recent.record(latency);
        counts.last_accepted = Some(Instant::now());
    }

    /// Notes that a request was given up.
    pub(super) fn give_up(&self, batch: &Batch) {
        let mut counts = self.counts();
        counts.given_up += 1;
        for (place, &number) in batch.numbers.iter().enumerate() {
            if batch.poison.binary_search(&place).is_err() {
                insert(&mut counts.doubtful, number);
            }
        }
    }

    /// Notes an attempt after which it is open whether the server has taken so many events.
    pub(super) fn uncertain(&self, events: usize) {
        self.counts().uncertain_events += events as u64;
    }

    /// Notes an answer.
    pub(super) fn answered(&self, status: StatusCode) {
        *self.counts().answers.entry(status.as_u16()).or_default() += 1;
    }

    /// Notes that there was no answer.
    pub(super) fn failed(&self, reason: String) {
        let mut counts = self.counts();
        counts.failures += 1;
        counts.failure = Some(reason);
    }

    /// Notes that a request is sent again.
    pub(super) fn resent(&self) {
        self.counts().resent += 1;
    }

    /// What is counted by now, with what has become of it, and the latencies since this was asked last.
    pub fn look(&self, settled: Settled) -> (Totals, Latencies) {
        let mut counts = self.counts();
        let totals = Totals {
            accepted: counts.accepted_events,
            refused: counts.refused_events,
            settled,
            answers: counts.answers.clone(),
            failures: counts.failures,
        };
        (totals, std::mem::take(&mut counts.recent))
    }

    /// The counts, locked; to be let go before anything is awaited.
    pub fn counts(&self) -> MutexGuard<'_, Counts> {
        // Counts are only ever added to, so a panic elsewhere leaves them usable.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn insert(set: &mut FixedBitSet, number: u64) {
    let place = usize::try_from(number).expect("as many events as there are addresses are never sent");
    if place >= set.len() {
        set.grow((place + 1).next_power_of_two());
    }
    set.insert(place);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(set: &FixedBitSet) -> Vec<usize> {
        set.ones().collect()
    }

    fn good(numbers: &[u64]) -> Batch {
        Batch { numbers: numbers.to_vec(), ..Batch::default() }
    }

    #[test]
    fn each_accepted_event_is_one_obligation_however_often_it_was_accepted() {
        let tally = Tally::new(&RunId::random());
        tally.accept(&good(&[0, 1, 1, 700]), &[], Duration::from_millis(3));
        tally.accept(&good(&[1, 2]), &[], Duration::from_millis(5));
        let counts = tally.counts();
        assert_eq!(numbers(&counts.accepted), [0, 1, 2, 700]);
        assert_eq!(counts.accepted_events, 6);
        assert_eq!((counts.latency.len(), counts.latency.max() / 1_000), (2, 5), "in microseconds");
    }

    #[test]
    fn latencies_of_every_size_are_counted_as_what_they_are() {
        let tally = Tally::new(&RunId::random());
        let latencies =
            [Duration::ZERO, Duration::from_micros(80), Duration::from_millis(11), Duration::from_secs(40)];
        for latency in latencies {
            tally.accept(&good(&[0]), &[], latency);
        }
        let counts = tally.counts();
        for (latency, quantile) in latencies.into_iter().zip([0.25, 0.5, 0.75, 1.0]) {
            let counted = Duration::from_micros(counts.latency.value_at_quantile(quantile));
            assert!(counted.abs_diff(latency) <= latency / 1000, "{latency:?} is counted as {counted:?}");
        }
        drop(counts);
        tally.accept(&good(&[0]), &[], Duration::MAX);
        assert!(tally.counts().latency.max() >= 86_400_000_000);
    }

    #[test]
    fn refused_events_are_no_obligation() {
        let tally = Tally::new(&RunId::random());
        tally.accept(&good(&[5, 6, 7]), &[(0, "first".into()), (2, "third".into())], Duration::ZERO);
        let counts = tally.counts();
        assert_eq!(numbers(&counts.accepted), [6]);
        assert_eq!((counts.refused_events, counts.refusal.as_deref()), (2, Some("first")));
    }

    #[test]
    fn poison_must_be_refused_and_nothing_else() {
        let run = RunId::random();
        let tally = Tally::new(&run);
        let batch = Batch { poison: vec![0, 2], ..good(&[10, 11, 12, 13]) };
        tally.accept(&batch, &[(0, "due".into()), (2, "due".into())], Duration::ZERO);
        {
            let counts = tally.counts();
            assert_eq!((counts.refused_events, counts.accepted_events), (2, 2));
            assert_eq!((counts.refused_good.count, counts.accepted_poison.count), (0, 0));
        }
        tally.accept(&batch, &[(0, "due".into()), (3, "a whim".into())], Duration::ZERO);
        let counts = tally.counts();
        assert_eq!(counts.refused_good.examples, [format!("{} (a whim)", run.event_id(13))]);
        assert_eq!(counts.accepted_poison.examples, [run.event_id(12)]);
        assert_eq!(numbers(&counts.accepted), [11, 13], "no obligation to store poison");
        assert_eq!((counts.refused_events, counts.accepted_events), (4, 4));
    }

    #[test]
    fn each_latency_is_seen_by_one_look() {
        let tally = Tally::new(&RunId::random());
        tally.accept(&good(&[0, 1]), &[], Duration::from_millis(3));
        let (totals, first) = tally.look(Settled::default());
        assert_eq!((totals.accepted, first.requests()), (2, 1));
        tally.accept(&good(&[2]), &[(0, "bad".into())], Duration::from_millis(4));
        tally.accept(&good(&[3]), &[], Duration::from_millis(5));
        let (totals, second) = tally.look(Settled::default());
        assert_eq!((totals.accepted, totals.refused, second.requests()), (3, 1, 2));
        assert_eq!(tally.counts().latency.len(), first.requests() + second.requests());
    }

    #[test]
    fn events_given_up_are_doubtful_but_for_poison() {
        let tally = Tally::new(&RunId::random());
        tally.give_up(&Batch { poison: vec![1], ..good(&[3, 4, 5]) });
        assert_eq!(numbers(&tally.counts().doubtful), [3, 5]);
    }
}
