//! The private port: `/metrics`, `/healthz`, `/readyz`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use super::metrics::{Exporter, UPKEEP};
use super::{Periodic, Readiness, Status};

/// How long a client of the admin port may take to send its request's headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// What the admin port shows.
#[derive(Debug)]
pub struct Admin {
    /// The process' metrics.
    pub metrics: Exporter,
    /// What must hold for it to do its work.
    pub readiness: Readiness,
}

impl Admin {
    /// Answers requests, and keeps the metrics up, until it is dropped.
    pub async fn serve(self, listener: TcpListener) {
        let admin = Arc::new(self);
        tokio::join!(admin.keep_up(), admin.accept(&listener));
    }

    /// Whether anybody asks for them or not.
    async fn keep_up(&self) {
        let mut upkeep = Periodic::every(UPKEEP);
        loop {
            upkeep.next().await;
            self.metrics.keep_up();
        }
    }

    async fn accept(self: &Arc<Self>, listener: &TcpListener) {
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "no connection accepted on the admin port");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let admin = Arc::clone(self);
            tokio::spawn(async move {
                let answer = service_fn(|request| {
                    let admin = Arc::clone(&admin);
                    async move { Ok::<_, Infallible>(admin.answer(&request).await) }
                });
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEADER_TIMEOUT)
                    .serve_connection(TokioIo::new(stream), answer);
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "admin connection ended");
                }
            });
        }
    }

    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/metrics") => {
                text(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", self.metrics.render())
            }
            (&Method::GET, "/healthz") => text(StatusCode::OK, "text/plain", "ok\n".to_owned()),
            (&Method::GET, "/readyz") => self.ready().await,
            _ => text(
                StatusCode::NOT_FOUND,
                "text/plain",
                "this port has /metrics, /healthz and /readyz\n".to_owned(),
            ),
        }
    }

    async fn ready(&self) -> Response<Full<Bytes>> {
        let conditions = self.readiness.check().await;
        let is_ready = !conditions.iter().any(|(_, status)| matches!(status, Status::Failed(_)));
        let code = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let lines = conditions.iter().map(|(name, status)| match status {
            Status::Ok => format!("{name}: ok\n"),
            Status::Warning(reason) => format!("{name}: warning: {reason}\n"),
            Status::Failed(reason) => format!("{name}: {reason}\n"),
        });
        text(code, "text/plain", lines.collect())
    }
}

fn text(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(content_type));
    response
}
