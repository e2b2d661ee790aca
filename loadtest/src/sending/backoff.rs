//! How long to wait before a request is sent again when the server has not said: twice as long each time, with full
//! jitter, so that connections that failed together do not come back together.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);

/// The waits of one request.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Backoff {
    pub(super) fn new() -> Self {
        Self(FIRST)
    }

    /// The next wait.
    pub(super) fn next(&mut self) -> Duration {
        let wait = self.0.mul_f64(rand::random());
        self.0 = (self.0 * 2).min(LONGEST);
        wait
    }
}
