//! The HTTP API, as a client meets it.

mod auth;
mod campaigns;
mod connections;
mod contract;
mod events;
mod slow;
mod smuggling;
mod stored;
mod tls;
