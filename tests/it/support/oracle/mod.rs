//! The oracle: a client that knows what must be stored.
//!
//! It sends events to `POST /events`, several requests side by side, some events more than once, and each request again
//! until it is answered with 2xx. An id in such an answer is an *obligation*: it must be stored once, or be a dead
//! letter. What was never acknowledged may be stored or not, but not twice. [`Oracle::verdict`] compares.

mod events;
mod flood;
mod verdict;

pub(crate) use events::event_id;
use events::payload;
pub(crate) use flood::Flood;
use verdict::Verdict;
pub(crate) use verdict::{until_drained, until_drained_within};

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::{Client, StatusCode, header::RETRY_AFTER};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{interval, sleep};

use super::{DEADLINE, TestStores, until};

/// Requests side by side.
const SENDERS: usize = 4;
/// New events in a request.
const BATCH: usize = 20;
/// Between two requests of a sender: together they send some 4,000 events a second.
const PACE: Duration = Duration::from_millis(20);
/// Before a request is sent again, whatever `Retry-After` says: the server asks for a second, which is long for a test.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The share of duplicates where a test does not ask for another, in percent.
const DUPLICATES: u32 = 10;

/// The client.
pub(crate) struct Oracle {
    ledger: Arc<Ledger>,
    campaigns: Vec<i64>,
    /// Of the events, so many are sent once more, in percent.
    pub(crate) duplicates: u32,
    /// Between two requests of a sender.
    pub(crate) pace: Duration,
    senders: JoinSet<()>,
    fault_ended_at: Option<Timestamp>,
}

/// What was sent, and what became of it.
struct Ledger {
    /// Where requests go, in turn.
    targets: Mutex<Vec<SocketAddr>>,
    turn: AtomicUsize,
    /// The number of the next new event, and of the first that is not sent any more.
    next: AtomicUsize,
    end: AtomicUsize,
    /// No event with this number or a greater one was ever sent.
    sent: AtomicUsize,
    acknowledged: Mutex<BTreeSet<usize>>,
    /// Events in answers with 2xx, repeated ones counted again.
    accepted: AtomicUsize,
    refused: AtomicUsize,
    broken: AtomicUsize,
}

impl Ledger {
    /// The address whose turn it is.
    fn target(&self) -> SocketAddr {
        let targets = self.targets.lock().unwrap();
        targets[self.turn.fetch_add(1, Ordering::SeqCst) % targets.len()]
    }
}

impl Oracle {
    /// An oracle for the server at `target`; creates its campaigns there.
    pub(crate) async fn new(target: SocketAddr) -> Self {
        let mut campaigns = Vec::new();
        for rules in events::rules() {
            campaigns.push(create_campaign(target, &rules).await);
        }
        let ledger = Ledger {
            targets: Mutex::new(vec![target]),
            turn: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
            end: AtomicUsize::new(usize::MAX),
            sent: AtomicUsize::new(0),
            acknowledged: Mutex::default(),
            accepted: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            broken: AtomicUsize::new(0),
        };
        Self {
            ledger: Arc::new(ledger),
            campaigns,
            duplicates: DUPLICATES,
            pace: PACE,
            senders: JoinSet::new(),
            fault_ended_at: None,
        }
    }

    /// Sends in the background until [`Self::stop`].
    pub(crate) fn start(&mut self) {
        self.start_until(usize::MAX);
    }

    fn start_until(&mut self, end: usize) {
        self.ledger.end.store(end, Ordering::SeqCst);
        for seed in 0..SENDERS {
            let sender = Sender {
                ledger: Arc::clone(&self.ledger),
                duplicates: self.duplicates,
                pace: self.pace,
                client: Client::builder().no_proxy().timeout(PATIENCE).build().unwrap(),
                random: StdRng::seed_from_u64(seed as u64),
            };
            self.senders.spawn(sender.run());
        }
    }

    /// Sends so many events, and waits until all are acknowledged.
    pub(crate) async fn send(&mut self, events: usize) {
        self.start_until(self.ledger.next.load(Ordering::SeqCst) + events);
        self.finish().await;
    }

    /// What is sent next are the events from the first one on, again.
    pub(crate) fn rewind(&self) {
        self.rewind_by(usize::MAX);
    }

    /// What is sent next are the last so many events, again.
    pub(crate) fn rewind_by(&self, events: usize) {
        let next = self.ledger.next.load(Ordering::SeqCst);
        self.ledger.next.store(next.saturating_sub(events), Ordering::SeqCst);
    }

    /// Sends everything again that was acknowledged so far, and waits until it is once more.
    pub(crate) async fn send_again(&mut self) {
        let sent = self.ledger.acknowledged.lock().unwrap().last().map_or(0, |last| last + 1);
        self.rewind();
        self.send(sent).await;
    }

    /// Ends sending, and waits until what is under way is acknowledged.
    pub(crate) async fn stop(&mut self) {
        self.ledger.end.store(0, Ordering::SeqCst);
        self.finish().await;
    }

    async fn finish(&mut self) {
        let all = async { while self.senders.join_next().await.transpose().unwrap().is_some() {} };
        let ended = tokio::time::timeout(DEADLINE, all).await;
        assert!(ended.is_ok(), "the server has not acknowledged everything within {DEADLINE:?}");
    }

    /// Sends to another address from now on: the server was started again.
    pub(crate) fn redirect(&self, target: SocketAddr) {
        self.redirect_to(vec![target]);
    }

