//! What one binary can be: each role starts its parts, and ends them in the order that loses nothing.

mod error;
mod serve;
mod worker;
mod pools;
mod clocks;
mod up;
mod process;

pub use error::RoleError;
pub use process::{AdminPort, Process};
pub use serve::{Serve, ServeSettings};
pub use up::{Addresses, remove_env, welcome};
pub use worker::{Worker, WorkerSettings};
