//! The management API: campaigns, and what became of events. The HTTP edge routes and authenticates; here is what each
//! route answers.

mod problem;
mod answer;
mod parameters;
mod cursor;
mod members;
pub mod campaigns;
pub mod events;

pub use answer::{Answer, json};
pub use problem::{Fault, Kind, Problem};
