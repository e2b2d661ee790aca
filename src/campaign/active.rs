//! A campaign as far as matching is concerned.

use jiff::Timestamp;

use super::Timing;
use crate::rules::{Pattern, RuleErrors};

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

    pub(super) fn is_running_at(&self, moment: Timestamp) -> bool {
        Timing::of(moment, self.starts_at, self.ends_at) == Timing::Running
    }
}
