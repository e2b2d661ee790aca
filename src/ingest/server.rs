//! Connections: accepting them, serving each on a task of its own, and ending them well.
//!
//! Invariants: never more connections than configured (the next ones wait in the kernel's queue); each has time limits
//! on headers and bodies; at shutdown requests in flight are answered before their connections close.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinSet;

use super::service::Service;

/// The most that a connection buffers of what it reads; so also the longest that a request's head may be.
const READ_BUFFER: usize = 64 * 1024;
/// After the kernel refused a connection for want of resources, the next attempt waits so long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were cut because they had not ended by the deadline.
    pub abandoned: usize,
}

/// Serves `listener` until `shutdown` says for how long requests in flight may take to be answered, and then until they
/// are, or that time is over. Where the sending half of `shutdown` is dropped, they get no time.
pub async fn serve(
    listener: TcpListener,
    service: Arc<Service>,
    mut shutdown: oneshot::Receiver<Duration>,
) -> Drained {
    let room = Arc::new(Semaphore::new(service.config.max_connections as usize));
    let ending = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let drain_timeout = loop {
        tokio::select! {
            biased;
            timeout = &mut shutdown => break timeout.unwrap_or(Duration::ZERO),
            Some(_) = connections.join_next() => {}
            (stream, permit) = accept(&listener, &room) => {
                connections.spawn(connection(stream, Arc::clone(&service), ending.watcher(), permit));
            }
        }
    };
    drop(listener);
    let drained = tokio::time::timeout(drain_timeout, ending.shutdown()).await;
    while connections.try_join_next().is_some() {}
    let abandoned = if drained.is_ok() { 0 } else { connections.len() };
    connections.shutdown().await;
    Drained { abandoned }
}

/// The next connection, once there is room for it.
async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    let permit = Arc::clone(room).acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, permit),
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

async fn connection(
    stream: TcpStream,
    service: Arc<Service>,
    ending: Watcher,
    _permit: OwnedSemaphorePermit,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection is gone already");
        return;
    }
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(service.config.header_timeout)
        .max_buf_size(READ_BUFFER);
    let service = &*service;
    let answer = service_fn(async |request| Ok::<_, Infallible>(service.answer(request).await));
    if let Err(error) = ending.watch(http.serve_connection(TokioIo::new(stream), answer)).await {
        tracing::debug!(%error, "a connection ended early");
    }
}
