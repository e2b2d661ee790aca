//! A campaign as it is kept.

use std::fmt;

use jiff::Timestamp;

use super::Status;

/// The number that names a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct CampaignId(pub i64);

impl fmt::Display for CampaignId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What its author says of a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// What it is called; names need not be unique.
    pub name: String,
    /// What it is for; may be empty.
    pub description: String,
    /// Where it is in its life.
    pub status: Status,
    /// The event pattern, as its author wrote it.
    pub rules: String,
    /// Events received before match nothing.
    pub starts_at: Option<Timestamp>,
    /// Events received from then on match nothing.
    pub ends_at: Option<Timestamp>,
}

/// A campaign in its current version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Campaign {
    /// Which one.
    pub id: CampaignId,
    /// Counts its changes, from 1.
    pub version: i32,
    /// What its author says of it.
    pub definition: Definition,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A campaign as it was from one change to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Counts the changes, from 1.
    pub number: i32,
    /// What its author said of it.
    pub definition: Definition,
    /// The name of the API key that made it; `None` where anybody may call.
    pub author: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}
