//! Clients that send events more than once: within a request, in another, side by side, to several workers.

use super::System;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_load_with_many_duplicates_each_event_is_stored_once_and_the_rest_counted() {
    let mut system = System::start().await;
    system.oracle.duplicates = 43;
    let workers = vec![system.worker().await, system.worker().await];
    system.oracle.send(3000).await;

    let verdict = system.oracle.verdict(&system.stores, "30 % duplicates").await;
    let accepted = system.oracle.accepted();
    assert!(accepted > 3000 * 135 / 100, "enough duplicates: {accepted}");
    assert_eq!(verdict.stored, 3000);
    assert_eq!(receipts(&system).await, [3000, accepted - 3000, 0], "stored, duplicates, dead letters");
    system.assert_kept("30 % duplicates, two workers", workers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_sent_again_while_it_is_being_stored_is_all_duplicates() {
    let mut system = System::start().await;
    let workers = vec![system.worker().await, system.worker().await];
    system.oracle.send(1500).await;
    system.oracle.rewind();
    system.oracle.send(1500).await;

    let verdict = system.oracle.verdict(&system.stores, "everything sent twice").await;
    assert_eq!(verdict.stored, 1500);
    assert_eq!(receipts(&system).await, [1500, system.oracle.accepted() - 1500, 0]);
    system.assert_kept("everything sent twice, two workers", workers).await;
}

/// What the receipts of all frames say: events stored, duplicates, dead letters.
async fn receipts(system: &System) -> [usize; 3] {
    let sums = "select sum(stored), sum(duplicates), sum(dead_lettered) from frames";
    let row = system.stores.postgres().await.query_one(sums, &[]).await.unwrap();
    [0, 1, 2].map(|column| usize::try_from(row.get::<_, i64>(column)).unwrap())
}
