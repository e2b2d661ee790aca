//! One request → one answer: route, authenticate, act.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use deadpool_postgres::Pool;
use hyper::body::{Body, Incoming};
use hyper::http::request::Parts;
use hyper::{Request, StatusCode};

use super::accumulator::Accumulator;
use super::auth::Access;
use super::body::{Bodies, DISCARD_TIME, DISCARD_TIME_OF_LATE, discard, is_of_type, unsupported};
use super::router::{Route, Router};
use super::{events, segment};
use crate::api::{self, Answer, Problem};
use crate::config::{Auth, HttpConfig};
use crate::event::{EnvelopeReader, Limits};
use crate::ops::metrics;
use crate::queue::{self, Shards};

/// What requests share.
pub struct Service {
    pub(super) config: HttpConfig,
    pub(super) accumulator: Accumulator,
    pub(super) bodies: Bodies,
    pub(super) readers: Readers,
    queue: Queue,
    pool: Pool,
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

impl Service {
    /// A service that hands events to `accumulator`, and asks `queue` and `pool` for everything else.
    #[must_use]
    pub fn new(config: HttpConfig, auth: Auth, accumulator: Accumulator, queue: Queue, pool: Pool) -> Self {
        Self {
            bodies: Bodies::new(&config),
            readers: Readers::new(config.limits.clone()),
            access: Access::new(auth, &pool),
            router: Router::new(),
            config,
            accumulator,
            queue,
            pool,
        }
    }

    /// Answers a request.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Answer {
        let started = Instant::now();
        let (head, mut body) = request.into_parts();
        let answer = self.respond(&head, &mut body).await;
        let answer = answer.unwrap_or_else(|problem| segment::in_its_words(problem, head.uri.path()).into());
        metrics::http_request(answer.status().as_u16(), started.elapsed());
        if !body.is_end_stream() {
            let late = answer.status() == StatusCode::REQUEST_TIMEOUT;
            tokio::spawn(discard(body, if late { DISCARD_TIME_OF_LATE } else { DISCARD_TIME }));
        }
        answer
    }

    async fn respond(&self, head: &Parts, body: &mut Incoming) -> Result<Answer, Problem> {
        let (endpoint, parameter) = self.router.find(&head.method, head.uri.path())?;
        let _caller = self.access.check(&head.headers, endpoint.scope).await?;
        let (queue, pool, query) = (&self.queue, &self.pool, head.uri.query());
        match endpoint.route {
            Route::SendEvents => events::accept(self, &head.headers, body).await,
            Route::SendSegment(call) => segment::accept(self, call, &head.headers, body).await,
            Route::SearchEvents => api::events::search(pool, query).await,
            Route::ReadEvent => api::events::read(pool, &parameter).await,
            Route::CreateCampaign => self.create_campaign(head, body).await,
            Route::ListCampaigns => api::campaigns::list(pool, query).await,
            Route::ReadCampaign => api::campaigns::read(pool, &parameter).await,
            Route::StepCampaign(step) => api::campaigns::step(pool, &parameter, step).await,
            Route::ReadLedger => api::ledger::read(&queue.pool, pool, queue.shards, query).await,
            Route::ListDeadLetters => api::dead_letters::list(pool, query).await,
            Route::ReadDeadLetter => api::dead_letters::read(pool, &parameter).await,
            Route::ReadContract => Ok(api::openapi::read()),
            Route::ReplayDeadLetter => {
                self.accumulator.check()?;
                api::dead_letters::replay(&queue.pool, pool, queue.shards, &parameter).await
            }
        }
    }

    async fn create_campaign(&self, head: &Parts, body: &mut Incoming) -> Result<Answer, Problem> {
        if !is_of_type(&head.headers, "application/json") {
            return Err(unsupported(&head.headers, &["application/json"]));
        }
        let body = self.bodies.receive(&head.headers, body, api::campaigns::MAX_BODY).await?;
        api::campaigns::create(&self.pool, &body).await
    }
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
