//! The HTTP edge: from a connection to the answer, and from a body's events to frames that Redis has acknowledged.

mod service;
mod router;
mod cors;
mod auth;
mod rate;
mod line;
mod body;
mod events;
mod segment;
mod intake;
mod staged;
mod gate;
mod gathering;
mod reports;
mod writes;
mod accumulator;

pub use accumulator::{Accumulator, SubmitError};
pub use gate::{Closed, Gate};
pub use line::Owner;
pub use reports::{Reports, ServerRun};
pub use router::{ENDPOINTS, Endpoint, Route};
pub use service::{Queue, Service, serve};
pub use staged::Staged;
