//! Whether events satisfy a part of a rule, as far as the rule alone tells.

/// Which accepted events satisfy a part of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    Never,
    Possible,
    Always,
}

impl Outcome {
    pub(super) fn and(self, other: Self) -> Self {
        self.min(other)
    }

    pub(super) fn or(self, other: Self) -> Self {
        self.max(other)
    }

    pub(super) fn not(self) -> Self {
        match self {
            Self::Never => Self::Always,
            Self::Possible => Self::Possible,
            Self::Always => Self::Never,
        }
    }
}
