//! Postgres: campaigns, events with what they triggered, receipts, dead letters, API keys.

pub mod migrate;
pub mod roles;

mod error;
mod sqlstate;
mod lent;
mod pool;
mod clock;
mod catalog;
mod copy;
mod batch;
pub mod epochs;
pub mod partitions;
pub mod campaigns;
mod searches;
mod windows;
pub mod events;
pub mod triggers;
pub mod ledger;
pub mod dead_letters;
pub mod keys;
pub mod set_asides;

pub use batch::{Receipt, Rows, Stored, have_receipts, probe, store};
pub use catalog::{CampaignChange, campaign_changes_since, listen_for_changes};
pub use clock::{clock, now};
pub use copy::CopyRows;
pub use error::StoreError;
pub use lent::{Forget, Lent, answered_within};
pub use migrate::{Applied, MigrateError};
pub use partitions::Partitions;
pub use pool::{Database, Pool, answers, connect, within};
pub use searches::Searches;
pub use sqlstate::Action;
pub use windows::{Page, Position};
