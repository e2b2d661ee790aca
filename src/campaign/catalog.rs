//! What a worker matches against: every active campaign, compiled. Pure.
//!
//! A catalog has two layers. Nearly all campaigns are *settled*: compiled together some time ago. Those that changed since
//! are *recent*: a change compiles only these again, so that it costs milliseconds however many campaigns there are. Each
//! event is held against both layers; when the recent ones have become many, all are [settled](Settled) anew, aside from
//! the matching, and [`Catalog::over`] puts the result in the place of both.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::ActiveCampaign;
use crate::event::Document;
use crate::rules::{self, CompiledRules, RuleAtWork, RuleOrdinal};

/// Active campaigns by their ids.
pub type ActiveCampaigns = BTreeMap<i64, Arc<ActiveCampaign>>;

/// A version of a campaign that an event triggered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Triggered {
    /// The campaign.
    pub campaign_id: i64,
    /// Its version at that time.
    pub version: i32,
}

/// Campaigns that were compiled together, in the order of their ids.
#[derive(Debug, Default)]
pub struct Settled {
    campaigns: Vec<Arc<ActiveCampaign>>,
    rules: CompiledRules,
    stats: rules::Stats,
}

impl Settled {
    /// Compiles these campaigns.
    #[must_use]
    pub fn compile(campaigns: &ActiveCampaigns) -> Self {
        Self::of(campaigns.values().cloned().collect())
    }

    fn of(campaigns: Vec<Arc<ActiveCampaign>>) -> Self {
        let rules: rules::RuleSet = campaigns.iter().map(|campaign| campaign.pattern.clone()).collect();
        let rules = rules.compile();
        Self { stats: rules.stats(), rules, campaigns }
    }

    fn matching<'a>(
        &'a self,
        event: &Document<'_>,
        scratch: &'a mut rules::Scratch,
    ) -> impl Iterator<Item = (RuleOrdinal, &'a ActiveCampaign)> + use<'a> {
        let matched = if self.rules.is_empty() { &[] } else { self.rules.matches(event, scratch) };
        matched.iter().map(|rule| (*rule, &*self.campaigns[rule.0 as usize]))
    }

    fn set_aside<'a>(
        &'a self,
        scratch: &'a rules::Scratch,
    ) -> impl Iterator<Item = (RuleOrdinal, &'a ActiveCampaign)> + use<'a> {
        // Where there are no rules, the memory tells of others.
        let set_aside = if self.rules.is_empty() { &[] } else { scratch.set_aside() };
        set_aside.iter().map(|rule| (*rule, &*self.campaigns[rule.0 as usize]))
    }

    fn at_work(&self, rule: &RuleAtWork) -> Option<i64> {
        Some(self.campaigns.get(rule.get()?.0 as usize)?.id)
    }

    fn candidates(&self, scratch: &rules::Scratch) -> u64 {
        // Where there are no rules, the memory tells of others.
        if self.rules.is_empty() { 0 } else { scratch.candidates() }
    }
}

/// Every active campaign at one revision, ready to match.
#[derive(Debug, Default)]
pub struct Catalog {
    revision: i64,
    settled: Arc<Settled>,
    /// The settled ones that have changed or ended since, in ascending order.
    superseded: Vec<RuleOrdinal>,
    recent: Settled,
}

/// The memory that matching against a catalog needs: one for each thread.
#[derive(Debug, Default)]
pub struct Scratch {
    settled: rules::Scratch,
    recent: rules::Scratch,
}

/// Which campaign a thread holds an event against, for others to see.
#[derive(Clone, Debug)]
pub struct Progress {
    settled: RuleAtWork,
    recent: RuleAtWork,
}

impl Scratch {
    /// Which campaign this is used for, while it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress { settled: self.settled.at_work(), recent: self.recent.at_work() }
    }
}

/// So many changed campaigns are always cheap to compile, and to match beside the settled ones.
const FEW_CHANGES: usize = 256;

