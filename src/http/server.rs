//! Connections: accepting them, serving each on a task of its own, and ending them well.
//!
//! Invariants: never more connections than configured (the next ones wait in the kernel's queue, or the longest quiet one
//! gives way); none waits for another's handshake; at shutdown requests in flight are answered before their connections close.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};
use tokio::task::JoinSet;

use super::connection::{Port, serve_connection};
use super::crowd::Crowd;
use super::places::Places;
use super::{ConnectionLimits, Handler};
use crate::ops::Background;
use crate::tls::Identity;

/// After the kernel refused a connection for want of resources, the next attempt waits so long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were cut because they had not ended by the deadline.
    pub abandoned: usize,
}

/// Serves `listener`, with TLS where there is an identity to show, until `shutdown` says for how long requests in flight may take to be answered, and then until they
/// are, or that time is over. Where the sending half of `shutdown` is dropped, they get no time.
pub async fn serve<H: Handler>(
    listener: TcpListener,
    handler: Arc<H>,
    limits: ConnectionLimits,
    identity: Option<Identity>,
    mut shutdown: oneshot::Receiver<Duration>,
) -> Drained {
    let places = Arc::new(Places::new(limits.max_connections, limits.when_full));
    let ending = watch::Sender::new(false);
    let port = Arc::new(Port { handler, limits, tls: identity.as_ref().map(Identity::acceptor) });
    let mut background = Background::default();
    if let Some(identity) = identity {
        background.spawn("certificate", identity.follow());
    }
    let crowd = Crowd::default();
    let mut connections = JoinSet::new();
    let drain_timeout = loop {
        tokio::select! {
            biased;
            timeout = &mut shutdown => break timeout.unwrap_or(Duration::ZERO),
            failure = background.ended() => {
                tracing::error!(%failure, "the server ends");
                break Duration::ZERO;
            }
            Some(_) = connections.join_next() => {}
            ((stream, peer), permit) = accept(&listener, &places) => {
                let (port, crowd) = (Arc::clone(&port), crowd.clone());
                let (ending, seat) = (ending.subscribe(), places.seat(permit));
                connections.spawn(async move {
                    serve_connection(stream, peer.ip(), &port, crowd, (seat, ending)).await;
                });
            }
        }
    };
    drop(listener);
    ending.send_replace(true);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(drain_timeout, all_ended).await;
    let abandoned = connections.len();
    connections.shutdown().await;
    Drained { abandoned }
}

/// The next connection, once there is room for it.
async fn accept(listener: &TcpListener, places: &Places) -> ((TcpStream, SocketAddr), OwnedSemaphorePermit) {
    let permit = places.free().await;
    loop {
        match listener.accept().await {
            Ok(accepted) => return (accepted, permit),
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted now");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether only the connection at hand failed, and the next may be accepted at once.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
