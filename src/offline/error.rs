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
    #[error("{} cannot be used:\n{}", path.display(), first(problems))]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// Each with its place.
        problems: Vec<String>,
    },
    /// A rule is valid, and no accepted event can match it, or it is not what was meant.
    #[error("a campaign with the rule in {} is refused:\n{}", path.display(), first(problems))]
    OfNoCampaign {
        /// Which file.
        path: PathBuf,
        /// Each with its place.
        problems: Vec<String>,
    },
    /// Rules and events are both to come from standard input.
    #[error("rules and events cannot both be standard input; name a file for one of them")]
    OneInput,
    /// The results cannot be written.
    #[error("cannot write the results: {0}")]
    Unwritable(#[source] io::Error),
}

impl OfflineError {
    pub(super) fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::Unreadable { path, source }
    }

    /// The exit code that tells what kind of failure it was: 2 for rules that are not valid or that no campaign may have, 64 for a command line that
    /// cannot work, else 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Invalid { .. } | Self::OfNoCampaign { .. } => 2,
            Self::Unreadable { .. } | Self::Unwritable(_) => 1,
            Self::OneInput => 64,
        }
    }

    /// Whether nobody reads the results any more, as when they are piped into `head`: no failure of ours.
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Unwritable(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// The first problems, a line each; a file that holds no rules at all has one in each line.
fn first(problems: &[String]) -> String {
    const TOLD: usize = 50;
    let more = problems.len().saturating_sub(TOLD);
    let told = problems[..problems.len() - more].join("\n");
    if more == 0 { told } else { format!("{told}\n… and {more} more") }
}
