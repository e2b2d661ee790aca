//! What a campaign is: a rule, when it applies, and the life it leads; and the catalog of all that a worker matches
//! against. Pure: no clock, no I/O.

mod lifecycle;
mod definition;
mod timing;
mod active;
mod catalog;
mod trial;

pub use active::{ActiveCampaign, UnreadableRule};
pub use catalog::{ActiveCampaigns, Catalog, Progress, Scratch, Settled, Triggered};
pub use definition::{Campaign, CampaignId, Definition, Version};
pub use lifecycle::{Status, Step, UnknownStatus, WrongStep};
pub use timing::Timing;
pub use trial::{Trial, TrialError};
