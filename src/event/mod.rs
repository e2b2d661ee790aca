//! What an event is: the JSON document, its envelope, and the limits it must keep. Pure: no clock, no I/O.

pub mod flaw;
pub mod split;
mod dialect;
mod document;
mod exact;
mod envelope;
mod limits;
mod place;
mod rfc3339;

pub use dialect::{Dialect, SegmentBatch, SegmentCall, SegmentShared, compose_cloud_event};
pub(crate) use document::node_count;
pub use document::{Document, JsonError, Parser};
pub use envelope::{Arrival, Envelope, EnvelopeError, EnvelopeReader, Refusal, is_blank};
pub use limits::{Limits, MOST_TEXT_BYTES};
pub use place::{Place, Places};
pub use rfc3339::{is_time, parse as parse_time};
