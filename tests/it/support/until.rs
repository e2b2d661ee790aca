//! Waiting without fixed sleeps.

use std::time::Duration;

use tokio::time::{sleep, timeout};

/// Between two looks at the condition.
const LOOK: Duration = Duration::from_millis(5);

/// Waits until `condition` holds; past the deadline the test fails, naming `what` it waited for.
pub(crate) async fn until(what: &str, deadline: Duration, mut condition: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !condition().await {
            sleep(LOOK).await;
        }
    };
    assert!(timeout(deadline, waiting).await.is_ok(), "waited {deadline:?} in vain: {what}");
}
