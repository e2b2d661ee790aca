//! What the tool knows of a run, held against the rows that the database has of it. Pure: the rows are handed in.
//!
//! Each accepted event is compared on its own: that it is stored or a dead letter, that its row is there once and names the
//! campaigns that it must. The rows of `triggers` are compared as a [`Fingerprint`] a campaign, so nothing is kept of them.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use fixedbitset::FixedBitSet;
use serde::Serialize;

use super::Receipts;
use super::fingerprint::Fingerprint;
use super::letters::DeadLetters;
use crate::Finding;
use crate::sending::Counts;
use crate::workload::Workload;

/// A comparison under way.
#[derive(Debug)]
pub(super) struct Audit<'a> {
    workload: &'a Workload,
    counts: &'a Counts,
    /// The run's campaigns by the server's ids, as places in the workload's rules.
    places: HashMap<i64, usize>,
    seen: FixedBitSet,
    dead: DeadLetters,
    dead_unsent: Finding,
    twice: Finding,
    unsent: Finding,
    mislabelled: Finding,
    stray_triggers: Finding,
    found: Vec<Fingerprint>,
}

/// What a comparison has found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Verification {
    /// Different events that the server accepted.
    pub accepted: u64,
    /// Different events that are stored.
    pub stored: u64,
    /// Stored events of requests that had to be given up: they may be there or not.
    pub doubtful: u64,
    /// Accepted events that are not stored but dead letters.
    pub dead_lettered: u64,
    /// Why the first of them is.
    pub dead_letter: Option<String>,
    /// Accepted events that are neither stored nor dead letters.
    pub missing: Finding,
    /// Events that are stored and dead letters, too.
    pub dead_and_stored: Finding,
    /// Dead letters of events that were not sent, or were refused.
    pub dead_unsent: Finding,
    /// Events that are stored more than once.
    pub twice: Finding,
    /// Stored events that were not sent, or were refused.
    pub unsent: Finding,
    /// Events whose row names other campaigns than it must.
    pub mislabelled: Finding,
    /// Triggers of events that the run has not sent.
    pub stray_triggers: Finding,
    /// Triggers that there must be.
    pub triggers_expected: u64,
    /// Triggers that there are.
    pub triggers_found: u64,
    /// Campaigns whose triggers are not those that there must be.
    pub campaigns: Vec<CampaignDifference>,
    /// Good events that the server refused.
    pub refused_good: Finding,
    /// Poison events that the server accepted.
    pub accepted_poison: Finding,
    /// The sum by receipts.
    pub receipts: Receipts,
    /// What the comparison could not wait for. Then what is missing may still come, and triggers are those of what is stored.
    pub waiting: Option<Wait>,
}

/// Accepted events that had not become rows when the run was given up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Wait {
    /// How many were in flight, repeated ones included.
    pub in_flight: u64,
    /// For how many seconds nothing had moved.
    pub seconds: f64,
}

/// A campaign whose triggers are not those that there must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CampaignDifference {
    /// The server's id of the campaign.
    pub campaign_id: i64,
    /// Triggers that there must be.
    pub expected: u64,
    /// Triggers that there are; if they are as many, they are of other events.
    pub found: u64,
}

impl<'a> Audit<'a> {
    /// A comparison with what `counts` says was sent; `campaigns` are the server's ids for the workload's rules.
    pub(super) fn new(workload: &'a Workload, counts: &'a Counts, campaigns: &[i64]) -> Self {
        let events = counts.accepted.len().max(counts.doubtful.len());
        Self {
            workload,
            counts,
            places: campaigns.iter().enumerate().map(|(place, &id)| (id, place)).collect(),
            seen: FixedBitSet::with_capacity(events),
            dead: DeadLetters::new(events),
            dead_unsent: Finding::default(),
            twice: Finding::default(),
            unsent: Finding::default(),
            mislabelled: Finding::default(),
            stray_triggers: Finding::default(),
            found: vec![Fingerprint::default(); campaigns.len()],
        }
    }

