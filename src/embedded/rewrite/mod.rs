//! Keeps the rewriting of Redis' append-only file from holding up the pipeline: when it is begun, and what it may take.
//!
//! Redis writes all that is kept anew into a file, in a forked child; the private Redis does so by itself only when its
//! file is very large ([`super::redis`]).

mod hold_back;
mod quiet;

pub(super) use hold_back::hold_back;
pub(super) use quiet::{LOOK, rewrite_when_quiet};
