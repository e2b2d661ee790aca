//! What a run is to do.

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use crate::Rate;
use crate::target::{Admin, Target};
use crate::verify::Database;

/// What a run is to do, wholly.
#[derive(Clone, Debug)]
pub struct Load {
    /// The server that is loaded.
    pub target: Target,
    /// The server's admin port, whose metrics are read for the report.
    pub metrics: Option<Admin>,
    /// The server's database, which is only read.
    pub database: Database,
    /// How much is sent.
    pub volume: Volume,
    /// When a request is sent.
    pub pace: Pace,
    /// Connections to the server, each with one request at a time.
    pub connections: NonZeroU32,
    /// Events in a request.
    pub batch: NonZeroU32,
    /// What the events are.
    pub shape: crate::workload::Shape,
    /// Whether nobody else sends to the server, so that its receipts must be of this run's events and no more.
    pub alone: bool,
    /// For how long nothing may move before the run is given up: no request accepted, nothing stored.
    pub patience: Duration,
}

/// How much is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Volume {
    /// So many events, repeated ones included.
    Events(NonZeroU64),
    /// As many as go into this time.
    Time(Duration),
}

/// When a request is sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Pace {
    /// As soon as a connection has its answer: as fast as the server takes them.
    Closed,
    /// On a schedule, whether the server keeps up or not. Latency counts from the scheduled time.
    Open(Rate),
}

/// An API key: not shown.
#[derive(Clone)]
pub struct ApiKey(String);

impl ApiKey {
    /// The key with this text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text. Not for logs.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}
