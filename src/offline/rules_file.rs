//! A file of named rules: JSON Lines of `{"name": …, "pattern": …}`, the pattern an object or a string with its text.

use super::OfflineError;
use super::lines::{Lines, complaint, text_of};
use crate::rules::{Pattern, RuleSet};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

/// Named rules, in the order of their file.
#[derive(Debug, Default)]
pub struct NamedRules {
    pub(super) names: Vec<String>,
    pub(super) patterns: Vec<Pattern>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    pattern: &'a RawValue,
}

impl NamedRules {
    /// Reads a file of rules; if any of them cannot be used, the error tells all that is wrong.
    pub fn read(path: &Path) -> Result<Self, OfflineError> {
        let mut lines = Lines::open(path)?;
        let mut rules = Self::default();
        let mut problems = Vec::new();
        let mut named = HashMap::new();
        let mut line = Vec::new();
        while let Some(number) = lines.read_into(&mut line)? {
            match rules.add(&line) {
                Ok(name) => {
                    if let Some(first) = named.insert(name.to_owned(), number) {
                        problems.push(format!(
                            "line {number}: the name {name:?} is that of line {first} already"
                        ));
                    }
                }
                Err(wrong) => {
                    problems.extend(wrong.into_iter().map(|wrong| format!("line {number}: {wrong}")));
                }
            }
        }
        if problems.is_empty() {
            Ok(rules)
        } else {
            Err(OfflineError::Invalid { path: path.to_owned(), problems })
        }
    }

    /// Adds the rule of a line and returns its name, or says what is wrong with it.
    fn add(&mut self, line: &[u8]) -> Result<&str, Vec<String>> {
        let Line { name, pattern } = serde_json::from_slice(line).map_err(|error| {
            let (reason, column) = complaint(&error);
            vec![format!("{reason} at column {column}; a line is {{\"name\": …, \"pattern\": …}}")]
        })?;
        let pattern = Pattern::parse(&text_of(pattern)).map_err(|errors| {
            errors.errors().iter().map(|error| format!("rule {name:?}: {error}")).collect::<Vec<_>>()
        })?;
        self.names.push(name.into_owned());
        self.patterns.push(pattern);
        Ok(self.names.last().map_or("", String::as_str))
    }

    /// The rules as a set, each known by its place among the names.
    pub(super) fn rule_set(&self) -> RuleSet {
        self.patterns.iter().cloned().collect()
    }
}
