//! One request → one answer: route, authenticate, act.

use std::fmt;
use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::body::{Body as _, Incoming};
use hyper::header::TRANSFER_ENCODING;
use hyper::http::request::Parts;
use hyper::{HeaderMap, Request, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::accumulator::Accumulator;
use super::auth::{Access, OpenKey, source};
use super::body::{
    Bodies, Body, DISCARD_TIME, DISCARD_TIME_OF_LATE, Purpose, Upload, discard, is_of_type, unsupported,
};
use super::cors::Cors;
use super::line::Owner;
use super::rate::Allowance;
use super::router::{Endpoint, Route, Router};
use super::{events, segment};
use crate::api::{self, Answer, Caller, Kind, Problem};
use crate::config::{Auth, HttpConfig};
use crate::event::{EnvelopeReader, Limits};
use crate::http::{self, Drained, Handler};
use crate::ops::metrics::{self, Held};
use crate::queue::{self, Shards};
use crate::store::keys::Scope;
use crate::store::{Forget, Pool, Searches, answered_within};
use crate::tls::Identity;

/// A change to a JSON document (RFC 7396).
const MERGE_PATCH: &str = "application/merge-patch+json";

/// What requests share.
pub struct Service {
    pub(super) config: HttpConfig,
    pub(super) accumulator: Accumulator,
    pub(super) bodies: Bodies,
    /// For bodies that hold the key of their request: until they are read, nobody has been let in.
    pub(super) keyed_bodies: Bodies,
    pub(super) readers: Readers,
    queue: Queue,
    pool: Pool,
    searches: Searches,
    cors: Cors,
    access: Access,
    router: Router,
}

/// Redis, for the routes that look into the queue.
#[derive(Clone, Debug)]
pub struct Queue {
    /// Connections to it.
    pub pool: queue::Pool,
    /// Its streams.
    pub shards: Shards,
}

/// Serves `listener` as [`http::serve`] does.
pub async fn serve(
    listener: TcpListener,
    service: Arc<Service>,
    identity: Option<Identity>,
    shutdown: oneshot::Receiver<Duration>,
) -> Drained {
    let limits = service.config.connection_limits();
    http::serve(listener, service, limits, identity, shutdown).await
}

impl Handler for Service {
    fn answer(&self, request: Request<Incoming>, peer: IpAddr) -> impl Future<Output = Answer> + Send {
        self.answer_in_time(request, peer)
    }

    fn connected(&self) -> Option<Held> {
        Some(metrics::connection())
    }
}

impl Service {
    /// A service that hands events to `accumulator`, and asks `queue` and `pool` for everything else.
    #[must_use]
    pub fn new(config: HttpConfig, auth: Auth, accumulator: Accumulator, queue: Queue, pool: Pool) -> Self {
        Self {
            bodies: Bodies::new(&config),
            keyed_bodies: Bodies::new(&segment::limits_of_keyed(&config)),
            readers: Readers::new(config.limits.clone()),
            cors: Cors::new(config.cors_origins.clone()),
            access: Access::new(auth, &config.cors_origins, &pool, clamped(config.max_events)),
            router: Router::new(),
            config,
            accumulator,
            queue,
            searches: Searches::on(pool.clone()),
            pool,
        }
    }

    async fn answer_in_time(&self, request: Request<Incoming>, peer: IpAddr) -> Answer {
        let (started, _underway) = (Instant::now(), metrics::request());
        let (head, mut body) = request.into_parts();
        let answer = self.respond_in_time(&head, peer, &mut body).await.unwrap_or_else(told(&head));
        metrics::http_request(answer.status().as_u16(), started.elapsed());
        if !body.is_end_stream() {
            let late = answer.status() == StatusCode::REQUEST_TIMEOUT;
            tokio::spawn(discard(body, if late { DISCARD_TIME_OF_LATE } else { DISCARD_TIME }));
        }
        answer
    }

    /// As [`Self::respond`], within the time that an answer may take, and with a body the time that it may take to arrive.
    async fn respond_in_time(
        &self,
        head: &Parts,
        peer: IpAddr,
        body: &mut Incoming,
    ) -> Result<Answer, Problem> {
        let HttpConfig { answer_timeout, body_timeout, .. } = self.config;
        let limit = if body.is_end_stream() { answer_timeout } else { answer_timeout + body_timeout };
        let _forget = Forget;
        let responding = pin!(self.respond(head, peer, body));
        if let Some(answer) = answered_within(limit, responding).await {
            return answer;
        }
        Err(Problem::new(
            Kind::Unavailable,
            format!(
                "there was no answer from the servers behind this one within {limit:?}; a change may have been made all the same, so look before you ask for it again"
            ),
        ))
    }

    async fn respond(&self, head: &Parts, peer: IpAddr, body: &mut Incoming) -> Result<Answer, Problem> {
        check_codings(&head.headers)?;
        if let Some(method) = self.cors.asked_method(head)
            && let Ok((Endpoint { scope: Some(Scope::Ingest), .. }, _)) =
                self.router.find(&method, head.uri.path())
        {
            return Ok(self.cors.preflight(&head.headers, &method));
        }
        let (endpoint, parameter) = self.router.find(&head.method, head.uri.path())?;
        let answer = self.admit(endpoint, &parameter, head, peer, body).await;
        let mut answer = answer.unwrap_or_else(told(head));
        if endpoint.scope == Some(Scope::Ingest) {
            self.cors.mark(&head.headers, &mut answer);
        }
        Ok(answer)
    }

    /// Answers who has a key for it, as far as that reaches.
    async fn admit(
        &self,
        endpoint: &Endpoint,
        parameter: &str,
        head: &Parts,
        peer: IpAddr,
        body: &mut Incoming,
    ) -> Result<Answer, Problem> {
        let source = source(peer);
        let may_be_open = endpoint.scope == Some(Scope::Ingest);
        let mut open = OpenKey::in_query(head.uri.query().filter(|_| may_be_open));
        let mut early = None;
        if let Route::SendSegment(call) = endpoint.route
            && open.is_none()
            && self.access.needs_open_key(&head.headers)
        {
            let mut unknown = Upload { incoming: &mut *body, owner: Owner { key: None, source } };
            let segment::Keyed { key, message } =
                Box::pin(segment::receive_keyed(self, call, &head.headers, &mut unknown)).await?;
            (open, early) = (Some(key), Some(message));
        }
        let (caller, mut allowance) = self.access.check(&head.headers, open, endpoint.scope, peer).await?;
        if matches!(endpoint.route, Route::CreateKey | Route::RevokeKey) {
            self.access.check_keys_in_use()?;
        }
        let owner = Owner { key: caller.key().map(|key| key.id.0), source };
        let mut upload = Upload { incoming: body, owner };
        let allowed = if endpoint.route.takes_events() {
            allowance.check(Instant::now())
        } else {
            allowance.take(1, Instant::now())
        };
        let answer = match (allowed, early) {
            (Err(refused), _) => Err(refused),
            (Ok(()), Some(message)) => Box::pin(message.accept(self, &caller, owner, &mut allowance)).await,
            (Ok(()), None) => {
                self.act(endpoint.route, parameter, &caller, &mut allowance, head, &mut upload).await
            }
        };
        if let Err(problem) = &answer {
            allowance.settle(problem.kind(), Instant::now());
        }
        let mut answer = answer.unwrap_or_else(told(head));
        answer.headers_mut().extend(allowance.headers());
        Ok(answer)
    }

    async fn act(
        &self,
        route: Route,
        parameter: &str,
        caller: &Caller,
        allowance: &mut Allowance,
        head: &Parts,
        body: &mut Upload<'_>,
    ) -> Result<Answer, Problem> {
        match route {
            Route::SendEvents => events::accept(self, caller, allowance, &head.headers, body).await,
            Route::SendSegment(call) => {
                segment::accept(self, caller, allowance, call, &head.headers, body).await
            }
            // Ten times as large as theirs, and would be moved with each event
            _ => Box::pin(self.manage(route, parameter, caller, head, body)).await,
        }
    }

    async fn manage(
        &self,
        route: Route,
        parameter: &str,
        caller: &Caller,
        head: &Parts,
        body: &mut Upload<'_>,
    ) -> Result<Answer, Problem> {
        let (queue, pool, query) = (&self.queue, &self.pool, head.uri.query());
        let (headers, limits, searches) = (&head.headers, &self.config.limits, &self.searches);
        match route {
            Route::SendEvents | Route::SendSegment(_) => unreachable!("they are no management"),
            Route::SearchEvents => api::events::search(pool, searches, query).await,
            Route::ReadEvent => api::events::read(searches, parameter, query).await,
            Route::ExplainEvent => api::campaigns::explain(pool, searches, parameter, query).await,
            Route::CreateCampaign => {
                let body = self.receive_json(head, body, api::campaigns::MAX_BODY).await?;
                api::campaigns::create(pool, caller, headers, &body).await
            }
            Route::ListCampaigns => api::campaigns::list(pool, query).await,
            Route::ReadCampaign => api::campaigns::read(pool, headers, parameter).await,
            Route::ChangeCampaign => {
                let merges_rules = is_of_type(headers, MERGE_PATCH);
                let types = &["application/json", MERGE_PATCH];
                let body = &self.receive_as(types, head, body, api::campaigns::MAX_BODY).await?;
                let patch = api::campaigns::Patch { body, merges_rules };
                api::campaigns::change(pool, caller, headers, parameter, patch).await
            }
            Route::StepCampaign(step) => api::campaigns::step(pool, caller, headers, parameter, step).await,
            Route::ListVersions => api::campaigns::versions(pool, parameter, query).await,
            Route::ListTriggers => api::campaigns::triggers(pool, searches, parameter, query).await,
            Route::CountTriggers => api::campaigns::stats(pool, searches, parameter, query).await,
            Route::TestCampaign => {
                let body = self.receive_json(head, body, api::campaigns::max_body(limits)).await?;
                api::campaigns::test(pool, limits, parameter, &body).await
            }
            Route::TestRules => {
                let body = self.receive_json(head, body, api::campaigns::max_body(limits)).await?;
                api::campaigns::test_rules(limits, &body).await
            }
            Route::ReadLedger => api::ledger::read(&queue.pool, pool, queue.shards, query).await,
            Route::ListDeadLetters => api::dead_letters::list(pool, query).await,
            Route::ReadDeadLetter => api::dead_letters::read(pool, parameter).await,
            Route::ReadContract => api::openapi::read(headers),
            Route::ReplayDeadLetter => {
                self.accumulator.check()?;
                api::dead_letters::replay(&queue.pool, pool, queue.shards, parameter).await
            }
            Route::CreateKey => {
                let body = self.receive_json(head, body, api::keys::MAX_BODY).await?;
                api::keys::create(pool, &body).await
            }
            Route::ListKeys => api::keys::list(pool, query).await,
            Route::RevokeKey => {
                let (answer, id) = api::keys::revoke(pool, parameter).await?;
                self.access.forget(id);
                Ok(answer)
            }
        }
    }

    /// Receives a body that must be JSON.
    async fn receive_json(
        &self,
        head: &Parts,
        body: &mut Upload<'_>,
        limit: usize,
    ) -> Result<Body<'_>, Problem> {
        self.receive_as(&["application/json"], head, body, limit).await
    }

    /// Receives a body that must be of one of these types.
    async fn receive_as(
        &self,
        types: &[&'static str],
        head: &Parts,
        body: &mut Upload<'_>,
        limit: usize,
    ) -> Result<Body<'_>, Problem> {
        if !types.iter().any(|media_type| is_of_type(&head.headers, media_type)) {
            return Err(unsupported(&head.headers, types));
        }
        let received = self.bodies.receive(&head.headers, body, limit, Purpose::Management).await?;
        received.unpack_to_keep().await
    }
}

