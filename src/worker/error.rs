//! Why the pipeline stopped.

use crate::queue::QueueError;
use crate::store::{Action, StoreError};

/// A failure that waiting does not mend. Nothing was acknowledged that is not committed.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// Redis.
    #[error("stage {stage}: {source}")]
    Queue {
        /// Which stage stopped.
        stage: &'static str,
        /// Why.
        source: QueueError,
    },
    /// Postgres.
    #[error("stage {stage}: {source}")]
    Store {
        /// Which stage stopped.
        stage: &'static str,
        /// Why.
        source: StoreError,
    },
    /// A stage panicked: a fault of this program.
    #[error("stage {stage} panicked: {message}")]
    Panicked {
        /// Which stage.
        stage: &'static str,
        /// What it said.
        message: String,
    },
    /// All stages ended, though none failed and nobody asked them to.
    #[error("all stages ended")]
    Ended,
    /// A stage's thread could not be started.
    #[error("no thread for stage {stage}: {source}")]
    NoThread {
        /// Which stage.
        stage: &'static str,
        /// Why.
        source: std::io::Error,
    },
}

/// A failure of one of the servers, as far as trying again is concerned.
pub(super) trait ServerFailure: std::error::Error {
    /// Whether trying again later can help.
    fn will_pass(&self) -> bool;
    /// Whether the server cannot be reached, so that an attempt costs next to nothing until it is back.
    fn is_away(&self) -> bool;
    /// The end of `stage`, where it cannot.
    fn stops(self, stage: &'static str) -> WorkerError;
}

impl ServerFailure for QueueError {
    fn is_away(&self) -> bool {
        self.is_away()
    }

    fn will_pass(&self) -> bool {
        self.will_pass()
    }

    fn stops(self, stage: &'static str) -> WorkerError {
        WorkerError::Queue { stage, source: self }
    }
}

impl ServerFailure for StoreError {
    fn is_away(&self) -> bool {
        self.is_away()
    }

    fn will_pass(&self) -> bool {
        self.action() == Action::Retry
    }

    fn stops(self, stage: &'static str) -> WorkerError {
        WorkerError::Store { stage, source: self }
    }
}
