//! Claims that Redis loses, all of them or the last ones, while two workers lay them. Then everything is sent again.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use bb8_redis::redis;

use super::System;
use crate::support::{TestStores, count, event_id, until_drained};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claims_deleted_under_load_are_restored_and_what_is_sent_again_is_known() {
    let mut system = System::start().await;
    let workers = system.two_workers().await;
    system.oracle.start();
    for _ in 0..3 {
        system.oracle.until_acknowledged(500).await;
        system.lose_claims().await;
        system.oracle.until_recovered(&system.stores).await;
    }
    system.assert_known("claims and epochs deleted three times", workers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_an_emptied_redis_knew_is_known_again() {
    nothing_is_new_after("Redis emptied", async |stores| {
        let () = redis::cmd("FLUSHALL").query_async(&mut stores.redis().await).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_a_lost_redis_knew_is_known_to_the_one_in_its_place() {
    nothing_is_new_after("Redis replaced by an empty one", async |stores| {
        stores.servers.redis.kill().await;
        fs::remove_dir_all(log_folder(stores)).unwrap();
        stores.servers.redis.start().await.unwrap();
    })
    .await;
}

/// Stores events, has Redis lose everything while nothing is queued, and sends them again.
async fn nothing_is_new_after(fault: &str, lose: impl AsyncFnOnce(&mut TestStores)) {
    let mut system = System::start().await;
    let workers = system.two_workers().await;
    system.oracle.send(2000).await;
    until_drained(&system.stores).await;
    assert_eq!(count(&system.stores, "events").await, 2000);

    lose(&mut system.stores).await;
    system.oracle.rewind();
    system.oracle.start();
    system.oracle.until_recovered(&system.stores).await;
    system.assert_known(fault, workers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_restarted_again_at_once_repeats_nothing() {
    let mut system = System::start().await;
    let workers = system.two_workers().await;
    system.oracle.start();
    for _ in 0..2 {
        system.oracle.until_acknowledged(500).await;
        for _ in 0..2 {
            system.stores.servers.redis.kill().await;
            system.stores.servers.redis.start().await.unwrap();
        }
        system.oracle.until_recovered(&system.stores).await;
    }
    system.assert_known("Redis killed twice in quick succession", workers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_redis_that_lost_its_last_writes_only_what_lay_in_them_is_lost_and_nothing_is_repeated() {
    let mut system = System::start().await;
    let workers = system.two_workers().await;
    system.oracle.start();
    system.oracle.until_acknowledged(1500).await;
    system.stores.servers.redis.kill().await;
    let window = cut_off_the_last_writes(&system.stores);
    system.stores.servers.redis.start().await.unwrap();
    system.oracle.until_recovered(&system.stores).await;

    system.oracle.stop().await;
    let verdict = system.oracle.verdict(&system.stores, "end of the append-only file cut off").await;
    let beyond: Vec<usize> = verdict.lost.iter().filter(|lost| !window.contains(lost)).copied().collect();
    assert!(beyond.is_empty(), "lost although Redis had it: {beyond:?} of {}", verdict.lost.len());
    assert!(verdict.duplicates.is_empty(), "stored twice: {:?}", verdict.duplicates);
    assert!(!window.is_empty(), "the cut hit no frame");
    system.assert_known("end of the append-only file cut off", workers).await;
}

/// How much is cut off, in bytes.
const CUT: usize = 32 << 10;

/// Cuts the end of the append-only file, as a power loss would before it is synced. Returns the numbers of the events whose
/// frames lay there: those may be lost. A transaction that was cut in two is lost whole.
fn cut_off_the_last_writes(stores: &TestStores) -> BTreeSet<usize> {
    let log = fs::read_dir(log_folder(stores)).unwrap().map(|entry| entry.unwrap().path());
    let log = log.filter(|path| path.to_str().unwrap().ends_with(".incr.aof")).max().unwrap();
    let written = fs::read(&log).unwrap();
    let cut = written.len() - CUT;
    fs::OpenOptions::new().write(true).open(&log).unwrap().set_len(cut as u64).unwrap();
    let whole = memchr::memmem::rfind(&written[..cut], b"*1\r\n$5\r\nMULTI").unwrap();
    events_in(&written[whole..])
}

fn events_in(log: &[u8]) -> BTreeSet<usize> {
    const BEFORE: &[u8] = br#""event_id":"e"#;
    let number = |place: usize| -> Option<usize> {
        let digits = log[place + BEFORE.len()..].split(|byte| *byte == b'"').next()?;
        str::from_utf8(digits).ok()?.parse().ok()
    };
    let numbers = memchr::memmem::find_iter(log, BEFORE).filter_map(number);
    // Two events may have one id.
    let of_id =
        |number| [number, number + 1].into_iter().filter(move |other| event_id(*other) == event_id(number));
    numbers.flat_map(of_id).collect()
}

fn log_folder(stores: &TestStores) -> PathBuf {
    stores.dir().join("redis/appendonlydir")
}
