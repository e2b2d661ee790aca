//! One rule, checked.

use super::OfflineError;
use super::lines::Lines;
use crate::rules::{Pattern, Review};
use std::io::Write;
use std::path::Path;

/// Checks the rule that a file holds and says to `out` which fields it is about, and what saving a campaign with it would
/// warn of; the error tells all that is wrong, or why such a campaign is refused.
pub fn check(path: &Path, mut out: impl Write) -> Result<(), OfflineError> {
    let invalid = |problems| OfflineError::Invalid { path: path.to_owned(), problems };
    let text = String::from_utf8(Lines::open(path)?.read_whole()?)
        .map_err(|error| invalid(vec![format!("the rule is not UTF-8: {}", error.utf8_error())]))?;
    let pattern = Pattern::parse(&text)
        .map_err(|errors| invalid(errors.errors().iter().map(ToString::to_string).collect()))?;
    let fields: Vec<_> = pattern.fields().into_iter().map(|field| format!("`{field}`")).collect();
    writeln!(out, "{} is a valid rule about {}", path.display(), fields.join(", "))
        .map_err(OfflineError::Unwritable)?;
    let review = Review::of(&text).unwrap_or_default();
    for warning in review.warnings() {
        writeln!(out, "warning: {warning}").map_err(OfflineError::Unwritable)?;
    }
    if review.refused().is_empty() {
        return Ok(());
    }
    let problems = review.refused().iter().map(ToString::to_string).collect();
    Err(OfflineError::OfNoCampaign { path: path.to_owned(), problems })
}
