//! Dead letters: looked at, and tried again.

use campaign_manager::queue::{OutgoingFrame, Records, append, pool};
use campaign_manager::roles::Worker;
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::support::{
    DEADLINE, Settings, TestServer, count, event, frame_of, run, start_worker, until, until_rows,
};

const REFUSE: &str = "alter table events add constraint no_bad check (event_id not like 'bad%')";
const ACCEPT: &str = "alter table events drop constraint no_bad";

/// A server and a worker whose Postgres refuses events that are called bad.
struct Refusing {
    server: TestServer,
    postgres: Client,
    worker: Option<Worker>,
}

impl Refusing {
    async fn start() -> Self {
        let server = TestServer::start().await;
        let postgres = server.stores.postgres().await;
        postgres.batch_execute(REFUSE).await.unwrap();
        let worker = Some(start_worker(&server.stores, &Settings::with(&[])).await);
        Self { server, postgres, worker }
    }

    async fn accept(&self) {
        self.postgres.batch_execute(ACCEPT).await.unwrap();
    }

    async fn send(&self, id: &str) {
        let event =
            json!({"event_id": id, "event_type": "purchase", "user_id": "u1", "properties": {"n": 1}});
        self.server.post("/events", event.to_string()).await.expect(202);
    }

    /// Sends events that become dead letters; these, the newest first.
    async fn letters(&self, ids: &[&str]) -> Vec<Value> {
        let before = count(&self.server.stores, "dead_letters").await;
        for id in ids {
            self.send(id).await;
        }
        let all = before + i64::try_from(ids.len()).unwrap();
        until_rows(&self.server.stores, "dead_letters", all).await;
        self.listed("").await
    }

    async fn listed(&self, query: &str) -> Vec<Value> {
        let list = self.server.get(&format!("/dead-letters{query}")).await.expect(200);
        list["dead_letters"].as_array().unwrap().clone()
    }

    async fn letter(&self, id: &Value) -> Value {
        self.server.get(&format!("/dead-letters/{id}")).await.expect(200)
    }

    async fn replay(&self, id: &Value) -> Value {
        self.server.post(&format!("/dead-letters/{id}/replay"), "").await.expect(202)
    }

    async fn until_replayed(&self, id: &Value) {
        until("the letter to be replayed", DEADLINE, async || self.letter(id).await["state"] == "replayed")
            .await;
    }

