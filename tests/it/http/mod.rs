//! The HTTP API, as a client meets it.

mod auth;
mod campaigns;
mod campaigns_changed;
mod campaigns_tested;
mod campaigns_triggered;
mod connections;
mod contract;
mod events;
mod stored;
