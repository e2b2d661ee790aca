//! Asks the database what has become of events beside whoever wants to know: a database that does not answer keeps nobody
//! waiting for long.
//!
//! Invariant: one question is on its way at most, so that a slow database is not asked ever more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::store::{Settled, Store};
use crate::LoadError;

/// How long who asks waits for the answer at most.
const PROMPT: Duration = Duration::from_millis(100);

/// The database, and a question that may be on its way to it.
#[derive(Debug)]
pub(super) struct Beside {
    store: Arc<Mutex<Store>>,
    since: Timestamp,
    question: Option<Question>,
}

#[derive(Debug)]
struct Question {
    asked: Instant,
    answer: JoinHandle<Result<Settled, LoadError>>,
}

/// What has come of a question.
#[derive(Debug)]
pub(super) enum Answer {
    /// What has become of events, and how long the answer took.
    Settled(Settled, Duration),
    /// The database did not say.
    Failed(LoadError),
    /// It may still say.
    Awaited,
}

impl Beside {
    /// Asks of events received since then.
    pub(super) fn new(store: Store, since: Timestamp) -> Self {
        Self { store: Arc::new(Mutex::new(store)), since, question: None }
    }

    /// The database, and since when its rows matter.
    pub(super) fn store(&self) -> (Arc<Mutex<Store>>, Timestamp) {
        (Arc::clone(&self.store), self.since)
    }

    /// Asks, unless the answer to an earlier question is awaited, and waits a moment for the answer.
    pub(super) async fn ask(&mut self) -> Answer {
        let (store, since) = (&self.store, self.since);
        let question = self.question.get_or_insert_with(|| {
            let store = Arc::clone(store);
            let answer = tokio::spawn(async move { store.lock().await.settled(since).await });
            Question { asked: Instant::now(), answer }
        });
        let Ok(answer) = timeout(PROMPT, &mut question.answer).await else { return Answer::Awaited };
        let took = question.asked.elapsed();
        self.question = None;
        match answer.expect("the question neither panics nor is aborted") {
            Ok(settled) => Answer::Settled(settled, took),
            Err(error) => Answer::Failed(error),
        }
    }
}
