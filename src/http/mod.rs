//! Connections: what stands between a socket and the code that answers a request, the same for the public port and the
//! admin port.
//!
//! Invariants: a port has a limit of connections; what a client may send before its request is known takes bounded memory;
//! no client is waited for for ever, whether it sends or reads too slowly; each request can be read in one way only.

mod server;
mod places;
mod crowd;
mod connection;
mod transport;
mod framing;
mod head;
pub mod loopback;

use std::future::Future;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response};

pub use places::WhenFull;
pub use server::{Drained, serve};

use crate::ops::metrics::Held;

/// What answers the requests of a port.
pub trait Handler: Send + Sync + 'static {
    /// Answers a request that came from `peer`.
    fn answer(
        &self,
        request: Request<Incoming>,
        peer: IpAddr,
    ) -> impl Future<Output = Response<Full<Bytes>>> + Send;

    /// Counts a connection for as long as what is returned is held.
    fn connected(&self) -> Option<Held>;
}

/// What a port's clients may cost.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Connections open at once.
    pub max_connections: u32,
    /// What happens to the next one.
    pub when_full: WhenFull,
    /// How long a head may take to arrive, and how long a connection may rest between two requests.
    pub header_timeout: Duration,
    /// How long a client may read nothing of its answers.
    pub write_timeout: Duration,
}
