//! One HTTP/1.1 connection, kept alive, with one request at a time.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Target;
use crate::tls::{self, TlsError};

/// How long connecting, and an answer, may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The largest answer that is read: far more than the ids of the largest batch.
const MAX_ANSWER: usize = 16 << 20;

/// A connection to the server. After a failure the next request opens it anew.
#[derive(Debug)]
pub struct Connection {
    target: Target,
    headers: HeaderMap,
    open: Option<SendRequest<Full<Bytes>>>,
}

/// What the server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// For how long the server wants to be left alone.
    pub retry_after: Option<Duration>,
    /// The body.
    pub body: Bytes,
}

/// Why there is no answer. The request may have had its effect nevertheless.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// Nobody listens, or nobody is reached.
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    /// The server's certificate cannot be verified, or it does not speak TLS.
    #[error("no secure connection: {}", tls::explain(.0))]
    Handshake(io::Error),
    /// TLS cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The connection broke, or the answer was not HTTP.
    #[error("the connection failed: {}", innermost(.0))]
    Http(#[from] hyper::Error),
    /// The answer did not come in time.
    #[error("no answer within {TIMEOUT:?}")]
    Timeout,
    /// The answer is of an absurd size.
    #[error("the answer is longer than {MAX_ANSWER} bytes")]
    TooLong,
}

impl Connection {
    /// A connection that opens with its first request.
    #[must_use]
    pub fn new(target: &Target) -> Self {
        let mut headers = HeaderMap::new();
        headers.extend(HeaderValue::from_str(&target.authority()).ok().map(|host| (HOST, host)));
        headers.extend(target.authorization().map(|value| (AUTHORIZATION, value)));
        Self { target: target.clone(), headers, open: None }
    }

    /// Opens the connection, if it is not.
    pub async fn open(&mut self) -> Result<(), RequestError> {
        self.sender().await.map(|_| ())
    }

    /// Asks for `path`.
    pub async fn get(&mut self, path: &str) -> Result<Answer, RequestError> {
        self.send(Method::GET, path, None, Bytes::new()).await
    }

    /// Posts `body` to `path`.
    pub async fn post(
        &mut self,
        path: &str,
        media_type: &'static str,
        body: Bytes,
    ) -> Result<Answer, RequestError> {
        self.send(Method::POST, path, Some(HeaderValue::from_static(media_type)), body).await
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        media_type: Option<HeaderValue>,
        body: Bytes,
    ) -> Result<Answer, RequestError> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().expect("paths are made of fixed texts, numbers and event ids");
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().extend(media_type.map(|value| (CONTENT_TYPE, value)));
        let answer = match tokio::time::timeout(TIMEOUT, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(RequestError::Timeout),
        };
        if answer.is_err() {
            self.open = None;
        }
        answer
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, RequestError> {
        let response = self.sender().await?.send_request(request).await?;
        let (status, retry_after) = (response.status(), retry_after(response.headers()));
        Ok(Answer { status, retry_after, body: read(response).await? })
    }

    async fn sender(&mut self) -> Result<&mut SendRequest<Full<Bytes>>, RequestError> {
        let usable = match self.open.take() {
            Some(mut sender) => sender.ready().await.is_ok().then_some(sender),
            None => None,
        };
        let sender = match usable {
            Some(sender) => sender,
            None => connect(&self.target).await?,
        };
        Ok(self.open.insert(sender))
    }
}

async fn connect(target: &Target) -> Result<SendRequest<Full<Bytes>>, RequestError> {
    let stream = tokio::time::timeout(TIMEOUT, TcpStream::connect(target.socket()))
        .await
        .map_err(|_| RequestError::Timeout)?
        .map_err(RequestError::Connect)?;
    stream.set_nodelay(true).map_err(RequestError::Connect)?;
    let Some(client) = target.tls()? else { return speak(stream).await };
    let name = ServerName::try_from(target.socket().0.to_owned())
        .map_err(|error| RequestError::Handshake(io::Error::other(error)))?;
    let secured = tokio::time::timeout(TIMEOUT, TlsConnector::from(client).connect(name, stream))
        .await
        .map_err(|_| RequestError::Timeout)?
        .map_err(RequestError::Handshake)?;
    speak(secured).await
}

/// Speaks HTTP on a stream.
async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<SendRequest<Full<Bytes>>, RequestError> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // How the connection ends is told to whoever waits for an answer on it.
    tokio::spawn(async { drop(connection.await) });
    Ok(sender)
}

#[expect(clippy::disallowed_methods, reason = "the body is limited")]
async fn read(response: Response<Incoming>) -> Result<Bytes, RequestError> {
    match Limited::new(response.into_body(), MAX_ANSWER).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(RequestError::TooLong),
        Err(error) => match error.downcast::<hyper::Error>() {
            Ok(error) => Err(RequestError::Http(*error)),
            Err(_) => Err(RequestError::TooLong),
        },
    }
}

/// What `Retry-After` says, in its form of seconds, the only one that the server uses.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

/// hyper wraps the reason in a general sentence.
fn innermost(error: &hyper::Error) -> String {
    use std::error::Error as _;
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}