    /// The ledger adds up once everything is done.
    async fn balanced(self) {
        let ran = run(&self.server.stores, &["ledger", "--wait", "20s"]).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.out.contains("balanced"), "{ran:?}");
        if let Some(worker) = self.worker {
            worker.drain(DEADLINE).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_event_is_kept_with_its_reason_and_stored_as_it_came_once_the_cause_is_gone() {
    let stage = Refusing::start().await;
    let campaign = stage.server.activate(&json!({"event_type": ["purchase"]})).await;
    let letters = stage.letters(&["bad1"]).await;
    let letter = &letters[0];
    assert_eq!((&letter["reason"], &letter["state"]), (&json!("refused"), &json!("waiting")));
    assert!(letter["detail"].as_str().unwrap().contains("no_bad"), "{letter}");
    assert_eq!(
        (&letter["event_id"], &letter["user_id"], &letter["event_type"], &letter["events"]),
        (&json!("bad1"), &json!("u1"), &json!("purchase"), &json!(1))
    );
    let entry = "select shard || ' ' || entry_ms || '-' || entry_seq, received_at::text from frames";
    let receipt = stage.postgres.query_one(entry, &[]).await.unwrap();
    assert_eq!(
        format!("{} {}", letter["shard"], letter["entry"].as_str().unwrap()),
        receipt.get::<_, String>(0)
    );
    assert_eq!(stage.letter(&letter["id"]).await["payload"]["properties"], json!({"n": 1}));

    stage.accept().await;
    stage.replay(&letter["id"]).await;
    until_rows(&stage.server.stores, "events", 1).await;

    let stored = stage.postgres.query_one("select received_at::text from events", &[]).await.unwrap();
    assert_eq!(stored.get::<_, String>(0), receipt.get::<_, String>(1));
    let stored = stage.server.get("/events/bad1").await.expect(200);
    assert_eq!(stored["campaign_ids"], json!([campaign]));
    assert_eq!(count(&stage.server.stores, "triggers").await, 1);
    stage.until_replayed(&letter["id"]).await;
    let problem = stage.server.post(&format!("/dead-letters/{}/replay", letter["id"]), "").await.problem(409);
    assert!(problem.contains("was replayed already"), "{problem}");
    stage.balanced().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_requeued_twice_is_stored_once_and_what_the_client_sends_meanwhile_is_a_duplicate() {
    let mut stage = Refusing::start().await;
    let letters = stage.letters(&["bad1"]).await;
    let id = &letters[0]["id"];
    stage.accept().await;
    // All of it waits until there is a worker again.
    stage.worker.take().unwrap().drain(DEADLINE).await.unwrap();
    stage.send("bad1").await;
    assert_eq!(stage.replay(id).await["state"], "requeued");
    stage.replay(id).await;
    assert_eq!(stage.listed("?state=requeued").await.len(), 1);
    stage.worker = Some(start_worker(&stage.server.stores, &Settings::with(&[])).await);
    stage.until_replayed(id).await;

    until_rows(&stage.server.stores, "frames", 4).await;
    assert_eq!(count(&stage.server.stores, "events").await, 1);
    let sums = "select sum(stored), sum(duplicates), sum(dead_lettered) from frames";
    let sums = stage.postgres.query_one(sums, &[]).await.unwrap();
    assert_eq!((sums.get::<_, i64>(0), sums.get::<_, i64>(1), sums.get::<_, i64>(2)), (1, 2, 1));
    stage.balanced().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_whose_cause_persists_comes_back_as_another_with_the_same_origin() {
    let stage = Refusing::start().await;
    let letters = stage.letters(&["bad1"]).await;
    let (first, origin) = (&letters[0]["id"], &letters[0]["entry"]);
    stage.replay(first).await;
    until_rows(&stage.server.stores, "dead_letters", 2).await;
    let letters = stage.listed("").await;
    assert_eq!((&letters[1]["id"], &letters[1]["state"]), (first, &json!("replayed")));
    assert_eq!((&letters[0]["entry"], &letters[0]["state"]), (origin, &json!("waiting")));

    stage.accept().await;
    stage.replay(&letters[0]["id"]).await;
    until_rows(&stage.server.stores, "events", 1).await;
    stage.balanced().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_no_frame_are_shown_and_cannot_be_replayed() {
    let stage = Refusing::start().await;
    let settings = Settings::with(&[]);
    let shard = settings.queue.shards.all().next().unwrap();
    let mut corrupt = frame_of(shard, &["lost", "too"]);
    *corrupt.bytes.last_mut().unwrap() ^= 1;
    append(&pool(&stage.server.stores.urls().redis_url, &settings.queue).unwrap(), &[corrupt]).await.unwrap();
    until_rows(&stage.server.stores, "dead_letters", 1).await;

    let listed = stage.listed("").await;
    let letter = stage.letter(&listed[0]["id"]).await;
    assert_eq!((&letter["reason"], &letter["events"]), (&json!("corrupt frame"), &json!(2)));
    assert_eq!(letter["replayable"], false);
    assert!(letter["payload_base64"].as_str().unwrap().starts_with("Y2Y"), "{letter}");
    let replay = format!("/dead-letters/{}/replay", letter["id"]);
    let problem = stage.server.post(&replay, "").await.problem(409);
    assert!(problem.contains("no event can be read from it") && problem.contains("checksum"), "{problem}");
    assert!(stage.server.post("/dead-letters/77/replay", "").await.problem(404).contains("77"));
    assert!(stage.server.get("/dead-letters/x").await.problem(404).contains('x'));
    let all = run(&stage.server.stores, &["dead-letters", "replay", "--all"]).await;
    assert!(all.code == 0 && all.out.contains("left alone: 1"), "{all:?}");
    stage.balanced().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_that_was_put_aside_whole_is_replayed_whole() {
    let stage = Refusing::start().await;
    let shards = Settings::with(&[]).queue.shards;
    let mut records = Records::default();
    for id in ["a", "b", "a"] {
        records.push(&event(id, "u"));
    }
    let frame = OutgoingFrame::new(shards.of_user("u"), records).bytes;
    let aside =
        "insert into dead_letters (reason, detail, shard, entry_ms, entry_seq, events, payload, frame)
        values ('poison frame', '', $1, 5, 0, 3, '', $2) returning id";
    let shard = i16::try_from(shards.of_user("u").number()).unwrap();
    let id: i64 = stage.postgres.query_one(aside, &[&shard, &frame]).await.unwrap().get(0);
    assert_eq!(stage.replay(&json!(id)).await["events"], 3);
    stage.until_replayed(&json!(id)).await;
    assert_eq!(count(&stage.server.stores, "events").await, 2);
    stage.balanced().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_are_listed_page_by_page_and_by_reason_and_state() {
    let stage = Refusing::start().await;
    stage.letters(&["bad1", "bad2", "bad3"]).await;
    let first = stage.server.get("/dead-letters?limit=2").await.expect(200);
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = stage.server.get(&format!("/dead-letters?limit=2&cursor={cursor}")).await.expect(200);
    let ids = |page: &Value| -> Vec<String> {
        let letters = page["dead_letters"].as_array().unwrap();
        letters.iter().map(|letter| letter["event_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((ids(&first), ids(&rest)), (vec!["bad3".into(), "bad2".into()], vec!["bad1".into()]));
    assert_eq!(rest["next_cursor"], Value::Null);
    assert_eq!(stage.listed("?reason=refused&state=waiting").await.len(), 3);
    let none = stage.server.get("/dead-letters?reason=corrupt+frame").await.expect(200);
    assert_eq!(none, json!({"dead_letters": [], "next_cursor": null}));
    let unknown = stage.server.get("/dead-letters?reason=poison").await.problem(400);
    assert!(unknown.contains("refused, corrupt frame or poison frame"), "{unknown}");
    assert_eq!(stage.listed("?state=replayed").await.len(), 0);
    assert!(stage.server.get("/dead-letters?state=gone").await.problem(400).contains("waiting"));
    stage.balanced().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_lists_shows_and_replays_against_a_running_worker() {
    let stage = Refusing::start().await;
    let ids: Vec<String> = (0..120).map(|id| format!("bad{id}")).collect();
    let lines: String = ids
        .iter()
        .map(|id| json!({"event_id": id, "event_type": "t", "user_id": id}).to_string() + "\n")
        .collect();
    stage.server.post_lines(lines).await.expect(202);
    until_rows(&stage.server.stores, "dead_letters", 120).await;
    stage.accept().await;
    let command =
        async |arguments: &[&str]| run(&stage.server.stores, &[&["dead-letters"], arguments].concat()).await;

    let list = command(&["list", "--limit", "2"]).await.out;
    assert!(list.lines().count() == 2 && list.contains("waiting") && list.contains("refused: "), "{list}");
    let list = command(&["list", "--json", "--limit", "1", "--reason", "refused"]).await.out;
    let newest: Value = serde_json::from_str(&list).unwrap();
    let id = newest["id"].to_string();
    let shown: Value = serde_json::from_str(&command(&["show", &id]).await.out).unwrap();
    assert_eq!(shown["payload"]["event_id"], newest["event_id"]);

    for mistaken in [&["list", "--reason", "refusd"] as &[_], &["replay", "--all", "--reason", "refusd"]] {
        let refused = command(mistaken).await;
        assert_eq!(refused.code, 64);
        assert!(refused.err.contains("refused, \"corrupt frame\", \"poison frame\""), "{refused:?}");
    }

    let one = command(&["replay", &id]).await;
    assert!(one.out.contains("queued again: 1 dead letters with 1 events"), "{one:?}");
    stage.until_replayed(&newest["id"]).await;
    let again = command(&["replay", &id, "7777"]).await;
    assert_eq!(again.code, 1);
    assert!(again.err.contains("replayed already") && again.err.contains("no dead letter 7777"), "{again:?}");
    let all = command(&["replay", "--all", "--reason", "refused"]).await;
    assert!(all.out.contains("queued again: 119 dead letters"), "{all:?}");
    until_rows(&stage.server.stores, "events", 120).await;
    assert!(command(&["list", "--state", "waiting"]).await.out.is_empty());
    stage.balanced().await;
}
