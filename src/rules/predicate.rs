//! What one entry of a field's list asks of a leaf.

use super::fold::fold_char;
use super::network::Network;
use super::number::Number;
use super::value::{Literal, Value, write_quoted};
use super::wildcard::Wildcard;
use std::fmt;
use std::ops::{Bound, RangeBounds};

/// One entry of a field's list.
///
/// Texts that are compared without regard to case are kept folded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Predicate {
    Exact(Literal),
    Range(Range),
    Prefix(Box<str>),
    Suffix(Box<str>),
    EqualsIgnoreCase(Box<str>),
    PrefixIgnoreCase(Box<str>),
    SuffixIgnoreCase(Box<str>),
    Wildcard(Wildcard),
    Network(Network),
    /// None of these; they are all of one kind.
    AnythingBut(Box<[Predicate]>),
    /// Any leaf at all.
    Exists,
    /// No leaf: the one predicate that a leaf cannot satisfy.
    Absent,
}

/// A range of numbers, bounded on at least one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Range {
    pub(crate) lower: Bound<Number>,
    pub(crate) upper: Bound<Number>,
}

impl Range {
    pub(crate) fn contains(&self, number: Number) -> bool {
        (self.lower, self.upper).contains(&number)
    }
}

impl Predicate {
    /// What it takes at most to hold this against a leaf, in steps of some nanoseconds.
    pub(crate) fn steps(&self, value: Value<'_>) -> u64 {
        const BYTES_SEARCHED: usize = 64;
        const BYTES_FOLDED: usize = 8;
        let Value::String(text) = value else { return 1 };
        let read = match self {
            Self::Wildcard(wildcard) => text.len() / BYTES_SEARCHED + wildcard.pieces().len().min(text.len()),
            Self::EqualsIgnoreCase(folded)
            | Self::PrefixIgnoreCase(folded)
            | Self::SuffixIgnoreCase(folded) => folded.len().min(text.len()) / BYTES_FOLDED,
            Self::Prefix(affix) | Self::Suffix(affix) => affix.len().min(text.len()) / BYTES_SEARCHED,
            Self::AnythingBut(excluded) => {
                return excluded.iter().map(|predicate| predicate.steps(value)).sum();
            }
            Self::Exact(_) | Self::Range(_) | Self::Network(_) | Self::Exists | Self::Absent => 0,
        };
        1 + read as u64
    }

    /// Whether a leaf satisfies this.
    pub(crate) fn holds(&self, value: Value<'_>) -> bool {
        match (self, value) {
            (Self::Exact(literal), _) => literal.as_value() == value,
            (Self::Range(range), Value::Number(number)) => range.contains(number),
            (Self::Prefix(prefix), Value::String(text)) => text.starts_with(&**prefix),
            (Self::Suffix(suffix), Value::String(text)) => text.ends_with(&**suffix),
            (Self::EqualsIgnoreCase(folded), Value::String(text)) => {
                text.chars().map(fold_char).eq(folded.chars())
            }
            (Self::PrefixIgnoreCase(folded), Value::String(text)) => {
                starts_with(text.chars().map(fold_char), folded.chars())
            }
            (Self::SuffixIgnoreCase(folded), Value::String(text)) => {
                starts_with(text.chars().rev().map(fold_char), folded.chars().rev())
            }
            (Self::Wildcard(wildcard), Value::String(text)) => wildcard.matches(text),
            (Self::Network(network), Value::String(text)) => network.contains(text),
            (Self::AnythingBut(excluded), _) => !excluded.iter().any(|predicate| predicate.holds(value)),
            (Self::Exists, _) => true,
            _ => false,
        }
    }
}

