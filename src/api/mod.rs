//! The management API: campaigns, what became of events, the ledger of all of them, dead letters, and API keys. The HTTP
//! edge routes and authenticates; here is what each route answers.

mod problem;
mod answer;
mod caller;
mod parameters;
mod cursor;
mod members;
mod merge_patch;
mod preconditions;
pub mod campaigns;
pub mod events;
pub mod ledger;
pub mod dead_letters;
pub mod keys;
pub mod openapi;

pub use answer::{Answer, json};
pub use caller::Caller;
pub use problem::{Fault, Kind, Problem, Rejected};