    /// Takes a row of `events`.
    pub(super) fn event(&mut self, event_id: &str, campaigns: &[i64]) {
        let Some((number, place)) = self.sent(event_id) else {
            return self.unsent.add(|| event_id.to_owned());
        };
        if self.seen.put(place) {
            self.twice.add(|| event_id.to_owned());
        }
        let mut named: Vec<usize> = campaigns.iter().filter_map(|id| self.places.get(id).copied()).collect();
        named.sort_unstable();
        if !self.workload.triggered_by(number).eq(named) {
            self.mislabelled.add(|| event_id.to_owned());
        }
    }

    /// Takes a row of `triggers` of one of the run's campaigns.
    pub(super) fn trigger(&mut self, campaign_id: i64, event_id: &str) {
        let place = self.places.get(&campaign_id).copied();
        match (self.sent(event_id), place.and_then(|place| self.found.get_mut(place))) {
            (Some((number, _)), Some(found)) => found.add(number),
            _ => self.stray_triggers.add(|| event_id.to_owned()),
        }
    }

    /// Takes the dead letter of an event, which nobody has replayed.
    pub(super) fn dead_letter(&mut self, event_id: &str, reason: &str) {
        match self.sent(event_id) {
            Some((_, place)) => self.dead.add(place, reason),
            None => self.dead_unsent.add(|| event_id.to_owned()),
        }
    }

    /// Takes the dead letter of a whole frame, which may hold others' events, too.
    pub(super) fn dead_frame(&mut self, frame: &[u8], reason: &str) {
        for event_id in self.workload.run().events_in(frame) {
            match self.sent(&event_id) {
                Some((_, place)) => self.dead.add_in_frame(place, reason),
                None => self.dead_unsent.add(|| event_id),
            }
        }
    }

    /// What all rows together say, and the receipts. If the drain has `stalled`, nothing has moved for so long.
    pub(super) fn finish(self, receipts: Receipts, stalled: Option<Duration>) -> Verification {
        let accepted = &self.counts.accepted;
        let dead = self.dead.not_in(&self.seen);
        let missing = self.named(accepted.difference(&self.seen).filter(|&place| !dead.contains(place)));
        let dead_and_stored = self.named(self.dead.in_vain(&self.seen));
        let waiting = stalled.and_then(|time| self.waiting(&receipts, missing.count, time));
        let expected = self.expected(&dead, waiting.is_some());
        let campaigns = self.differences(&expected);
        let total = |fingerprints: &[Fingerprint]| fingerprints.iter().map(|print| print.count).sum();
        Verification {
            accepted: accepted.count_ones(..) as u64,
            stored: self.seen.count_ones(..) as u64,
            doubtful: self.seen.difference(accepted).count() as u64,
            dead_lettered: dead.intersection(accepted).count() as u64,
            dead_letter: self.dead.first_reason(),
            missing,
            dead_and_stored,
            dead_unsent: self.dead_unsent,
            twice: self.twice,
            unsent: self.unsent,
            mislabelled: self.mislabelled,
            stray_triggers: self.stray_triggers,
            triggers_expected: total(&expected),
            triggers_found: total(&self.found),
            campaigns,
            refused_good: self.counts.refused_good.clone(),
            accepted_poison: self.counts.accepted_poison.clone(),
            receipts,
            waiting,
        }
    }

    /// What may still be in flight after a stall: events that are missing, or else repetitions that no receipt counts yet.
    fn waiting(&self, receipts: &Receipts, missing: u64, stalled: Duration) -> Option<Wait> {
        let in_flight = receipts.accepted.saturating_sub(receipts.settled.total());
        let repetitions = receipts.accepted.saturating_sub(self.counts.accepted.count_ones(..) as u64);
        (missing > 0 || in_flight <= repetitions)
            .then(|| Wait { in_flight: in_flight.max(missing), seconds: stalled.as_secs_f64() })
    }

