//! What a campaign is: a rule, when it applies, and the life it leads. Pure: no clock, no I/O.

mod lifecycle;
mod definition;

pub use definition::{Campaign, CampaignId, Definition};
pub use lifecycle::{Status, Step, UnknownStatus, WrongStep};
