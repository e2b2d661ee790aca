//! The rules that stand in the nodes of the access tree, packed.
//!
//! With many rules, what a match costs is how much memory it touches. So a posting is as many 32-bit words as it needs,
//! those of a node stand one after the other, and lists of literals that hardly any two rules share stand in them:
//!
//! ```text
//! head    how many words follow; and in the highest bits: REST, REPEATED
//! rule    the rule's number
//! test*   a test that is open: its number in the table of quick tests
//!         or LISTED and how many literals there are, the path, and the literals, one of which has to be there
//! ```

use super::literals::LiteralId;
use super::paths::PathId;
use super::program::Span;

/// In a head: something has to hold beside the required fields.
const REST: u32 = 1 << 31;
/// In a head: the rule stands in other nodes, too.
const REPEATED: u32 = 1 << 30;
/// In a test: what it wants is listed right here.
const LISTED: u32 = 1 << 31;
/// What is left of a word beside these.
const NUMBER: u32 = (1 << 30) - 1;

/// All postings.
#[derive(Debug, Default)]
pub(super) struct Postings {
    words: Vec<u32>,
}

/// A rule in a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Posting<'p> {
    pub(super) rule: u32,
    /// Whether something has to hold beside the required fields.
    pub(super) rest: bool,
    /// Whether the rule stands in other nodes, too, and may be met again.
    pub(super) repeated: bool,
    tests: &'p [u32],
}

/// A required field that is not known to hold on the way to a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OpenTest<'p> {
    /// The place of a quick test.
    Quick(u32),
    /// One of these literals must be a leaf at the path.
    Listed { path: PathId, literals: Listed<'p> },
}

/// Literals, in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listed<'p>(&'p [u32]);

impl Listed<'_> {
    pub(super) fn contains(&self, literal: LiteralId) -> bool {
        self.0.contains(&literal.number())
    }
}

impl<'p> Posting<'p> {
    /// The required fields that are not known to hold on the way here.
    pub(super) fn tests(&self) -> impl Iterator<Item = OpenTest<'p>> {
        let mut words = self.tests;
        std::iter::from_fn(move || {
            let (head, rest) = words.split_first()?;
            words = rest;
            if head & LISTED == 0 {
                return Some(OpenTest::Quick(*head));
            }
            let (path, rest) = rest.split_first()?;
            let (literals, rest) = rest.split_at_checked((head & NUMBER) as usize)?;
            words = rest;
            Some(OpenTest::Listed { path: PathId::from_number(*path), literals: Listed(literals) })
        })
    }
}

impl Postings {
    /// Where the next posting will start.
    pub(super) fn end(&self) -> usize {
        self.words.len()
    }

    /// The postings from `start` to the last one.
    pub(super) fn since(&self, start: usize) -> Span {
        Span::since(&self.words, start)
    }

    /// Adds a rule, without tests.
    pub(super) fn push(&mut self, rule: u32, rest: bool, repeated: bool) -> NewPosting<'_> {
        let flag = |set: bool, flag: u32| if set { flag } else { 0 };
        let head = self.words.len();
        self.words.extend([flag(rest, REST) | flag(repeated, REPEATED), rule]);
        self.words[head] += 1;
        NewPosting { words: &mut self.words, head }
    }

    pub(super) fn of(&self, span: Span) -> impl Iterator<Item = Posting<'_>> {
        let mut words = span.of(&self.words);
        std::iter::from_fn(move || {
            let (head, rest) = words.split_first()?;
            let (posting, after) = rest.split_at_checked((head & NUMBER) as usize)?;
            let (rule, tests) = posting.split_first()?;
            words = after;
            Some(Posting { rule: *rule, rest: head & REST != 0, repeated: head & REPEATED != 0, tests })
        })
    }

    /// The bytes that this takes.
    pub(super) fn bytes(&self) -> usize {
        self.words.capacity() * size_of::<u32>()
    }
}

/// The last posting, to which tests may be added.
pub(super) struct NewPosting<'p> {
    words: &'p mut Vec<u32>,
    head: usize,
}

impl NewPosting<'_> {
    pub(super) fn quick(&mut self, test: u32) {
        self.extend([test]);
    }

    pub(super) fn listed(&mut self, path: PathId, literals: &[LiteralId]) {
        let count = u32::try_from(literals.len()).expect("a field lists at most 1,000 values");
        self.extend([LISTED | count, path.number()]);
        self.extend(literals.iter().map(|literal| literal.number()));
    }

    fn extend(&mut self, words: impl IntoIterator<Item = u32>) {
        let before = self.words.len();
        self.words.extend(words);
        self.words[self.head] +=
            u32::try_from(self.words.len() - before).expect("a rule is at most 64 KiB long");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::index::literals::Literals;
    use crate::rules::value::Value;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn postings_are_read_as_they_were_written(
            postings in proptest::collection::vec(
                (any::<u32>(), any::<bool>(), any::<bool>(), proptest::collection::vec((0..LISTED, 0..40_usize), 0..4)),
                0..9,
            ),
        ) {
            let mut literals = Literals::default();
            let literals: Vec<_> =
                (0..40_i64).map(|number| literals.intern(PathId::ROOT, Value::Number(number.into()))).collect();
            let mut packed = Postings::default();
            packed.push(7, true, true).quick(5);
            let start = packed.end();
            for (rule, rest, repeated, tests) in &postings {
                let mut posting = packed.push(*rule, *rest, *repeated);
                for (test, listed) in tests {
                    posting.quick(*test);
                    posting.listed(PathId::from_index(*listed), &literals[*listed..]);
                }
            }
            let read: Vec<_> = packed.of(packed.since(start)).collect();
            prop_assert_eq!(read.len(), postings.len());
            for (read, (rule, rest, repeated, tests)) in read.into_iter().zip(postings) {
                prop_assert_eq!((read.rule, read.rest, read.repeated), (rule, rest, repeated));
                prop_assert_eq!(read.tests().count(), 2 * tests.len());
                for (pair, (test, listed)) in read.tests().collect::<Vec<_>>().chunks(2).zip(tests) {
                    prop_assert_eq!(pair[0], OpenTest::Quick(test));
                    let OpenTest::Listed { path, literals: found } = pair[1] else { panic!("{pair:?}") };
                    prop_assert_eq!(path, PathId::from_index(listed));
                    let contained = literals.iter().map(|literal| found.contains(*literal));
                    prop_assert!(contained.eq((0..40).map(|number| number >= listed)));
                }
            }
        }
    }
}
