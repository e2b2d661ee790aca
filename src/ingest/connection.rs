//! One connection, from its handshake to its end.
//!
//! Invariants: a client has the time for headers also for the handshake, and between two requests; one that reads nothing
//! is cut off; what follows an ambiguous request on its connection is never read as another one.

use std::convert::Infallible;
use std::pin::pin;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use super::framing::LONGEST_HEAD;
use super::service::Service;
use super::transport::{Crowd, Guarded};
use crate::ops::metrics;
use crate::tls::Acceptor;

/// The most headers of a request.
const HEADERS: usize = 100;

/// Serves `stream` until its client ends it, or is too slow, or `ending` says so and what is in flight is answered.
pub(super) async fn serve_connection(
    stream: TcpStream,
    service: &Service,
    tls: Option<Acceptor>,
    crowd: Crowd,
    mut ending: watch::Receiver<bool>,
) {
    let _open = metrics::connection();
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection is gone already");
        return;
    }
    let Some(tls) = tls else { return requests(stream, service, crowd, ending).await };
    let handshake = timeout(service.config.header_timeout, tls.current().accept(stream));
    let shaken = tokio::select! {
        biased;
        () = ended(&mut ending) => return,
        shaken = handshake => shaken,
    };
    match shaken {
        Ok(Ok(stream)) => requests(stream, service, crowd, ending).await,
        Ok(Err(error)) => tracing::debug!(%error, "a handshake failed"),
        Err(_) => tracing::debug!("a handshake took too long"),
    }
}

async fn requests(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    service: &Service,
    crowd: Crowd,
    mut ending: watch::Receiver<bool>,
) {
    let stream = Guarded::new(stream, crowd, service.config.write_timeout);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(service.config.header_timeout)
        // Of what is read. Where it holds no whole head, hyper answers that the head is too long.
        .max_buf_size(LONGEST_HEAD)
        .max_headers(HEADERS);
    let answer = service_fn(async |request| Ok::<_, Infallible>(service.answer(request).await));
    let mut http = pin!(http.serve_connection(TokioIo::new(stream), answer));
    let served = tokio::select! {
        biased;
        served = http.as_mut() => served,
        () = ended(&mut ending) => {
            http.as_mut().graceful_shutdown();
            http.await
        }
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
