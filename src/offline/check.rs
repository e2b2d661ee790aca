//! One rule, checked.

use super::OfflineError;
use super::lines::Lines;
use crate::rules::Pattern;
use std::path::Path;

/// Checks the rule that a file holds; the error tells all that is wrong with it.
pub fn check(path: &Path) -> Result<(), OfflineError> {
    let invalid = |problems| OfflineError::Invalid { path: path.to_owned(), problems };
    let text = String::from_utf8(Lines::open(path)?.read_whole()?)
        .map_err(|error| invalid(vec![format!("the rule is not UTF-8: {}", error.utf8_error())]))?;
    Pattern::parse(&text)
        .map_err(|errors| invalid(errors.errors().iter().map(ToString::to_string).collect()))?;
    Ok(())
}
