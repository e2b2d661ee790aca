//! The real tool against a real system of each test's own.

#![allow(clippy::unwrap_used, reason = "clippy.toml allows it in tests, but sees none in the harness")]

mod system;

mod formats;
mod kept;
mod broken;
mod stalled;
mod moved;
mod commanded;
mod secured;
