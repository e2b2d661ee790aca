//! Servers that answer, and refuse: what passes is waited out, and readiness says meanwhile what is waited for.

use std::path::Path;

use bb8_redis::redis::{Cmd, cmd};
use tokio_postgres::Client;

use super::System;
use crate::support::{DEADLINE, Running, TestStores, run, until};

/// Whether a process is ready, and what it says of that.
async fn readiness(process: &Running) -> (bool, String) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(format!("http://{}/readyz", process.admin())).send().await.unwrap();
    (answer.status() == 200, answer.text().await.unwrap())
}

/// Waits until a process is not ready for this reason, which the command `health` tells too.
async fn until_unwell(stores: &TestStores, process: &Running, reason: &str) {
    until(&format!("readiness to say {reason}"), DEADLINE, async || {
        let (is_ready, text) = readiness(process).await;
        !is_ready && text.contains(reason)
    })
    .await;
    let asked = run(stores, &["health", "--admin", &process.admin()]).await;
    assert!(asked.code == 1 && asked.err.contains(reason), "{asked:?}");
}

async fn until_well(process: &Running) {
    until("readiness", DEADLINE, async || readiness(process).await.0).await;
}

async fn ask(stores: &TestStores, command: &Cmd) {
    let () = command.query_async(&mut stores.redis().await).await.unwrap();
}

