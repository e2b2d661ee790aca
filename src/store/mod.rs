//! Postgres: campaigns, events with what they triggered, receipts, dead letters, API keys.

mod error;
mod pool;

pub use error::StoreError;
pub use pool::{client_config, connect};
