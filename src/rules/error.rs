//! What is wrong with a rule: every error at once, each with its place.

/// One thing that is wrong with a rule.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, thiserror::Error)]
#[error("{pointer}{}{detail}", if pointer.is_empty() { "" } else { ": " })]
pub struct RuleError {
    /// Where, as a JSON pointer (RFC 6901) into the rule; empty for the rule as a whole.
    pub pointer: String,
    /// What is there and what is allowed.
    pub detail: String,
}

/// Everything that is wrong with a rule, in the order of its text; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct RuleErrors(Vec<RuleError>);

impl RuleErrors {
    pub(crate) fn new(errors: Vec<RuleError>) -> Self {
        debug_assert!(!errors.is_empty(), "a refused rule has at least one error");
        Self(errors)
    }

    /// The errors, in the order of the rule's text.
    #[must_use]
    pub fn errors(&self) -> &[RuleError] {
        &self.0
    }
}
