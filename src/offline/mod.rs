//! Rules and events from files, without a server: the roles `match` and `rules check`.
//!
//! What decides is the same index and the same explanation as in the worker. Here is only what stands around it:
//!
//! - [`rules_file`]: a file of named rules, read whole, with every mistake in it told at once
//! - [`matching`]: a stream of events against them, a line of output for each line of input
//! - [`cases`]: rules and events that come in pairs, as in a conformance corpus
//! - [`check`]: one rule
//! - [`stats`]: how large the rules are and how fast they match
//!
//! Memory holds the rules and a bounded number of events, however long the files are.

mod error;
mod lines;
mod rules_file;
mod matching;
mod cases;
mod check;
mod stats;

pub use cases::run as run_cases;
pub use check::check;
pub use error::OfflineError;
pub use matching::{Reporting, run as run_matching};
pub use rules_file::NamedRules;

/// The deepest nesting of an event, in arrays and objects; what ingest accepts is never deeper.
const MAX_EVENT_DEPTH: usize = 1024;