fn starts_with(mut text: impl Iterator<Item = char>, mut prefix: impl Iterator<Item = char>) -> bool {
    prefix.all(|wanted| text.next() == Some(wanted))
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |f: &mut fmt::Formatter<'_>, before: &str, text: &str, after: &str| {
            f.write_str(before)?;
            write_quoted(text, f)?;
            f.write_str(after)
        };
        match self {
            Self::Exact(literal) => write!(f, "{literal}"),
            Self::Range(range) => write!(f, "{range}"),
            Self::Prefix(prefix) => text(f, "a string that starts with ", prefix, ""),
            Self::Suffix(suffix) => text(f, "a string that ends with ", suffix, ""),
            Self::EqualsIgnoreCase(folded) => text(f, "", folded, " in any case"),
            Self::PrefixIgnoreCase(folded) => text(f, "a string that starts with ", folded, " in any case"),
            Self::SuffixIgnoreCase(folded) => text(f, "a string that ends with ", folded, " in any case"),
            Self::Wildcard(wildcard) => text(f, "a string like ", &wildcard.to_string(), ""),
            Self::Network(network) => write!(f, "an address in {network}"),
            Self::AnythingBut(excluded) => write!(f, "anything but {}", Alternatives(excluded)),
            Self::Exists => f.write_str("any value"),
            Self::Absent => f.write_str("a missing field"),
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bounds = [(self.lower, "≥", ">"), (self.upper, "≤", "<")];
        let mut written = false;
        for (bound, including, excluding) in bounds {
            let (comparison, number) = match bound {
                Bound::Included(number) => (including, number),
                Bound::Excluded(number) => (excluding, number),
                Bound::Unbounded => continue,
            };
            let and = if written { " and " } else { "" };
            write!(f, "{and}{comparison} {number}")?;
            written = true;
        }
        Ok(())
    }
}

/// Predicates of which one is enough, as a phrase; a long list is cut.
pub(crate) struct Alternatives<'a>(pub(crate) &'a [Predicate]);

impl fmt::Display for Alternatives<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 5;
        for (position, predicate) in self.0.iter().take(SHOWN).enumerate() {
            let before = match position {
                0 => "",
                last if last + 1 == self.0.len() => " or ",
                _ => ", ",
            };
            write!(f, "{before}{predicate}")?;
        }
        match self.0.len().checked_sub(SHOWN) {
            None | Some(0) => Ok(()),
            Some(more) => write!(f, " or {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(predicate: fn(Box<str>) -> Predicate, text: &str) -> Predicate {
        predicate(super::super::fold::fold(text).into())
    }

    #[test]
    fn case_is_ignored_a_character_at_a_time() {
        assert!(folded(Predicate::EqualsIgnoreCase, "É").holds(Value::String("é")));
        assert!(!folded(Predicate::EqualsIgnoreCase, "straße").holds(Value::String("STRASSE")));
        assert!(folded(Predicate::PrefixIgnoreCase, "ÉC").holds(Value::String("école")));
        assert!(folded(Predicate::SuffixIgnoreCase, "OLE").holds(Value::String("école")));
        assert!(!folded(Predicate::PrefixIgnoreCase, "école").holds(Value::String("éco")));
    }

    #[test]
    fn a_range_holds_its_included_bounds_only() {
        let range = Range { lower: Bound::Included(1_i64.into()), upper: Bound::Excluded(2_i64.into()) };
        assert!(range.contains(1.0.into()) && range.contains(1.5.into()) && !range.contains(2_u64.into()));
        assert_eq!(range.to_string(), "≥ 1 and < 2");
    }

    #[test]
    fn a_long_list_is_cut_when_shown() {
        let predicates: Vec<_> = (0..8_i64).map(|n| Predicate::Exact(Literal::Number(n.into()))).collect();
        assert_eq!(Alternatives(&predicates).to_string(), "0, 1, 2, 3, 4 or 3 more");
        assert_eq!(Alternatives(&predicates[..3]).to_string(), "0, 1 or 2");
        assert_eq!(Alternatives(&predicates[..5]).to_string(), "0, 1, 2, 3 or 4");
    }
}
