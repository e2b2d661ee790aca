//! The limits: hyper alone, with the body read, and with its events parsed.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Mutex;

use bytes::Bytes;
use campaign_manager::event::Parser;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

const MAX_BODY: usize = 5 << 20;
const MAX_DEPTH: usize = 64;

/// A server that answers everything with 202.
pub(crate) struct Limit {
    pub(crate) addr: SocketAddr,
}

impl Limit {
    /// Reads the body.
    pub(crate) async fn constant() -> anyhow::Result<Self> {
        Self::serve(|_| {}).await
    }

    /// Reads the body and parses its lines.
    pub(crate) async fn parsing() -> anyhow::Result<Self> {
        let parser = Mutex::new(Parser::new(MAX_DEPTH));
        Self::serve(move |body| {
            let mut parser = parser.lock().expect("no parser panics");
            for event in body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let nodes = parser.parse(event, |document| document.nodes().len());
                std::hint::black_box(nodes.expect("the events are well-formed"));
            }
        })
        .await
    }

    async fn serve(read: impl Fn(&[u8]) + Send + Sync + 'static) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let read: &'static _ = Box::leak(Box::new(read));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    stream.set_nodelay(true).expect("a new connection takes options");
                    let answer = service_fn(async |request: Request<Incoming>| {
                        #[expect(clippy::disallowed_methods, reason = "the body is limited")]
                        let body = Limited::new(request.into_body(), MAX_BODY).collect().await;
                        read(&body.expect("the client sends whole bodies").to_bytes());
                        let mut answer = Response::new(Full::new(Bytes::from_static(b"{\"accepted\":1}")));
                        *answer.status_mut() = StatusCode::ACCEPTED;
                        Ok::<_, Infallible>(answer)
                    });
                    // The client ends its connections when its time is over.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
                });
            }
        });
        Ok(Self { addr })
    }
}
