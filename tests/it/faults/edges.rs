//! A worker killed at each edge between two steps, and one that goes on after it.

use super::{SMALL_BATCHES, System};
use crate::support::Running;

/// A worker dies when it comes to the edge for the third time; another takes over what it left.
async fn killed_at(edge: &str) {
    let mut system = System::start().await;
    system.oracle.start();
    let point = format!("{edge}=2*off->return");
    let mut doomed = Running::doomed_worker(&system.urls, &SMALL_BATCHES, &point);
    doomed.until_killed().await;

    let next = system.worker().await;
    system.oracle.until_recovered(&system.stores).await;
    system.assert_kept(&format!("worker killed at {edge}"), vec![next]).await;
}

macro_rules! a_worker_killed_at {
    ($($test:ident: $edge:literal,)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            killed_at($edge).await;
        }
    )*};
}

a_worker_killed_at! {
    a_worker_killed_before_it_hands_on_what_it_fetched_loses_and_repeats_nothing: "fetched",
    a_worker_killed_after_its_claims_loses_and_repeats_nothing: "claimed",
    a_worker_killed_after_matching_loses_and_repeats_nothing: "matched",
    a_worker_killed_after_its_receipts_loses_and_repeats_nothing: "receipts-written",
    a_worker_killed_before_its_commit_loses_and_repeats_nothing: "rows-copied",
    a_worker_killed_between_commit_and_acknowledgement_loses_and_repeats_nothing: "committed",
    a_worker_killed_after_its_acknowledgement_loses_and_repeats_nothing: "acknowledged",
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_comes_back_under_its_name_goes_on_with_what_it_had_fetched() {
    let mut system = System::start().await;
    system.oracle.start();
    // Nothing is taken over: only the same consumer gets to see it again.
    let flags = ["--batch-events=100", "--reclaim-after=1h", "--consumer=the-one"];
    let mut doomed = Running::doomed_worker(&system.urls, &flags, "committed=2*off->return");
    doomed.until_killed().await;

    let again = Running::worker(&system.urls, &flags).await;
    system.oracle.until_recovered(&system.stores).await;
    system.assert_kept("worker killed, back under its name", vec![again]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_before_it_could_answer_has_its_events_stored_once() {
    let mut system = System::start().await;
    let worker = system.worker().await;
    let (mut doomed, addr) = Running::serve(&system.urls, &[], "frames-appended=20*off->return").await;
    system.oracle.redirect(addr);
    system.oracle.start();
    doomed.until_killed().await;

    system.serve_again().await;
    system.oracle.until_recovered(&system.stores).await;
    system.assert_kept("serve killed at frames-appended", vec![worker]).await;
}
