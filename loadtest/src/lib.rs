//! Drives load at a Campaign Manager and verifies that every accepted event was stored once, with the triggers that it
//! must have.

pub mod workload;