    /// The triggers that there must be, a fingerprint for each rule: of all that is accepted or stored, but not `dead`; if
    /// the rest may still come, of what is stored.
    fn expected(&self, dead: &FixedBitSet, only_stored: bool) -> Vec<Fingerprint> {
        let mut expected = vec![Fingerprint::default(); self.places.len()];
        let accepted = (!only_stored).then_some(&self.counts.accepted);
        let accepted = accepted.into_iter().flat_map(|accepted| accepted.difference(&self.seen));
        let live = self.seen.ones().chain(accepted).filter(|&place| !dead.contains(place));
        for number in live.map(|place| place as u64) {
            for rule in self.workload.triggered_by(number) {
                if let Some(fingerprint) = expected.get_mut(rule) {
                    fingerprint.add(number);
                }
            }
        }
        expected
    }

    /// The campaigns whose triggers are others than these.
    fn differences(&self, expected: &[Fingerprint]) -> Vec<CampaignDifference> {
        let mut campaigns: Vec<CampaignDifference> = self
            .places
            .iter()
            .filter(|&(_, &place)| expected[place] != self.found[place])
            .map(|(&campaign_id, &place)| CampaignDifference {
                campaign_id,
                expected: expected[place].count,
                found: self.found[place].count,
            })
            .collect();
        campaigns.sort_unstable_by_key(|difference| difference.campaign_id);
        campaigns
    }

    fn named(&self, places: impl Iterator<Item = usize>) -> Finding {
        let mut finding = Finding::default();
        places.for_each(|place| finding.add(|| self.workload.run().event_id(place as u64)));
        finding
    }

    /// The event's number, and its place in the sets, if it may be stored.
    fn sent(&self, event_id: &str) -> Option<(u64, usize)> {
        let number = self.workload.run().number_of(event_id)?;
        let place = usize::try_from(number).ok()?;
        (self.counts.accepted.contains(place) || self.counts.doubtful.contains(place))
            .then_some((number, place))
    }
}

impl Verification {
    /// Everything that is not as it must be, in words, without what may still come.
    #[must_use]
    pub fn differences(&self) -> Vec<String> {
        let may_come = Finding::default();
        let missing = if self.waiting.is_some() { &may_come } else { &self.missing };
        let findings = [
            (&self.refused_good, "events were refused that are good"),
            (&self.accepted_poison, "events were accepted that must be refused"),
            (missing, "accepted events are neither stored nor dead letters"),
            (&self.twice, "rows repeat an event that is stored already"),
            (&self.unsent, "stored events were never sent, or had to be refused"),
            (&self.dead_and_stored, "events are stored and dead letters, too"),
            (&self.dead_unsent, "dead letters are of events that were never sent, or had to be refused"),
            (&self.mislabelled, "stored events name other campaigns than they must"),
            (&self.stray_triggers, "triggers are of events that were never sent, or had to be refused"),
        ];
        let mut differences: Vec<String> = findings
            .into_iter()
            .filter(|(finding, _)| finding.count > 0)
            .map(|(finding, what)| format!("{} {what}: {finding}", finding.count))
            .collect();
        differences.extend(self.campaigns.iter().map(CampaignDifference::in_words));
        differences.extend(self.receipts.difference(self.waiting.is_some()));
        differences
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "not drained: {} events were still in flight after nothing moved for {:?}; is a worker running?",
            self.in_flight,
            Duration::from_secs_f64(self.seconds)
        )
    }
}

impl CampaignDifference {
    fn in_words(&self) -> String {
        let Self { campaign_id, expected, found } = self;
        if expected == found {
            return format!(
                "campaign {campaign_id} has its {found} triggers, but of other events than it must"
            );
        }
        format!("campaign {campaign_id} has {found} triggers and must have {expected}")
    }
}

#[cfg(test)]
mod tests;
