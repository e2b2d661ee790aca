//! A JSON pointer (RFC 6901) that grows and shrinks with the reader.

use std::fmt::{self, Display, Write};

#[derive(Debug, Default)]
pub(in crate::rules) struct Pointer(String);

impl Pointer {
    /// Goes one step down; returns what [`Pointer::return_to`] needs to come back.
    pub(in crate::rules) fn push(&mut self, step: impl Display) -> usize {
        let above = self.0.len();
        self.0.push('/');
        write!(Escaping(&mut self.0), "{step}").expect("writing to a string cannot fail");
        above
    }

    pub(in crate::rules) fn return_to(&mut self, above: usize) {
        self.0.truncate(above);
    }
}

impl Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

struct Escaping<'a>(&'a mut String);

impl Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                '~' => self.0.push_str("~0"),
                '/' => self.0.push_str("~1"),
                other => self.0.push(other),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_escaped_and_taken_back() {
        let mut pointer = Pointer::default();
        pointer.push("a/b");
        let above = pointer.push(0);
        pointer.push("~");
        assert_eq!(pointer.to_string(), "/a~1b/0/~0");
        pointer.return_to(above);
        assert_eq!(pointer.to_string(), "/a~1b");
    }
}
