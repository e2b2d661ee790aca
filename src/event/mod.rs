//! What an event is: the JSON document, its envelope, and the limits it must keep. Pure: no clock, no I/O.

mod document;

pub(crate) use document::node_count;
pub use document::{Document, JsonError, Parser};
