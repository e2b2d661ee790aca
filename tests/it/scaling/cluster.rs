//! The same on a Redis Cluster of three nodes, which share the shards: all goes well, a node is killed, a replica takes over,
//! a slot moves.

use super::Deployment;
use crate::support::{Cluster, TestStores, scrape};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_and_changing_workers_on_a_cluster_of_three_store_each_event_once() {
    let mut cluster = Cluster::start().await;
    // One is enough to find the others.
    cluster.url = cluster.nodes[1].url();
    let mut deployment = Deployment::start(TestStores::on(cluster).await).await;
    deployment.oracle.start();
    deployment.until_each_took_a_share().await;
    for node in &deployment.cluster().nodes {
        assert!(node.count("ledger:*").await > 0 && node.count("dedupe:*").await > 0, "each node has shards");
    }
    deployment.kill_a_worker_that_holds_frames().await;
    deployment.add_worker().await;
    deployment.until_each_took_a_share().await;
    deployment.assert_kept("a cluster of three nodes, two serve, three workers, one killed, one added").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_killed_and_started_again_under_load_lose_and_repeat_nothing() {
    let mut deployment = Deployment::start(TestStores::on(Cluster::start().await).await).await;
    deployment.oracle.start();
    for node in 0..3 {
        deployment.oracle.until_acknowledged(500).await;
        deployment.cluster().nodes[node].kill();
        deployment.oracle.until_refused(2).await;
        deployment.cluster().nodes[node].start().await;
        deployment.cluster().until_whole().await;
        deployment.oracle.until_recovered(&deployment.stores).await;
    }
    deployment.send_all_again().await;
    deployment.assert_kept("each node of a cluster killed once").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_takes_over_under_load_loses_and_repeats_nothing() {
    let mut deployment = Deployment::start(TestStores::on(Cluster::with_replica().await).await).await;
    deployment.oracle.start();
    deployment.oracle.until_acknowledged(500).await;
    deployment.cluster().promote(3).await;
    deployment.oracle.until_recovered(&deployment.stores).await;
    deployment.send_all_again().await;
    deployment.assert_kept("a node of a cluster swapped with its replica").await;
}

/// A master that has had no replica for some time has another replication id, though its connections live on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_taken_for_another_run_under_load_has_its_claims_restored_once() {
    let mut deployment = Deployment::start(TestStores::on(Cluster::with_replica().await).await).await;
    deployment.oracle.start();
    deployment.until_each_took_a_share().await;
    deployment.cluster().lose_replica().await;
    deployment.add_worker().await;
    deployment.until_each_took_a_share().await;
    deployment.oracle.stop().await;
    let mut restorations = 0.0;
    for worker in &deployment.workers {
        let shown = scrape(&worker.admin).await;
        restorations += shown.get("claim_restorations_total{cause=\"restarted\"}");
    }
    assert!((restorations - 1.0).abs() < f64::EPSILON, "{restorations} restorations");
    deployment.cluster().nodes[3].start().await;
    deployment.send_all_again().await;
    deployment.assert_kept("a node of a cluster with another replication id").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_node_had_replicated_is_known_to_the_replica_in_its_place() {
    let mut deployment = Deployment::start(TestStores::on(Cluster::with_replica().await).await).await;
    deployment.oracle.send(1000).await;
    deployment.cluster().until_replicated().await;
    deployment.cluster().nodes[0].kill();
    deployment.send_all_again().await;
    deployment.cluster().nodes[0].start().await;
    deployment.cluster().until_whole().await;
    assert!(deployment.cluster().nodes[3].is_master().await);
    deployment.assert_kept("a node of a cluster killed, and its replica in its place").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_that_move_under_load_take_everything_along() {
    let mut deployment = Deployment::start(TestStores::on(Cluster::start().await).await).await;
    deployment.oracle.start();
    for (shard, from, to) in [(1, 1, 2), (3, 0, 1), (1, 2, 0)] {
        deployment.oracle.until_acknowledged(500).await;
        deployment.cluster().move_shard(shard, from, to).await;
        deployment.oracle.until_recovered(&deployment.stores).await;
    }
    deployment.send_all_again().await;
    deployment.assert_kept("slots of a cluster moved three times").await;
}