impl Catalog {
    /// Compiles these campaigns; `revision` is that of the newest change they contain.
    #[must_use]
    pub fn compile(revision: i64, campaigns: &ActiveCampaigns) -> Self {
        Self { revision, settled: Settled::compile(campaigns).into(), ..Self::default() }
    }

    /// The catalog of `campaigns`, of which `settled` holds those that have not changed since it was compiled.
    #[must_use]
    pub fn over(settled: Arc<Settled>, revision: i64, campaigns: &ActiveCampaigns) -> Self {
        let (mut superseded, mut recent) = (Vec::new(), Vec::new());
        let mut known = settled.campaigns.iter().zip(0..).peekable();
        for (id, campaign) in campaigns {
            while let Some((_, gone)) = known.next_if(|(known, _)| known.id < *id) {
                superseded.push(RuleOrdinal(gone));
            }
            match known.next_if(|(known, _)| known.id == *id) {
                Some((known, _)) if Arc::ptr_eq(known, campaign) => {}
                Some((_, changed)) => {
                    superseded.push(RuleOrdinal(changed));
                    recent.push(Arc::clone(campaign));
                }
                None => recent.push(Arc::clone(campaign)),
            }
        }
        superseded.extend(known.map(|(_, gone)| RuleOrdinal(gone)));
        Self { revision, settled, superseded, recent: Settled::of(recent) }
    }

    /// The layer that most campaigns are in.
    #[must_use]
    pub fn settled(&self) -> Arc<Settled> {
        Arc::clone(&self.settled)
    }

    /// Whether every campaign is settled.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.superseded.is_empty() && self.recent.campaigns.is_empty()
    }

    /// Whether so many campaigns have changed that all should be settled anew without delay.
    #[must_use]
    pub fn has_many_changes(&self) -> bool {
        let changes = self.superseded.len() + self.recent.campaigns.len();
        changes > FEW_CHANGES + self.settled.campaigns.len() / 64
    }

    /// The revision of the newest change in it.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// How many campaigns are active.
    #[must_use]
    pub fn len(&self) -> usize {
        self.settled.campaigns.len() - self.superseded.len() + self.recent.campaigns.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many predicates the compiled rules have, those of campaigns that have changed since included.
    #[must_use]
    pub fn predicates(&self) -> usize {
        self.settled.stats.predicates + self.recent.stats.predicates
    }

    /// The bytes of memory that the compiled rules take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.settled.stats.bytes + self.recent.stats.bytes
    }

    /// How many campaigns were looked at closer for the last event that was matched with this memory.
    #[must_use]
    pub fn candidates(&self, scratch: &Scratch) -> u64 {
        self.settled.candidates(&scratch.settled) + self.recent.candidates(&scratch.recent)
    }

    /// The campaign that an event is held against by the thread with this progress, if that uses this catalog.
    #[must_use]
    pub fn at_work(&self, progress: &Progress) -> Option<i64> {
        self.recent.at_work(&progress.recent).or_else(|| self.settled.at_work(&progress.settled))
    }

    /// The campaigns whose rules were too dear for the event that was matched last with this memory, and was received at
    /// this moment: they are set aside for it, so that it does not trigger them.
    pub fn set_aside<'a>(
        &'a self,
        received_at: Timestamp,
        scratch: &'a Scratch,
    ) -> impl Iterator<Item = Triggered> + use<'a> {
        let settled = self.settled.set_aside(&scratch.settled);
        let settled = settled.filter(|(rule, _)| self.superseded.binary_search(rule).is_err());
        let set_aside = settled.chain(self.recent.set_aside(&scratch.recent)).map(|(_, campaign)| campaign);
        set_aside
            .filter(move |campaign| campaign.is_running_at(received_at))
            .map(|campaign| Triggered { campaign_id: campaign.id, version: campaign.version })
    }

    /// The campaigns that an event received at this moment triggers, in the order of their ids.
    pub fn triggered<'a>(
        &'a self,
        event: &Document<'_>,
        received_at: Timestamp,
        scratch: &'a mut Scratch,
    ) -> impl Iterator<Item = Triggered> + use<'a> {
        let settled = self.settled.matching(event, &mut scratch.settled);
        let still_valid = settled.filter(|(rule, _)| self.superseded.binary_search(rule).is_err());
        let recent = self.recent.matching(event, &mut scratch.recent);
        merge_by_id(still_valid.map(|(_, campaign)| campaign), recent.map(|(_, campaign)| campaign))
            .filter(move |campaign| campaign.is_running_at(received_at))
            .map(|campaign| Triggered { campaign_id: campaign.id, version: campaign.version })
    }
}

