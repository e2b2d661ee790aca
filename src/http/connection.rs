//! One connection, from its handshake to its end.
//!
//! Invariants: a client has the time for headers also for the handshake, and between two requests; one that reads nothing
//! is cut off; what follows an ambiguous request on its connection is never read as another one.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use super::crowd::Crowd;
use super::framing::LONGEST_HEAD;
use super::places::Seat;
use super::transport::Guarded;
use super::{ConnectionLimits, Handler};
use crate::tls::Acceptor;

/// The most headers of a request.
const HEADERS: usize = 100;
/// The most that is read at once, of a large body.
const LONGEST_READ: usize = 64 * 1024;

/// What the connections of a port share.
pub(super) struct Port<H> {
    pub(super) handler: Arc<H>,
    pub(super) limits: ConnectionLimits,
    pub(super) tls: Option<Acceptor>,
}

/// The place of a connection, and when the server ends.
type Stay = (Seat, watch::Receiver<bool>);

/// Serves `stream` until its client ends it, is too slow or has to give way, or the server ends and what is in flight is
/// answered.
pub(super) async fn serve_connection<H: Handler>(
    stream: TcpStream,
    peer: IpAddr,
    port: &Port<H>,
    crowd: Crowd,
    (seat, mut ending): Stay,
) {
    let _open = port.handler.connected();
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection is gone already");
        return;
    }
    let Some(tls) = &port.tls else { return requests(stream, peer, port, crowd, (seat, ending)).await };
    let handshake = timeout(port.limits.header_timeout, tls.current().accept(stream));
    let shaken = tokio::select! {
        biased;
        () = ended(&mut ending) => return,
        () = seat.has_to_leave() => return,
        shaken = handshake => shaken,
    };
    match shaken {
        Ok(Ok(stream)) => requests(stream, peer, port, crowd, (seat, ending)).await,
        Ok(Err(error)) => tracing::debug!(%error, "a handshake failed"),
        Err(_) => tracing::debug!("a handshake took too long"),
    }
}

async fn requests<H: Handler>(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: IpAddr,
    port: &Port<H>,
    crowd: Crowd,
    (seat, mut ending): Stay,
) {
    let stream = Guarded::new(stream, crowd, port.limits.write_timeout);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(port.limits.header_timeout)
        .max_header_size(LONGEST_HEAD)
        .max_buf_size(LONGEST_READ)
        .max_headers(HEADERS);
    let answer = service_fn(async |request| {
        seat.work();
        let answer = port.handler.answer(request, peer).await;
        seat.rest();
        Ok::<_, Infallible>(answer)
    });
    let mut http = pin!(http.serve_connection(TokioIo::new(stream), answer));
    let served = tokio::select! {
        biased;
        served = http.as_mut() => served,
        () = ended(&mut ending) => {
            http.as_mut().graceful_shutdown();
            http.await
        }
        () = seat.has_to_leave() => Ok(()),
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Waits until the server ends.
async fn ended(ending: &mut watch::Receiver<bool>) {
    // A server that is gone has ended too.
    let _ = ending.wait_for(|ending| *ending).await;
}
