//! A frame that ends every worker that matches it, among frames of others.

use super::System;
use crate::support::{DEADLINE, Running, count, until, until_drained};

/// The worker is always the same consumer, so that it gets its frames again.
const FLAGS: [&str; 3] = ["--batch-events=100", "--consumer=the-one", "--max-deliveries=2"];
/// A delivery is no suspicion twice, and a trial two times; then it is put aside.
const DEATHS: usize = 4;
const POISON: [&str; 3] = ["p1", "p2", "p3"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_that_kills_its_worker_each_time_becomes_a_dead_letter_and_its_neighbours_are_stored() {
    let mut system = System::start().await;
    system.oracle.send(300).await;
    send_poison(&system).await;
    system.oracle.send(300).await;

    let (deaths, survivor) = restarted_until_it_lives(&system).await;
    assert_eq!(deaths, DEATHS);
    until_drained(&system.stores).await;
    let neighbours = i64::try_from(system.oracle.obligations()).unwrap();
    assert_eq!(count(&system.stores, "events").await, neighbours);
    assert_put_aside(&system).await;

    // And what comes later is stored as ever.
    system.oracle.start();
    system.oracle.until_recovered(&system.stores).await;
    system.assert_kept("a frame that kills its worker", vec![survivor]).await;
}

/// One frame: its events are one user's, and nothing else is on its way.
async fn send_poison(system: &System) {
    let event = |id| format!(r#"{{"event_id":"{id}","event_type":"poison","user_id":"poisoner"}}"#);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(format!("http://{}/events", system.oracle.target()));
    let body = POISON.map(event).join("\n");
    let answer = request.header("content-type", "application/x-ndjson").body(body).send().await.unwrap();
    assert_eq!(answer.status(), 202);
}

/// Starts the worker again and again; how often it died, and the one that did not.
async fn restarted_until_it_lives(system: &System) -> (usize, Running) {
    for deaths in 0..=DEATHS {
        let mut worker = Running::doomed_worker(&system.urls, &FLAGS, "matching-poison=return");
        until("the end of the worker, or a dead letter", DEADLINE, async || {
            worker.ended().is_some() || count(&system.stores, "dead_letters").await > 0
        })
        .await;
        if worker.ended().is_none() {
            return (deaths, worker);
        }
        worker.until_killed().await;
    }
    unreachable!("the worker does not live after {DEATHS} deaths");
}

/// The frame is one dead letter, whose events its receipt counts.
async fn assert_put_aside(system: &System) {
    let client = system.stores.postgres().await;
    let letters = client.query("select reason, events from dead_letters", &[]).await.unwrap();
    let letters: Vec<(&str, i32)> = letters.iter().map(|letter| (letter.get(0), letter.get(1))).collect();
    assert_eq!(letters, [("poison frame", 3)]);
    let receipts = "select stored, duplicates, dead_lettered from frames where dead_lettered > 0";
    let receipt = client.query_one(receipts, &[]).await.unwrap();
    assert_eq!([0, 1, 2].map(|column| receipt.get::<_, i32>(column)), [0, 0, 3]);
}
