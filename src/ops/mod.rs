//! What operators see: metrics, health, logs; and how a process ends.

mod admin;
mod background;
pub mod clock;
pub mod fail_point;
mod health;
pub mod metrics;
mod open_files;
mod repeated;
mod shutdown;
mod telemetry;

pub use admin::Admin;
pub use background::{Background, Periodic, TaskEnded, panic_message};
pub use health::{Condition, Readiness, Status};
pub use open_files::allow_open_files;
pub use repeated::Repeated;
pub use shutdown::Signals;
pub use telemetry::start_logging;
