//! A part of a worker that ends by itself: the process ends with it, and says why. It does not go on without the part.

use super::System;
use crate::support::{DEADLINE, Running};

/// Waits until the worker has ended with an error, and returns what it said last.
async fn ended_with_an_error(worker: &mut Running) -> String {
    assert_eq!(worker.ended_within(DEADLINE).await.code(), Some(1));
    let ending = worker.logged("ending");
    ending[0]["failure"].as_str().expect("it says why").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stage_that_fails_ends_the_worker_though_nothing_more_comes() {
    let mut system = System::start().await;
    let mut worker = system.worker().await;
    let postgres = system.stores.postgres().await;
    postgres.batch_execute("alter table events rename column payload to elsewhere").await.unwrap();
    system.oracle.send(1).await;
    let failure = ended_with_an_error(&mut worker).await;
    assert!(failure.contains("stage store") && failure.contains("payload"), "{failure}");

    postgres.batch_execute("alter table events rename column elsewhere to payload").await.unwrap();
    let next = system.worker().await;
    system.oracle.start();
    system.oracle.until_recovered(&system.stores).await;
    system.assert_kept("a column of the table events renamed", vec![next]).await;
}

/// What panics ends the worker, with its name in the reason; another worker goes on.
#[cfg(feature = "fail-points")]
async fn panics_at(point: &str, named: &str) {
    let mut system = System::start().await;
    system.oracle.send(100).await;
    let mut doomed = Running::doomed_worker(&system.urls, &[], &format!("{point}=panic"));
    let failure = ended_with_an_error(&mut doomed).await;
    assert!(failure.contains(named) && failure.contains("panicked"), "{failure}");

    let next = Running::worker(&system.urls, &["--reclaim-after=1s"]).await;
    system.assert_kept(&format!("a panic at {point}"), vec![next]).await;
}

#[cfg(feature = "fail-points")]
macro_rules! a_panic_ends_the_worker {
    ($($test:ident: $point:literal, $named:literal,)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            panics_at($point, $named).await;
        }
    )*};
}

#[cfg(feature = "fail-points")]
a_panic_ends_the_worker! {
    a_panic_of_the_task_that_follows_campaigns_ends_the_worker: "catalog-looked-at", "background task catalog",
    a_panic_in_the_first_stage_ends_the_worker: "fetched", "stage fetch",
    a_panic_in_the_middle_of_the_pipeline_ends_the_worker: "matched", "stage match",
    a_panic_in_the_last_stage_ends_the_worker: "acknowledged", "stage ack",
}
