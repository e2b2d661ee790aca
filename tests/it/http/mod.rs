//! The HTTP API, as a client meets it.

mod auth;
mod campaigns;
mod cloud_events;
mod connections;
mod contract;
mod encodings;
mod events;
mod segment;
mod stored;
