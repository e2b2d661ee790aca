//! Wildcards: `*` stands for any run of characters, also none.
//!
//! A wildcard is kept as the literal pieces between its stars. Matching takes the leftmost place of each inner piece,
//! which is always as good as any other, so a value is read once and never read again.

use memchr::memmem;

/// A checked wildcard: `pieces` joined by `*`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Wildcard {
    /// At least one. One piece has no star at all; inner pieces are never empty.
    pieces: Box<[Box<str>]>,
}

/// Why a text is not a wildcard; places are counted from 0, and shown from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WildcardError {
    #[error("has \"**\" at character {}; one * already stands for any run of characters", .0 + 1)]
    DoubleStar(usize),
    #[error(
        "has a backslash at character {} that escapes nothing; write \"\\\\*\" for a star and \"\\\\\\\\\" for a backslash (as JSON text)",
        .0 + 1
    )]
    BadEscape(usize),
}

impl Wildcard {
    pub(crate) fn parse(text: &str) -> Result<Self, WildcardError> {
        let mut pieces = vec![String::new()];
        let mut characters = text.chars().enumerate().peekable();
        while let Some((at, character)) = characters.next() {
            match character {
                '*' if characters.peek().is_some_and(|(_, next)| *next == '*') => {
                    return Err(WildcardError::DoubleStar(at));
                }
                '*' => pieces.push(String::new()),
                '\\' => match characters.next() {
                    Some((_, escaped @ ('*' | '\\'))) => last(&mut pieces).push(escaped),
                    _ => return Err(WildcardError::BadEscape(at)),
                },
                literal => last(&mut pieces).push(literal),
            }
        }
        Ok(Self { pieces: pieces.into_iter().map(String::into_boxed_str).collect() })
    }

    /// The texts between the stars.
    pub(crate) fn pieces(&self) -> impl ExactSizeIterator<Item = &str> {
        self.pieces.iter().map(|piece| &**piece)
    }

    pub(crate) fn matches(&self, value: &str) -> bool {
        let [first, inner @ .., last] = &*self.pieces else {
            return self.pieces.first().is_some_and(|only| **only == *value);
        };
        let Some(rest) = value.strip_prefix(&**first) else { return false };
        let Some(middle) = rest.strip_suffix(&**last) else { return false };
        let mut unread = middle.as_bytes();
        inner.iter().all(|piece| match memmem::find(unread, piece.as_bytes()) {
            Some(at) => {
                unread = &unread[at + piece.len()..];
                true
            }
            None => false,
        })
    }
}

fn last(pieces: &mut [String]) -> &mut String {
    pieces.last_mut().expect("a wildcard has at least one piece")
}

impl std::fmt::Display for Wildcard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let escaped = self.pieces.iter().map(|piece| piece.replace('\\', "\\\\").replace('*', "\\*"));
        f.write_str(&escaped.collect::<Vec<_>>().join("*"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(wildcard: &str, value: &str) -> bool {
        Wildcard::parse(wildcard).unwrap().matches(value)
    }

    #[test]
    fn a_star_is_any_run_of_characters() {
        for (wildcard, value) in [
            ("*", ""),
            ("*", "x"),
            ("a*b", "ab"),
            ("a*b", "axxb"),
            ("*@x.com", "u@x.com"),
            ("a*a*a", "aaa"),
            ("", ""),
        ] {
            assert!(matches(wildcard, value), "{wildcard} {value}");
        }
        for (wildcard, value) in
            [("a*b", "abc"), ("a*a", "a"), ("ab*ba", "aba"), ("a*x*b", "ab"), ("", "x"), ("x", "xx")]
        {
            assert!(!matches(wildcard, value), "{wildcard} {value}");
        }
    }

    #[test]
    fn escapes_stand_for_themselves() {
        assert!(matches(r"a\*b", "a*b") && !matches(r"a\*b", "axb"));
        assert!(matches(r"a\\*", r"a\x"));
        assert_eq!(Wildcard::parse(r"a\b"), Err(WildcardError::BadEscape(1)));
        assert_eq!(Wildcard::parse(r"a\"), Err(WildcardError::BadEscape(1)));
        assert_eq!(Wildcard::parse("a**"), Err(WildcardError::DoubleStar(1)));
    }

    /// Both texts, a character at a time, trying every length for every star.
    fn matches_naively(wildcard: &[char], value: &[char]) -> bool {
        match wildcard.split_first() {
            None => value.is_empty(),
            Some(('*', rest)) => (0..=value.len()).any(|skipped| matches_naively(rest, &value[skipped..])),
            Some((literal, rest)) => {
                value.split_first().is_some_and(|(head, tail)| head == literal && matches_naively(rest, tail))
            }
        }
    }

    proptest! {
        #[test]
        fn leftmost_pieces_are_as_good_as_any(wildcard in "[ab]{0,3}(\\*[ab]{1,2}){0,3}\\*?", value in "[ab]{0,10}") {
            let characters = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(matches(&wildcard, &value), matches_naively(&characters(&wildcard), &characters(&value)));
        }

        #[test]
        fn a_wildcard_is_shown_as_it_is_written(wildcard in "([ab]|\\\\\\*|\\\\\\\\){0,3}(\\*[ab]){0,3}\\*?") {
            prop_assert_eq!(Wildcard::parse(&wildcard).unwrap().to_string(), wildcard);
        }
    }
}
