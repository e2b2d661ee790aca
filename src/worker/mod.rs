//! The pipeline: frames → rows, in five stages.

mod error;
mod halt;
mod backoff;
mod stage;
mod batch;
mod channel;
mod confirmation;
mod catalog;
mod maintenance;
mod watch;
mod ledger;
mod pipeline;

mod restore;
mod claimant;
mod batching;
mod pace;
mod fetch;
mod fold;
mod dedupe;
mod held_up;
mod set_aside;
mod matching;
mod rows;
mod store;
mod ack;

pub use catalog::{CatalogError, CatalogKeeper, CatalogState};
pub use confirmation::Confirmation;
pub use error::WorkerError;
pub use ledger::watch_ledger;
pub use maintenance::maintain;
pub use pipeline::{Pipeline, Servers};
pub use set_aside::SetAsides;
pub use watch::{Membership, sweep_claims, watch_queue, watch_redis};
