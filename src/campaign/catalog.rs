//! What a worker matches against: every active campaign, compiled. Pure.

use std::sync::Arc;

use jiff::Timestamp;

use crate::event::Document;
use crate::rules::{CompiledRules, Pattern, RuleErrors, RuleOrdinal, RuleSet, Scratch};

/// A campaign as far as matching is concerned.
#[derive(Clone, Debug)]
pub struct ActiveCampaign {
    /// Which campaign.
    pub id: i64,
    /// Which version of it.
    pub version: i32,
    /// Events before this moment do not trigger it.
    pub starts_at: Option<Timestamp>,
    /// Events from this moment on do not trigger it.
    pub ends_at: Option<Timestamp>,
    /// Which events trigger it.
    pub pattern: Pattern,
}

/// A version of a campaign that an event triggered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Triggered {
    /// The campaign.
    pub campaign_id: i64,
    /// Its version at that time.
    pub version: i32,
}

/// The rule of a stored campaign is not one that this release can read.
#[derive(Debug, thiserror::Error)]
#[error(
    "campaign {campaign_id} has a rule that this release cannot read: {errors}; correct or pause the campaign"
)]
pub struct UnreadableRule {
    /// The campaign.
    pub campaign_id: i64,
    /// What is wrong with its rule.
    pub errors: RuleErrors,
}

impl ActiveCampaign {
    /// Reads the rule of a stored campaign.
    pub fn read(
        id: i64,
        version: i32,
        starts_at: Option<Timestamp>,
        ends_at: Option<Timestamp>,
        rule: &str,
    ) -> Result<Self, UnreadableRule> {
        let pattern = Pattern::parse(rule).map_err(|errors| UnreadableRule { campaign_id: id, errors })?;
        Ok(Self { id, version, starts_at, ends_at, pattern })
    }

    fn is_running_at(&self, moment: Timestamp) -> bool {
        self.starts_at.is_none_or(|start| start <= moment) && self.ends_at.is_none_or(|end| moment < end)
    }
}

/// Every active campaign at one revision, ready to match.
#[derive(Debug)]
pub struct Catalog {
    revision: i64,
    campaigns: Vec<Arc<ActiveCampaign>>,
    rules: CompiledRules,
}

impl Catalog {
    /// Compiles these campaigns; `revision` is that of the newest change they contain.
    #[must_use]
    pub fn compile(revision: i64, campaigns: Vec<Arc<ActiveCampaign>>) -> Self {
        let mut rules = RuleSet::new();
        for campaign in &campaigns {
            rules.push(campaign.pattern.clone());
        }
        Self { revision, rules: rules.compile(), campaigns }
    }

    /// The revision of the newest change in it.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// How many campaigns are active.
    #[must_use]
    pub fn len(&self) -> usize {
        self.campaigns.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.campaigns.is_empty()
    }

    /// The campaigns that an event received at this moment triggers, in the order of their ids.
    pub fn triggered<'a>(
        &'a self,
        event: &Document<'_>,
        received_at: Timestamp,
        scratch: &'a mut Scratch,
    ) -> impl Iterator<Item = Triggered> + 'a {
        let campaign = |ordinal: &RuleOrdinal| &self.campaigns[ordinal.0 as usize];
        self.rules
            .matches(event, scratch)
            .iter()
            .map(campaign)
            .filter(move |campaign| campaign.is_running_at(received_at))
            .map(|campaign| Triggered { campaign_id: campaign.id, version: campaign.version })
    }
}
