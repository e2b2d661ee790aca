//! How the pipeline is told to end.

use tokio::sync::watch;

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Running,
    /// Nothing more is fetched; what is in flight is finished.
    Draining,
    /// What is in flight is left unacknowledged, for another worker to take over.
    Abandoned,
}

/// The switch, shared by all stages.
#[derive(Clone, Debug)]
pub(super) struct Halt(watch::Sender<Phase>);

impl Halt {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(Phase::Running))
    }

    pub(super) fn drain(&self) {
        self.advance(Phase::Draining);
    }

    pub(super) fn abandon(&self) {
        self.advance(Phase::Abandoned);
    }

    pub(super) fn is_draining(&self) -> bool {
        *self.0.borrow() >= Phase::Draining
    }

    /// Waits until the work in flight is given up.
    pub(super) async fn abandoned(&self) {
        // The sender is in `self`, so the wait cannot end otherwise.
        let _ = self.0.subscribe().wait_for(|phase| *phase >= Phase::Abandoned).await;
    }

    fn advance(&self, phase: Phase) {
        self.0.send_if_modified(|current| {
            let forward = phase > *current;
            *current = phase.max(*current);
            forward
        });
    }
}
