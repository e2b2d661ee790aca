//! The HTTP edge: from a request's body to frames that Redis has acknowledged.

mod staged;
mod gathering;
mod accumulator;

pub use accumulator::{Accumulator, SubmitError};
pub use staged::Staged;
