//! The server, over HTTP: its address, connections to it, and the campaigns that the tool makes there.

mod address;
mod connection;
mod problem;
mod campaigns;

pub use address::{InvalidUrl, Target};
pub use campaigns::{Campaigns, Seen};
pub use connection::{Answer, Connection, RequestError};
pub use problem::detail;
