//! The server, over HTTP: its address, connections to it, the campaigns that the tool makes there, and what it says of itself.

mod address;
mod connection;
mod problem;
mod campaigns;
mod gauge;

pub use address::{InvalidUrl, Target};
pub use campaigns::{Campaigns, Seen};
pub use connection::{Answer, Connection, RequestError};
pub use gauge::{Admin, Gauge};
pub use problem::detail;