/// Redis refuses writes from one command to the other. Everything waits, and goes on.
async fn redis_refuses(fault: &str, reason: &str, begin: &Cmd, end: &Cmd) {
    let mut system = System::start().await;
    let worker = system.worker().await;
    system.oracle.start();
    system.oracle.until_recovered(&system.stores).await;
    ask(&system.stores, begin).await;
    system.oracle.until_refused(3).await;
    until_unwell(&system.stores, &system.serve, reason).await;
    ask(&system.stores, end).await;
    system.oracle.until_recovered(&system.stores).await;
    until_well(&system.serve).await;
    until_well(&worker).await;
    // Of equal refusals one line is written in ten seconds, with a count.
    let lines = system.serve.logged("frames were not accepted").len();
    assert!((1..6).contains(&lines), "{lines} lines");
    system.assert_kept(fault, vec![worker]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_without_the_replicas_that_it_must_have_is_waited_for() {
    let replicas = |count| cmd("CONFIG").arg("SET").arg("min-replicas-to-write").arg(count).to_owned();
    redis_refuses("NOREPLICAS", "NOREPLICAS", &replicas(1), &replicas(0)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_a_replica_for_a_while_is_waited_for() {
    let replica_of = |host, port| cmd("REPLICAOF").arg(host).arg(port).to_owned();
    redis_refuses("READONLY", "read only replica", &replica_of("127.0.0.1", "1"), &replica_of("NO", "ONE"))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_cannot_save_its_data_is_waited_for() {
    let mut system = System::start().await;
    let worker = system.worker().await;
    system.oracle.start();
    system.oracle.until_recovered(&system.stores).await;
    // A folder where the file should be: no save succeeds.
    let mut redis = system.stores.redis().await;
    let mut set = async |name| {
        let asked = cmd("CONFIG").arg("GET").arg(name).query_async::<Vec<String>>(&mut redis).await;
        asked.unwrap().pop().unwrap()
    };
    let file = Path::new(&set("dir").await).join(set("dbfilename").await);
    std::fs::create_dir(&file).unwrap();
    std::fs::write(file.join("in-the-way"), "").unwrap();
    let save = cmd("CONFIG").arg("SET").arg("save").arg("1 1").to_owned();
    ask(&system.stores, &save).await;
    system.oracle.until_refused(3).await;
    until_unwell(&system.stores, &system.serve, "MISCONF").await;
    std::fs::remove_dir_all(&file).unwrap();
    ask(&system.stores, &cmd("CONFIG").arg("SET").arg("save").arg("").to_owned()).await;
    system.oracle.until_recovered(&system.stores).await;
    until_well(&system.serve).await;
    system.assert_kept("MISCONF", vec![worker]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_busy_with_a_script_is_waited_for() {
    let mut system = System::start().await;
    let worker = system.worker().await;
    system.oracle.start();
    system.oracle.until_recovered(&system.stores).await;
    let threshold = cmd("CONFIG").arg("SET").arg("busy-reply-threshold").arg(1).to_owned();
    ask(&system.stores, &threshold).await;
    let (mut busy, mut killing) = (system.stores.redis().await, system.stores.redis().await);
    let script = tokio::spawn(async move {
        cmd("EVAL").arg("while true do end").arg(0).query_async::<()>(&mut busy).await
    });
    system.oracle.until_refused(3).await;
    until_unwell(&system.stores, &system.serve, "BUSY").await;
    let () = cmd("SCRIPT").arg("KILL").query_async(&mut killing).await.unwrap();
    assert!(script.await.unwrap().is_err(), "it was killed");
    system.oracle.until_recovered(&system.stores).await;
    system.assert_kept("BUSY", vec![worker]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_statement_is_sent_again() {
    let mut system = System::start().await;
    let worker = system.worker().await;
    system.oracle.start();
    system.oracle.until_recovered(&system.stores).await;
    let (holder, other) = (system.stores.postgres().await, system.stores.postgres().await);
    for _ in 0..3 {
        holder.batch_execute("begin; lock table events in exclusive mode").await.unwrap();
        until("a COPY to be cancelled", DEADLINE, async || cancel_copy(&other).await).await;
        holder.batch_execute("commit").await.unwrap();
        system.oracle.until_recovered(&system.stores).await;
    }
    let retries = worker.logged("trying again");
    let cancelled =
        |line: &&serde_json::Value| line["error"].as_str().is_some_and(|error| error.contains("57014"));
    assert!(retries.iter().any(|line| cancelled(&line)), "{retries:?}");
    system.assert_kept("statements cancelled", vec![worker]).await;
}

/// Cancels a COPY that waits for a lock, if there is one.
async fn cancel_copy(client: &Client) -> bool {
    let cancel = "select count(pg_cancel_backend(pid)) from pg_stat_activity
        where wait_event_type = 'Lock' and query ilike 'copy events%'";
    client.query_one(cancel, &[]).await.unwrap().get::<_, i64>(0) > 0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_whose_postgres_is_read_only_is_not_ready_and_goes_on_after_it() {
    let mut system = System::start().await;
    let worker = system.worker().await;
    system.oracle.start();
    system.oracle.until_recovered(&system.stores).await;
    let client = system.stores.postgres().await;
    for read_only in ["alter system set default_transaction_read_only = on", "select pg_reload_conf()"] {
        client.batch_execute(read_only).await.unwrap();
    }
    until_unwell(&system.stores, &worker, "read-only").await;
    for writable in ["alter system reset default_transaction_read_only", "select pg_reload_conf()"] {
        client.batch_execute(writable).await.unwrap();
    }
    system.oracle.until_recovered(&system.stores).await;
    until_well(&worker).await;
    system.assert_kept("Postgres read-only", vec![worker]).await;
}

/// Postgres answers what it answers when its disk is full, as it cannot be filled here without filling that of others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_whose_postgres_has_a_full_disk_is_not_ready_and_goes_on_once_there_is_room() {
    let mut system = System::start().await;
    let worker = system.worker().await;
    system.oracle.start();
    system.oracle.until_recovered(&system.stores).await;
    let client = system.stores.postgres().await;
    let full = "create function full_disk() returns trigger language plpgsql as
        $$ begin raise exception 'could not extend file: No space left on device' using errcode = 'disk_full'; end $$;
        create trigger full_disk before insert on events for each row execute function full_disk()";
    client.batch_execute(full).await.unwrap();
    until_unwell(&system.stores, &worker, "53100").await;
    client.batch_execute("drop trigger full_disk on events").await.unwrap();
    system.oracle.until_recovered(&system.stores).await;
    until_well(&worker).await;
    system.assert_kept("Postgres' disk full", vec![worker]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_stores_soon_after_postgres_is_back_however_often_it_has_tried() {
    let mut system = System::start().await;
    let worker = system.worker().await;
    system.oracle.start();
    system.oracle.until_recovered(&system.stores).await;
    system.stores.servers.postgres.stop().await;
    // With waits that grow to seconds, so many attempts would take minutes.
    until("thirty attempts", DEADLINE, async || attempts(&readiness(&worker).await.1) >= 30).await;
    system.stores.servers.postgres.start().await.unwrap();
    system.oracle.until_recovered(&system.stores).await;
    system.assert_kept("Postgres away for 30 attempts", vec![worker]).await;
}

/// The most attempts that a stage has made, as readiness tells.
fn attempts(text: &str) -> u32 {
    let told =
        text.lines().filter_map(|line| line.split_once("tried ")?.1.split_once(" times")?.0.parse().ok());
    told.max().unwrap_or(0)
}
