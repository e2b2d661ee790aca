//! Campaign Manager Mini.

fn main() {}
