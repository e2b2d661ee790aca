//! What one binary can be: each role starts its parts, and ends them in the order that loses nothing.

mod error;
mod serve;
mod worker;
mod pools;
mod clocks;
mod run_env;
mod up;
mod process;

pub use error::RoleError;
pub use process::{AdminPort, Process, check_ports};
pub use run_env::RunEnv;
pub use serve::{Serve, ServeSettings};
pub use up::{Addresses, WelcomeKey, welcome};
pub use worker::{Worker, WorkerSettings};
