//! How the pipeline is told to end.

use tokio::sync::watch;

/// How far the end has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Phase {
    /// Nothing more is fetched; what is in flight is finished.
    draining: bool,
    /// What these first stages hold is left unacknowledged, for another worker to take over.
    abandoned: usize,
}

/// The switch, shared by all stages; each holds it with its own place in the pipeline.
#[derive(Clone, Debug)]
pub(super) struct Halt {
    phase: watch::Sender<Phase>,
    place: usize,
}

impl Halt {
    pub(super) fn new() -> Self {
        Self { phase: watch::Sender::default(), place: 0 }
    }

    /// The same switch, for the stage at this place.
    pub(super) fn at(&self, place: usize) -> Self {
        Self { phase: self.phase.clone(), place }
    }

    pub(super) fn drain(&self) {
        self.advance(0);
    }

    /// Has every stage give up what it holds.
    pub(super) fn abandon(&self) {
        self.advance(usize::MAX);
    }

    /// Has the stages before this one give up what they hold, as nobody will take it. Those behind finish what they have.
    pub(super) fn abandon_before(&self) {
        self.advance(self.place);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.phase.borrow().draining
    }

    /// Waits until this stage is to give up what it holds.
    pub(super) async fn abandoned(&self) {
        // The sender is in `self`, so the wait cannot end otherwise.
        let _ = self.phase.subscribe().wait_for(|phase| phase.abandoned > self.place).await;
    }

    fn advance(&self, abandoned: usize) {
        self.phase.send_if_modified(|phase| {
            let further = Phase { draining: true, abandoned: phase.abandoned.max(abandoned) };
            std::mem::replace(phase, further) != further
        });
    }
}