/// Campaigns of two lists that are each in the order of their ids, in that order.
fn merge_by_id<'a>(
    one: impl Iterator<Item = &'a ActiveCampaign>,
    other: impl Iterator<Item = &'a ActiveCampaign>,
) -> impl Iterator<Item = &'a ActiveCampaign> {
    let (mut one, mut other) = (one.peekable(), other.peekable());
    std::iter::from_fn(move || match other.peek() {
        Some(next) => one.next_if(|first| first.id < next.id).or_else(|| other.next()),
        None => one.next(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Parser;
    use proptest::prelude::*;

    fn campaign(id: i64, version: i32, wanted: u8) -> Arc<ActiveCampaign> {
        let rule = format!(r#"{{"a": [{wanted}]}}"#);
        ActiveCampaign::read(id, version, None, None, &rule).expect("the rule is valid").into()
    }

    fn triggered(catalog: &Catalog, wanted: u8) -> Vec<Triggered> {
        let mut scratch = Scratch::default();
        let event = format!(r#"{{"a": {wanted}}}"#);
        let read = |document: Document<'_>| {
            catalog.triggered(&document, Timestamp::UNIX_EPOCH, &mut scratch).collect()
        };
        Parser::new(8).parse(event.as_bytes(), read).expect("the event is valid")
    }

    proptest! {
        #[test]
        fn a_catalog_with_changes_triggers_what_one_compiled_at_once_does(
            before in proptest::collection::btree_map(0..12_i64, 0..3_u8, 0..12),
            changes in proptest::collection::btree_map(0..12_i64, proptest::option::of(0..3_u8), 0..8),
        ) {
            let mut campaigns: ActiveCampaigns =
                before.into_iter().map(|(id, wanted)| (id, campaign(id, 1, wanted))).collect();
            let settled = Arc::new(Settled::compile(&campaigns));
            for (id, change) in changes {
                match change {
                    Some(wanted) => campaigns.insert(id, campaign(id, 2, wanted)),
                    None => campaigns.remove(&id),
                };
            }
            let (over, at_once) = (Catalog::over(settled, 2, &campaigns), Catalog::compile(2, &campaigns));
            prop_assert_eq!(over.len(), campaigns.len());
            for wanted in 0..3 {
                prop_assert_eq!(triggered(&over, wanted), triggered(&at_once, wanted));
            }
        }
    }

    #[test]
    fn only_what_changed_is_compiled_again() {
        let mut campaigns: ActiveCampaigns = (0..1_000).map(|id| (id, campaign(id, 1, 0))).collect();
        let settled = Catalog::compile(1, &campaigns).settled();
        let unchanged = Catalog::over(Arc::clone(&settled), 1, &campaigns);
        assert!(unchanged.is_settled() && !unchanged.has_many_changes());
        campaigns.insert(7, campaign(7, 2, 1));
        campaigns.remove(&8);
        let changed = Catalog::over(settled, 2, &campaigns);
        assert!(!changed.is_settled() && !changed.has_many_changes());
        assert_eq!((changed.recent.campaigns.len(), changed.superseded.len()), (1, 2));
        for changed in campaigns.values_mut() {
            *changed = campaign(changed.id, 3, 2);
        }
        assert!(Catalog::over(changed.settled(), 3, &campaigns).has_many_changes());
    }
}
