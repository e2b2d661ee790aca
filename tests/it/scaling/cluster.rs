//! The same on a Redis Cluster of three nodes, which share the shards: all goes well, a node is killed, a replica takes over,
//! a slot moves.

use super::Deployment;
use crate::support::{Cluster, TestStores};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_and_changing_workers_on_a_cluster_of_three_store_each_event_once() {
    let mut deployment = Deployment::start(TestStores::on(Cluster::start().await).await).await;
    deployment.oracle.start();
    deployment.until_each_took_a_share().await;
    for node in &deployment.stores.cluster.as_ref().unwrap().nodes {
        assert!(node.count("ledger:*").await > 0 && node.count("dedupe:*").await > 0, "each node has shards");
    }
    deployment.kill_a_worker_that_holds_frames().await;
    deployment.add_worker().await;
    deployment.until_each_took_a_share().await;
    deployment.assert_kept("a cluster of three nodes, two serve, three workers, one killed, one added").await;
}
