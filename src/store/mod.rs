//! Postgres: what is stored, and how.

pub mod migrate;
