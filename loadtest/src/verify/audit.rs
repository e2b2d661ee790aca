//! What the tool knows of a run, held against the rows that the database has of it. Pure: the rows are handed in.
//!
//! Each stored event is compared on its own: that it was sent, that it is there once, and that its row names the campaigns
//! that it must. The rows of `triggers` are compared as a [`Fingerprint`] a campaign, so nothing is kept of them.

use std::collections::HashMap;

use fixedbitset::FixedBitSet;
use serde::Serialize;

use super::fingerprint::Fingerprint;
use crate::sending::Counts;
use crate::workload::Workload;

/// How many of the ids that something is wrong with are named.
const EXAMPLES: usize = 5;

/// A comparison under way.
#[derive(Debug)]
pub(super) struct Audit<'a> {
    workload: &'a Workload,
    counts: &'a Counts,
    /// The run's campaigns by the server's ids, as places in the workload's rules.
    places: HashMap<i64, usize>,
    seen: FixedBitSet,
    twice: Finding,
    unsent: Finding,
    mislabelled: Finding,
    stray_triggers: Finding,
    found: Vec<Fingerprint>,
}

/// What a comparison has found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Different events that the server accepted.
    pub accepted: u64,
    /// Different events that are stored.
    pub stored: u64,
    /// Stored events of requests that had to be given up: they may be there or not.
    pub doubtful: u64,
    /// Accepted events that are not stored.
    pub missing: Finding,
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
}

/// Events that something is wrong with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How many.
    pub count: u64,
    /// Some of them.
    pub examples: Vec<String>,
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

impl Finding {
    fn add(&mut self, example: impl FnOnce() -> String) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(example());
        }
    }
}

impl<'a> Audit<'a> {
    /// A comparison with what `counts` says was sent; `campaigns` are the server's ids for the workload's rules.
    pub(super) fn new(workload: &'a Workload, counts: &'a Counts, campaigns: &[i64]) -> Self {
        Self {
            workload,
            counts,
            places: campaigns.iter().enumerate().map(|(place, &id)| (id, place)).collect(),
            seen: FixedBitSet::with_capacity(counts.accepted.len().max(counts.doubtful.len())),
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

    /// What all rows together say.
    pub(super) fn finish(self) -> Verification {
        let accepted = &self.counts.accepted;
        let mut missing = Finding::default();
        for place in accepted.difference(&self.seen) {
            missing.add(|| self.workload.run().event_id(place as u64));
        }
        let expected = self.expected();
        let total = |fingerprints: &[Fingerprint]| fingerprints.iter().map(|print| print.count).sum();
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
        Verification {
            accepted: accepted.count_ones(..) as u64,
            stored: self.seen.count_ones(..) as u64,
            doubtful: self.seen.difference(accepted).count() as u64,
            missing,
            twice: self.twice,
            unsent: self.unsent,
            mislabelled: self.mislabelled,
            stray_triggers: self.stray_triggers,
            triggers_expected: total(&expected),
            triggers_found: total(&self.found),
            campaigns,
        }
    }

    /// The triggers that there must be, a fingerprint for each rule.
    fn expected(&self) -> Vec<Fingerprint> {
        let mut expected = vec![Fingerprint::default(); self.places.len()];
        for number in self.counts.accepted.union(&self.seen).map(|place| place as u64) {
            for rule in self.workload.triggered_by(number) {
                if let Some(fingerprint) = expected.get_mut(rule) {
                    fingerprint.add(number);
                }
            }
        }
        expected
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
    /// Everything that is not as it must be, in words.
    #[must_use]
    pub fn differences(&self) -> Vec<String> {
        let findings = [
            (&self.missing, "accepted events are not stored"),
            (&self.twice, "rows repeat an event that is stored already"),
            (&self.unsent, "stored events were never sent, or were refused"),
            (&self.mislabelled, "stored events name other campaigns than they must"),
            (&self.stray_triggers, "triggers are of events that were never sent, or were refused"),
        ];
        let mut differences: Vec<String> = findings
            .into_iter()
            .filter(|(finding, _)| finding.count > 0)
            .map(|(finding, what)| format!("{} {what}: {}", finding.count, finding.named()))
            .collect();
        differences.extend(self.campaigns.iter().map(CampaignDifference::in_words));
        differences
    }
}

impl Finding {
    fn named(&self) -> String {
        let more = if self.count > self.examples.len() as u64 { ", …" } else { "" };
        format!("{}{more}", self.examples.join(", "))
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
