//! The private port: `/metrics`, `/healthz`, `/readyz`.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::metrics::{Exporter, Held, UPKEEP};
use super::{Periodic, Readiness, Status};
use crate::http::loopback::is_loopback;
use crate::http::{self, ConnectionLimits, Handler, WhenFull};

/// What the clients of the admin port may cost: some probes, scrapers and people. A probe is answered however many
/// connections others leave open.
const LIMITS: ConnectionLimits = ConnectionLimits {
    max_connections: 64,
    when_full: WhenFull::LongestQuietLeaves,
    header_timeout: Duration::from_secs(5),
    write_timeout: Duration::from_secs(5),
};

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
        // It is never asked to end: whoever drops this ends it.
        let (_running, shutdown) = oneshot::channel();
        let port = Port { is_loopback: is_of_this_machine(&listener), admin: Arc::clone(&admin) };
        tokio::join!(admin.keep_up(), http::serve(listener, Arc::new(port), LIMITS, None, shutdown));
    }

    /// Whether anybody asks for them or not.
    async fn keep_up(&self) {
        let mut upkeep = Periodic::every(UPKEEP);
        loop {
            upkeep.next().await;
            self.metrics.keep_up();
        }
    }

    async fn show(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
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

/// The port, as clients reach it.
#[derive(Debug)]
struct Port {
    admin: Arc<Admin>,
    /// Whether only this machine reaches it; its browsers then ask for any page (DNS rebinding).
    is_loopback: bool,
}

impl Handler for Port {
    async fn answer(&self, request: Request<Incoming>, _: IpAddr) -> Response<Full<Bytes>> {
        let host = request.headers().get(HOST).map(|host| host.to_str().unwrap_or_default());
        if self.is_loopback && !host.is_none_or(is_loopback) {
            let refusal = "this port is called by a loopback name only, such as localhost or 127.0.0.1\n";
            return text(StatusCode::FORBIDDEN, "text/plain", refusal.to_owned());
        }
        self.admin.show(&request).await
    }

    fn connected(&self) -> Option<Held> {
        None
    }
}

fn is_of_this_machine(listener: &TcpListener) -> bool {
    listener.local_addr().is_ok_and(|addr| addr.ip().to_canonical().is_loopback())
}

fn text(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(content_type));
    response
}
