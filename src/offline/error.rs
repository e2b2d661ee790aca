//! What ends a run over files, and what the shell is told.

use std::io;
use std::path::{Path, PathBuf};

/// Why a run over files ended early.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// A file cannot be opened or read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Rules, or the lines that hold them, are not valid; all that is wrong is said at once.
    #[error("{} cannot be used:\n{}", path.display(), problems.join("\n"))]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// Each with its place.
        problems: Vec<String>,
    },
    /// The results cannot be written.
    #[error("cannot write the results: {0}")]
    Unwritable(#[source] io::Error),
}

impl OfflineError {
    pub(super) fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::Unreadable { path, source }
    }

    /// The exit code that tells what kind of failure it was: 2 for rules that are not valid, else 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Invalid { .. } => 2,
            Self::Unreadable { .. } | Self::Unwritable(_) => 1,
        }
    }

    /// Whether nobody reads the results any more, as when they are piped into `head`: no failure of ours.
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Unwritable(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