    /// Sends to these addresses in turn from now on.
    pub(crate) fn redirect_to(&self, targets: Vec<SocketAddr>) {
        *self.ledger.targets.lock().unwrap() = targets;
    }

    /// How many requests were answered with 429 or 503.
    pub(crate) fn refused(&self) -> usize {
        self.ledger.refused.load(Ordering::SeqCst)
    }

    /// Where it sends to.
    pub(crate) fn target(&self) -> SocketAddr {
        self.ledger.target()
    }

    /// How many distinct events were acknowledged so far.
    pub(crate) fn obligations(&self) -> usize {
        self.ledger.acknowledged.lock().unwrap().len()
    }

    /// How many events are in answers with 2xx, repeated ones counted again.
    pub(crate) fn accepted(&self) -> usize {
        self.ledger.accepted.load(Ordering::SeqCst)
    }

    /// Waits until so many more events were acknowledged.
    pub(crate) async fn until_acknowledged(&self, more: usize) {
        let wanted = self.obligations() + more;
        until(&format!("{more} more events acknowledged"), DEADLINE, async || self.obligations() >= wanted)
            .await;
    }

    /// Waits until so many more requests were refused with 429 or 503.
    pub(crate) async fn until_refused(&self, more: usize) {
        let wanted = self.refused() + more;
        until(&format!("{more} more requests refused"), DEADLINE, async || self.refused() >= wanted).await;
    }

    /// The fault is over now: waits until something that came later is stored. The verdict tells how long that took.
    pub(crate) async fn until_recovered(&mut self, stores: &TestStores) {
        let ended_at = Timestamp::now();
        self.fault_ended_at = Some(ended_at);
        let client = stores.postgres().await;
        let newer = "select exists (select from frames where stored_at >= $1)";
        until("the first rows after the fault", DEADLINE, async || {
            client.query_one(newer, &[&ended_at]).await.unwrap().get(0)
        })
        .await;
    }

    /// Waits until the queue is empty and nothing changes any more, and compares. The senders must have ended.
    pub(crate) async fn verdict(&self, stores: &TestStores, fault: &str) -> Verdict {
        assert!(self.senders.is_empty(), "the oracle is still sending");
        until_drained(stores).await;
        verdict::compare(self, stores, fault).await
    }
}

/// One of the tasks that send.
struct Sender {
    ledger: Arc<Ledger>,
    duplicates: u32,
    pace: Duration,
    client: Client,
    random: StdRng,
}

impl Sender {
    async fn run(mut self) {
        let mut pace = interval(self.pace);
        loop {
            pace.tick().await;
            let first = self.ledger.next.fetch_add(BATCH, Ordering::SeqCst);
            let end = self.ledger.end.load(Ordering::SeqCst);
            if first >= end {
                return;
            }
            let new = first..end.min(first + BATCH);
            self.ledger.sent.fetch_max(new.end, Ordering::SeqCst);
            let numbers = self.with_duplicates(new);
            self.send_until_acknowledged(&numbers).await;
        }
    }

    /// Repeats some of the events, and some that any sender sent before.
    fn with_duplicates(&mut self, new: std::ops::Range<usize>) -> Vec<usize> {
        let mut numbers: Vec<usize> = new.clone().collect();
        for number in new.clone() {
            if self.random.random_range(0..100) < self.duplicates {
                let within = self.random.random_bool(0.5);
                let again =
                    if within || new.start == 0 { number } else { self.random.random_range(0..new.start) };
                numbers.insert(self.random.random_range(0..=numbers.len()), again);
            }
        }
        numbers
    }

    async fn send_until_acknowledged(&self, numbers: &[usize]) {
        let body: String = numbers.iter().map(|number| payload(*number) + "\n").collect();
        while let Err(pause) = self.send_once(&body).await {
            sleep(pause).await;
        }
        self.ledger.accepted.fetch_add(numbers.len(), Ordering::SeqCst);
        self.ledger.acknowledged.lock().unwrap().extend(numbers);
    }

    /// `Err` says how long to wait before the request is sent again.
    async fn send_once(&self, body: &str) -> Result<(), Duration> {
        let target = self.ledger.target();
        let request = self.client.post(format!("http://{target}/events"));
        let sent = request.header("content-type", "application/x-ndjson").body(body.to_owned()).send().await;
        let Ok(answer) = sent else {
            self.ledger.broken.fetch_add(1, Ordering::SeqCst);
            return Err(LONGEST_PAUSE);
        };
        let status = answer.status();
        if status == StatusCode::ACCEPTED {
            return Ok(());
        }
        let is_refusal = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&status);
        assert!(is_refusal, "an answer that no event deserves: {status}: {:?}", answer.text().await);
        let asked = answer.headers().get(RETRY_AFTER).expect("a refusal says when to come again");
        let asked = Duration::from_secs(asked.to_str().unwrap().parse().unwrap());
        self.ledger.refused.fetch_add(1, Ordering::SeqCst);
        Err(asked.min(LONGEST_PAUSE))
    }
}

async fn create_campaign(target: SocketAddr, rules: &Value) -> i64 {
    let campaign = json!({"name": "a campaign", "status": "active", "rules": rules});
    let client = Client::builder().no_proxy().build().unwrap();
    let created = client.post(format!("http://{target}/campaigns")).json(&campaign).send().await.unwrap();
    assert_eq!(created.status(), StatusCode::CREATED);
    created.json::<Value>().await.unwrap()["id"].as_i64().unwrap()
}