/// As many events as go into a body, as rate limits count them.
fn clamped(events: NonZeroUsize) -> NonZeroU32 {
    events.try_into().unwrap_or(NonZeroU32::MAX)
}

/// Refuses a body that is coded for its transfer in another way than by chunks.
fn check_codings(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get(TRANSFER_ENCODING) {
        Some(coding) if !coding.as_bytes().eq_ignore_ascii_case(b"chunked") => {
            let detail = "of transfer codings only chunked is read here; send a packed body with Content-Encoding: gzip or zstd";
            Err(Problem::new(Kind::NotImplemented, detail))
        }
        _ => Ok(()),
    }
}

/// Makes a problem the answer to a request, in the words that its sender understands.
fn told(head: &Parts) -> impl Fn(Problem) -> Answer {
    |problem| segment::in_its_words(problem, head.uri.path()).into()
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Readers of events that are lent, so that their buffers are used again. There are never more than threads that read
/// at the same time, as a reader is not kept across an await.
#[derive(Debug)]
pub(super) struct Readers {
    limits: Limits,
    free: Mutex<Vec<EnvelopeReader>>,
}

impl Readers {
    fn new(limits: Limits) -> Self {
        Self { limits, free: Mutex::new(Vec::new()) }
    }

    /// Lends a reader to `read`.
    pub(super) fn with<R>(&self, read: impl FnOnce(&mut EnvelopeReader) -> R) -> R {
        let free = || self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let lent = free().pop();
        let mut reader = lent.unwrap_or_else(|| EnvelopeReader::new(self.limits.clone()));
        let result = read(&mut reader);
        free().push(reader);
        result
    }
}
