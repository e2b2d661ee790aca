//! Tests on a real Redis and a real Postgres of each test's own. One binary, so that the harness is compiled once; one
//! module for each room of the library.

#![allow(clippy::unwrap_used, reason = "clippy.toml allows it in tests, but sees none in the harness")]

mod support;

mod documents;
mod harness;
mod embedded;
mod migrate;
mod upgrade;
mod roles;

mod accumulator;
mod queue;
mod identity;
mod lots;
mod older_claims;
mod budget;
mod store;
mod summaries;
mod http;
mod catalog;
mod worker;
mod claims;
mod backpressure;
mod sealing;
mod retention;
mod vacuum;
mod flow;
mod dear_rules;
mod nasty;
mod tls;
mod health;
mod metrics;
mod ledger;
mod shards;
mod dead_letters;
mod up;
mod private_stores;
mod canary;
mod faults;
mod scaling;
mod cluster;
