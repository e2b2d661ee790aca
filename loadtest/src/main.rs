//! Drives load at a Campaign Manager.

fn main() {}
