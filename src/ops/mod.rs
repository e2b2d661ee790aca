//! What operators see: metrics, health, logs; and how a process ends.

mod admin;
pub mod fail_point;
mod health;
pub mod metrics;
mod shutdown;
mod telemetry;

pub use admin::Admin;
pub use health::Readiness;
pub use shutdown::Signals;
pub use telemetry::start_logging;
