//! Postgres: campaigns, events with what they triggered, receipts, dead letters, API keys.

pub mod migrate;

mod error;
mod sqlstate;
mod pool;
mod copy;
mod batch;
pub mod partitions;
pub mod campaigns;
pub mod events;
pub mod keys;

pub use batch::{Receipt, Rows, store};
pub use copy::CopyRows;
pub use error::StoreError;
pub use migrate::{Applied, MigrateError};
pub use partitions::Partitions;
pub use pool::{client_config, connect};
pub use sqlstate::Action;
