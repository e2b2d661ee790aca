//! The tool's own campaigns: created for a run, live before it begins, archived after it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Connection, RequestError, Target, problem};
use crate::LoadError;
use crate::workload::Workload;

/// How long it may take until a campaign matches.
const LIVE_WITHIN: Duration = Duration::from_secs(30);
/// How long a server may go on to refuse a request because there are too many.
const PATIENCE: Duration = Duration::from_secs(30);
/// Probes in a round, each of another user, so that they spread over shards and workers.
const PROBES: u32 = 8;
/// Between two looks at whether a probe is stored.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The campaigns of a run, and the connection to manage them.
#[derive(Debug)]
pub struct Campaigns {
    target: Target,
    connection: Connection,
    ids: Vec<i64>,
    probe: Option<i64>,
}

/// A probe that the campaigns' workers have seen.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The id of a stored probe.
    pub event_id: String,
    /// When the server received it, by its own clock.
    pub received_at: Timestamp,
}

#[derive(Deserialize)]
struct Created {
    id: i64,
}

#[derive(Deserialize)]
struct Stored {
    received_at: Timestamp,
    campaign_ids: Vec<i64>,
}

impl Campaigns {
    /// No campaigns yet.
    #[must_use]
    pub fn new(target: &Target) -> Self {
        Self { target: target.clone(), connection: Connection::new(target), ids: Vec::new(), probe: None }
    }

    /// The server's ids of the campaigns, in the order of the workload's rules.
    #[must_use]
    pub fn ids(&self) -> &[i64] {
        &self.ids
    }

    /// Creates an active campaign for each rule of the workload, unless stopped in between.
    pub async fn create(&mut self, workload: &Workload, stopped: &AtomicBool) -> Result<(), LoadError> {
        for rule in workload.rules() {
            go_on(stopped)?;
            let name = format!("{}: {}", workload.run(), rule.title());
            let id = self.create_one(&name, rule.pattern()).await?;
            self.ids.push(id);
        }
        Ok(())
    }

    /// Waits until the campaigns match, and returns a probe that showed it. The probes have a campaign of their own, the
    /// last to be created: a worker that knows it knows all of the run's.
    pub async fn wait_until_live(
        &mut self,
        workload: &Workload,
        stopped: &AtomicBool,
    ) -> Result<Seen, LoadError> {
        let name = format!("{}: probe", workload.run());
        let event_type = format!("{}-probe", workload.run());
        let probe = self.create_one(&name, json!({"event_type": [event_type]})).await?;
        self.probe = Some(probe);
        let deadline = Instant::now() + LIVE_WITHIN;
        let mut round = 0_u32;
        while Instant::now() < deadline {
            go_on(stopped)?;
            let ids: Vec<String> = (0..PROBES).map(|i| format!("{event_type}-{round}-{i}")).collect();
            self.send_probes(&event_type, &ids).await?;
            let mut seen = Vec::new();
            for id in ids {
                let Some(stored) = self.wait_until_stored(&id, deadline).await? else { break };
                if stored.campaign_ids.contains(&probe) {
                    seen.push(Seen { event_id: id, received_at: stored.received_at });
                }
            }
            if seen.len() == PROBES as usize
                && let Some(seen) = seen.pop()
            {
                return Ok(seen);
            }
            round += 1;
        }
        Err(LoadError::NotLive { campaign: name, waited: LIVE_WITHIN })
    }

    /// Archives what was created. Returns how many campaigns had to be left active, because the server does not answer.
    pub async fn archive(&mut self) -> usize {
        let mut left: Vec<i64> = self.ids.drain(..).chain(self.probe.take()).collect();
        while let Some(&id) = left.last() {
            let path = format!("/campaigns/{id}/archive");
            match self.post(&path, Bytes::new()).await {
                Ok(answer) if answer.status.is_success() => left.pop(),
                _ => break,
            };
        }
        left.len()
    }

    async fn create_one(&mut self, name: &str, rules: Value) -> Result<i64, LoadError> {
        let body = json!({
            "name": name,
            "description": "Made by loadtest for one run, and archived at its end.",
            "status": "active",
            "rules": rules,
        });
        let answer = self.post("/campaigns", body.to_string().into()).await;
        let answer = self.expect("POST /campaigns", StatusCode::CREATED, answer)?;
        let Created { id } = self.read("POST /campaigns", &answer)?;
        Ok(id)
    }

    async fn send_probes(&mut self, event_type: &str, ids: &[String]) -> Result<(), LoadError> {
        let events: Vec<Value> =
            ids.iter().map(|id| json!({"event_id": id, "event_type": event_type, "user_id": id})).collect();
        let answer = self.post("/events", Value::from(events).to_string().into()).await;
        self.expect("POST /events", StatusCode::ACCEPTED, answer).map(|_| ())
    }

    async fn wait_until_stored(
        &mut self,
        event_id: &str,
        deadline: Instant,
    ) -> Result<Option<Stored>, LoadError> {
        while Instant::now() < deadline {
            let route = format!("/events/{event_id}");
            let answer = self.connection.get(&route).await;
            match answer {
                Ok(answer) if answer.status == StatusCode::NOT_FOUND => tokio::time::sleep(LOOK_EVERY).await,
                answer => {
                    let answer = self.expect("GET /events/{event_id}", StatusCode::OK, answer)?;
                    return self.read("GET /events/{event_id}", &answer).map(Some);
                }
            }
        }
        Ok(None)
    }

    /// Posts JSON. While the server wants to be left alone, it is, unless that takes too long.
    async fn post(&mut self, path: &str, body: Bytes) -> Result<Answer, RequestError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.connection.post(path, "application/json", body.clone()).await?;
            match answer.retry_after {
                Some(told)
                    if answer.status == StatusCode::TOO_MANY_REQUESTS && Instant::now() + told < deadline =>
                {
                    tokio::time::sleep(told).await;
                }
                _ => return Ok(answer),
            }
        }
    }

    fn expect(
        &self,
        route: &str,
        status: StatusCode,
        answer: Result<Answer, RequestError>,
    ) -> Result<Answer, LoadError> {
        match answer {
            Ok(answer) if answer.status == status => Ok(answer),
            Ok(answer) => Err(problem::refused(&self.target, route, &answer)),
            Err(source) => Err(LoadError::Unreachable { target: self.target.to_string(), source }),
        }
    }

    fn read<'a, T: Deserialize<'a>>(&self, route: &str, answer: &'a Answer) -> Result<T, LoadError> {
        serde_json::from_slice(&answer.body).map_err(|_| problem::refused(&self.target, route, answer))
    }
}

fn go_on(stopped: &AtomicBool) -> Result<(), LoadError> {
    if stopped.load(Ordering::Relaxed) { Err(LoadError::Stopped) } else { Ok(()) }
}
