//! What an event is: the JSON document, its envelope, and the limits it must keep. Pure: no clock, no I/O.

mod document;
mod limits;

pub use document::{Document, JsonError, Parser};
pub use limits::Limits;
