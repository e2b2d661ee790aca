//! Campaign Manager Mini: for each event, find the campaigns that it triggers, and record both, exactly once.
//!
//! The modules in the order an event meets them:

pub mod config;
pub mod tls;

pub mod event;
pub mod rules;
pub mod campaign;

pub mod http;
pub mod ingest;
pub mod queue;
pub mod worker;
pub mod store;
pub mod ledger;
pub mod replay;
pub mod api;

pub mod offline;
pub mod ops;
pub mod embedded;

pub mod roles;
