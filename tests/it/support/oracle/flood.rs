//! An open loop: requests go out when it is their time, whether or not those before them were answered, and none of them is
//! sent again. What is acknowledged is an obligation as any other.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::{Client, StatusCode, header::RETRY_AFTER};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::{Ledger, Oracle, PATIENCE, payload};

/// How a load is laid out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flood {
    /// Requests in all.
    pub(crate) requests: usize,
    /// Between two of them.
    pub(crate) pace: Duration,
    /// Events in each.
    pub(crate) events: usize,
}

impl Oracle {
    /// Sends the load; waits until each request is answered.
    pub(crate) async fn flood(&mut self, Flood { requests, pace, events }: Flood) {
        let client = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let mut pace = interval(pace);
        // Late requests are made up for: the load does not bend to the server.
        pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut under_way = JoinSet::new();
        for _ in 0..requests {
            pace.tick().await;
            let first = self.ledger.next.fetch_add(events, Ordering::SeqCst);
            under_way.spawn(send(client.clone(), Arc::clone(&self.ledger), first..first + events));
        }
        under_way.join_all().await;
    }
}

async fn send(client: Client, ledger: Arc<Ledger>, numbers: Range<usize>) {
    let target = ledger.target();
    let body: String = numbers.clone().map(|number| payload(number) + "\n").collect();
    let request = client.post(format!("http://{target}/events"));
    let Ok(answer) = request.header("content-type", "application/x-ndjson").body(body).send().await else {
        ledger.broken.fetch_add(1, Ordering::SeqCst);
        return;
    };
    match answer.status() {
        StatusCode::ACCEPTED => {
            ledger.accepted.fetch_add(numbers.len(), Ordering::SeqCst);
            ledger.acknowledged.lock().unwrap().extend(numbers);
        }
        StatusCode::TOO_MANY_REQUESTS => {
            let wait = answer.headers().get(RETRY_AFTER).expect("a refusal says when to come again");
            assert!(wait.to_str().unwrap().parse::<u64>().unwrap() >= 1, "{wait:?}");
            ledger.refused.fetch_add(1, Ordering::SeqCst);
        }
        status => unreachable!("an overloaded server answers 429: {status}: {:?}", answer.text().await),
    }
}
