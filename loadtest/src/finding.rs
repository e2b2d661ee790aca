//! Events that something is wrong with.

use std::fmt;

use serde::Serialize;

/// How many of the events are named.
const EXAMPLES: usize = 5;

/// Events that something is wrong with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How many.
    pub count: u64,
    /// Some of them.
    pub examples: Vec<String>,
}

impl Finding {
    /// Adds an event.
    pub(crate) fn add(&mut self, example: impl FnOnce() -> String) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(example());
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = if self.count > self.examples.len() as u64 { ", …" } else { "" };
        write!(f, "{}{more}", self.examples.join(", "))
    }
}
