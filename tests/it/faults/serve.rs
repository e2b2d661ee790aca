//! The serving process killed while clients send.

use super::System;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_server_had_acknowledged_is_stored_once() {
    let mut system = System::start().await;
    let worker = system.worker().await;
    system.oracle.start();
    for _ in 0..3 {
        system.oracle.until_acknowledged(500).await;
        system.serve.kill().await;
        system.serve_again().await;
    }
    system.oracle.until_recovered(&system.stores).await;
    system.assert_kept("serve killed three times", vec![worker]).await;
}
