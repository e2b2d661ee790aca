//! Drives load at a Campaign Manager and verifies that every accepted event was stored once, with the triggers that it
//! must have.
//!
//! [`run`] does all of it: the tool's own campaigns are created and seen to match, events are sent and counted, the drain is
//! waited for, the rows are compared, the campaigns archived. The modules in the order of a run:

mod load;
mod rate;
mod finding;
mod env_file;
mod open_files;
pub mod tls;
pub mod workload;
pub mod target;
pub mod sending;
pub mod timeline;
pub mod verify;
mod report;

mod progress;
mod run;
mod error;

pub use env_file::{Addresses, EnvFile, UnreadableEnvFile};
pub use error::LoadError;
pub use finding::Finding;
pub use load::{ApiKey, Load, Pace, Volume};
pub use progress::{Phase, Progress};
pub use rate::{InvalidRate, Legs, Rate};
pub use report::{Latency, Outcome, Peaks, Quantile, Report, Sending, Settings, Storing};
pub use run::{run, run_until};
