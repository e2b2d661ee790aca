//! Input that is known to break parsers and databases, sent through the whole pipeline.
//!
//! Whatever is sent is refused with a reason, or stored byte for byte; and the events after it are stored.

mod bodies;
mod frames;
mod generated;
mod values;

use campaign_manager::roles::Worker;
use reqwest::Method;
use serde_json::Value;

use crate::support::{DEADLINE, Reply, Settings, TestServer, count, start_worker, until};

/// A server and a worker, and what they have to store.
struct Pipeline {
    server: TestServer,
    worker: Worker,
    /// The payloads of all accepted events.
    accepted: Vec<Vec<u8>>,
    good: usize,
}

/// For each line of a body: why it was refused, if it was.
type Refusals = Vec<Option<String>>;

impl Pipeline {
    async fn start() -> Self {
        let server = TestServer::start().await;
        let worker = start_worker(&server.stores, &Settings::with(&[])).await;
        Self { server, worker, accepted: Vec::new(), good: 0 }
    }

    async fn post(&self, content_type: &str, body: impl Into<reqwest::Body>) -> Reply {
        let request = self.server.request(Method::POST, "/events").header("content-type", content_type);
        Reply::of(request.body(body)).await
    }

    /// Sends these events as lines. None of them is empty or has a line feed.
    async fn post_lines(&mut self, lines: &[Vec<u8>]) -> Refusals {
        let reply = self.post("application/x-ndjson", lines.join(&b'\n')).await;
        let refusals = refusals(&reply, lines.len());
        let accepted = lines.iter().zip(&refusals).filter(|(_, refusal)| refusal.is_none());
        self.accepted.extend(accepted.map(|(line, _)| line.clone()));
        refusals
    }

    /// Sends a good event after what was sent before, waits for the end of all, and looks what is stored.
    async fn assert_all_stored(&mut self) {
        self.good += 1;
        let good = event(&format!("good {}", self.good), "");
        assert_eq!(self.post_lines(&[good.into_bytes()]).await, [None]);
        let rows = i64::try_from(self.accepted.len()).unwrap();
        until("all accepted events to be stored", DEADLINE, async || {
            let stored = count(&self.server.stores, "events").await;
            stored + count(&self.server.stores, "dead_letters").await >= rows
        })
        .await;
        let payloads = "select convert_to(payload::text, 'UTF8') from events";
        let rows = self.server.stores.postgres().await.query(payloads, &[]).await.unwrap();
        let mut stored: Vec<Vec<u8>> = rows.iter().map(|row| row.get(0)).collect();
        stored.sort_unstable();
        self.accepted.sort_unstable();
        for (stored, accepted) in stored.iter().zip(&self.accepted) {
            assert!(stored == accepted, "{} became {}", shown(accepted), shown(stored));
        }
        assert_eq!(stored.len(), self.accepted.len());
        assert_eq!(count(&self.server.stores, "dead_letters").await, 0, "what ingest accepts can be stored");
        self.assert_postgres_reads_all().await;
    }

    /// Postgres' own functions can read every payload, whichever they are.
    async fn assert_postgres_reads_all(&self) {
        const READING: &str = "select count(payload->>'event_type'), count(payload #> '{properties,v}'),
            sum(length(payload::jsonb::text)), sum((select count(*) from jsonb_path_query(payload::jsonb, 'lax $.**'))),
            sum((select sum(length(value)) from json_each_text(payload)))
            from events";
        let read = self.server.stores.postgres().await.query_one(READING, &[]).await;
        let read = read.expect("every payload can be read");
        assert_eq!(usize::try_from(read.get::<_, i64>(0)).unwrap(), self.accepted.len());
    }

    async fn end(self) {
        self.worker.drain(DEADLINE).await.unwrap();
    }
}

/// An event that needs nothing added, with these members in its properties.
fn event(id: &str, properties: &str) -> String {
    event_with(&format!(r#""{id}""#), r#""t""#, r#""u""#, properties)
}

/// As [`event`], with all texts as JSON.
fn event_with(id: &str, event_type: &str, user: &str, properties: &str) -> String {
    format!(
        r#"{{"event_id":{id},"event_type":{event_type},"user_id":{user},"timestamp":"2026-11-23T05:00:00Z","properties":{{{properties}}}}}"#
    )
}

/// What became of each of so many lines. Every refusal has a reason.
#[track_caller]
fn refusals(reply: &Reply, lines: usize) -> Refusals {
    let mut refusals = vec![None; lines];
    let faults = match reply.status.as_u16() {
        202 => Value::Array(Vec::new()),
        207 => reply.json()["rejected"].clone(),
        422 => reply.json()["errors"].clone(),
        status => {
            assert_eq!(status, 202, "{}", reply.text);
            Value::Null
        }
    };
    for fault in faults.as_array().unwrap() {
        let index = usize::try_from(fault["index"].as_u64().unwrap()).unwrap();
        let detail = fault["detail"].as_str().unwrap();
        assert!(!detail.is_empty());
        assert_eq!(refusals[index].replace(detail.to_owned()), None, "{}", reply.text);
    }
    let refused = refusals.iter().flatten().count();
    match reply.status.as_u16() {
        422 => assert_eq!(refused, lines, "{}", reply.text),
        _ => assert_eq!(reply.json()["accepted"], lines - refused),
    }
    refusals
}

/// The beginning of a text that may be long, and may be none.
fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(300).collect()
}
