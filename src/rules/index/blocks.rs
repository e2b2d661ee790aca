//! The rules that stand in the nodes of the access tree, packed into blocks.
//!
//! A block is up to 64 *postings*: a rule with its *open* tests, those that the way there does not answer. All quick tests
//! of a block are answered in one loop that neither branches nor waits for memory, each marking its posting among 64
//! bits if it fails; what is left is looked at one by one. The first tests of all postings come first, then the second. With many rules, what a match costs is how much memory it
//! touches, so a block is 32-bit words, and the blocks of a node stand one after the other:
//!
//! ```text
//! size               of the block, in words
//! postings, entries  how many there are: the number of postings in the lowest eight bits
//! joints × 2         64 bits: which of the rules have fields that must agree about array elements
//! (rule, more)*      a posting: the rule's number, and in the highest bits REST and REPEATED;
//!                    where in the block its further tests start, or 0
//! entry*             a quick test of one of the postings: its number, times 64, and the place of the posting
//! (size, test*)*     further tests: how many words follow, then of each
//!                    the number of a test, to be answered with a look at the leaves themselves; or
//!                    LISTED and how many literals there are, the path, the number of the test, and the hashes of the
//!                    literals, without one of which it cannot hold
//! ```

use super::paths::PathId;
use super::program::{Span, TestId};

/// The most postings of a block.
const MAX_POSTINGS: usize = 64;

/// In a posting: something has to hold beside the required fields.
const REST: u32 = 1 << 31;
/// In a posting: the rule stands in other nodes, too.
const REPEATED: u32 = 1 << 30;
/// What is left of the word beside these.
const RULE: u32 = REPEATED - 1;
/// In a further test: what it wants is listed right here.
const LISTED: u32 = 1 << 31;

/// The words of a block before its postings.
const HEAD: usize = 4;

/// All blocks.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    words: Vec<u32>,
}

/// A posting to be packed.
#[derive(Debug, Default)]
pub(super) struct NewPosting {
    pub(super) rule: u32,
    /// Whether something has to hold beside the required fields.
    pub(super) rest: bool,
    /// Whether the rule stands in other nodes, too, and may be met again.
    pub(super) repeated: bool,
    /// Whether fields must agree about array elements.
    pub(super) joints: bool,
    /// The numbers of its quick tests, the one that fails most often first.
    pub(super) quick: Vec<u32>,
    /// Its other tests, as in the block.
    pub(super) more: Vec<u32>,
}

impl NewPosting {
    /// Adds a test that is answered with a look at the leaves.
    pub(super) fn further(&mut self, test: TestId) {
        self.more.push(test.0);
    }

    /// Adds a test for one of the literals with these hashes.
    pub(super) fn listed(&mut self, path: PathId, test: TestId, hashes: impl ExactSizeIterator<Item = u32>) {
        self.more.extend([LISTED | word(hashes.len()), path.number(), test.0]);
        self.more.extend(hashes);
    }
}

fn word(number: usize) -> u32 {
    u32::try_from(number).expect("a rule is at most 64 KiB long, and a block has at most 64")
}

#[expect(clippy::cast_possible_truncation, reason = "the high half is a word of its own")]
fn low_word(bits: u64) -> u32 {
    bits as u32
}

impl Blocks {
    /// Packs the postings of a node.
    pub(super) fn add(&mut self, postings: &[NewPosting]) -> Span {
        let start = self.words.len();
        postings.chunks(MAX_POSTINGS).for_each(|postings| self.add_block(postings));
        Span::since(&self.words, start)
    }

    fn add_block(&mut self, postings: &[NewPosting]) {
        let start = self.words.len();
        let entries = (0..).zip(postings).flat_map(|(place, posting)| {
            posting.quick.iter().enumerate().map(move |(round, test)| (round, test * 64 + place))
        });
        let mut entries: Vec<_> = entries.collect();
        entries.sort_unstable();
        let joints = postings.iter().enumerate().map(|(place, posting)| u64::from(posting.joints) << place);
        let joints: u64 = joints.sum();
        let counts = word(postings.len()) | word(entries.len()) << 8;
        self.words.extend([0, counts]);
        self.words.extend([joints, joints >> 32].map(low_word));
        let mut more = HEAD + 2 * postings.len() + entries.len();
        for posting in postings {
            let flag = |set: bool, flag: u32| if set { flag } else { 0 };
            assert!(posting.rule <= RULE, "rules are fewer than 2³⁰");
            let rule = posting.rule | flag(posting.rest, REST) | flag(posting.repeated, REPEATED);
            self.words.extend([rule, if posting.more.is_empty() { 0 } else { word(more) }]);
            more += if posting.more.is_empty() { 0 } else { 1 + posting.more.len() };
        }
        self.words.extend(entries.iter().map(|(_, entry)| entry));
        for posting in postings.iter().filter(|posting| !posting.more.is_empty()) {
            self.words.push(word(posting.more.len()));
            self.words.extend(&posting.more);
        }
        self.words[start] = word(self.words.len() - start);
    }

    /// The blocks of a node.
    pub(super) fn of(&self, span: Span) -> impl Iterator<Item = Block<'_>> {
        let mut words = span.of(&self.words);
        std::iter::from_fn(move || {
            let (block, after) = words.split_at_checked(*words.first()? as usize)?;
            words = after;
            Some(Block { words: block })
        })
    }

    /// The bytes that this takes.
    pub(super) fn bytes(&self) -> usize {
        self.words.capacity() * size_of::<u32>()
    }
}

/// A block, to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block<'b> {
    words: &'b [u32],
}

impl<'b> Block<'b> {
    /// How many postings there are.
    pub(super) fn len(&self) -> usize {
        (self.words[1] & 0xFF) as usize
    }

    /// The postings with fields that must agree about array elements, as bits.
    pub(super) fn joints(&self) -> u64 {
        u64::from(self.words[2]) | u64::from(self.words[3]) << 32
    }

    /// The quick tests, about one of each posting at a time.
    pub(super) fn rounds(&self) -> impl Iterator<Item = impl Iterator<Item = Entry> + use<'b>> + use<'b> {
        let start = HEAD + 2 * self.len();
        let count = (self.words[1] >> 8) as usize;
        let rounds = self.words[start..start + count].chunks(self.len());
        rounds.map(|round| round.iter().map(|entry| Entry { test: entry / 64, place: entry % 64 }))
    }

    /// All postings, as bits.
    pub(super) fn all(&self) -> u64 {
        u64::MAX >> (MAX_POSTINGS - self.len())
    }

    pub(super) fn posting(&self, place: u32) -> Posting<'b> {
        let start = HEAD + 2 * place as usize;
        let (rule, more) = (self.words[start], self.words[start + 1] as usize);
        let more = if more == 0 { &[] } else { &self.words[more + 1..][..self.words[more] as usize] };
        Posting { rule: rule & RULE, rest: rule & REST != 0, repeated: rule & REPEATED != 0, more }
    }
}

/// A quick test of a posting.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// The number of the test.
    pub(super) test: u32,
    /// The place of the posting in its block.
    pub(super) place: u32,
}

/// A rule in a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Posting<'b> {
    pub(super) rule: u32,
    /// Whether something has to hold beside the required fields.
    pub(super) rest: bool,
    /// Whether the rule stands in other nodes, too, and may be met again.
    pub(super) repeated: bool,
    more: &'b [u32],
}

/// An open test that is not quick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OpenTest<'b> {
    Further(TestId),
    /// It does not hold unless a leaf at the path has one of these hashes.
    Listed {
        path: PathId,
        test: TestId,
        hashes: &'b [u32],
    },
}

impl<'b> Posting<'b> {
    /// The open tests that are not quick.
    pub(super) fn further_tests(&self) -> impl Iterator<Item = OpenTest<'b>> + use<'b> {
        let mut words = self.more;
        std::iter::from_fn(move || {
            let (head, rest) = words.split_first()?;
            words = rest;
            if head & LISTED == 0 {
                return Some(OpenTest::Further(TestId(*head)));
            }
            let ([path, test], rest) = rest.split_first_chunk()?;
            let (hashes, rest) = rest.split_at_checked((head & !LISTED) as usize)?;
            words = rest;
            Some(OpenTest::Listed { path: PathId::from_number(*path), test: TestId(*test), hashes })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn posting() -> impl Strategy<Value = NewPosting> {
        let numbers = || proptest::collection::vec(0..1_u32 << 26, 0..4);
        (0..=RULE, any::<[bool; 3]>(), numbers(), numbers()).prop_map(|(rule, flags, quick, further)| {
            let [rest, repeated, joints] = flags;
            let mut posting = NewPosting { rule, rest, repeated, joints, quick, more: Vec::new() };
            for test in further {
                posting.further(TestId(test));
                posting.listed(PathId::from_number(test), TestId(test), test..test + test % 40);
            }
            posting
        })
    }

    proptest! {
        #[test]
        fn postings_are_read_as_they_were_written(postings in proptest::collection::vec(posting(), 0..150)) {
            let mut blocks = Blocks::default();
            blocks.add(&[NewPosting::default()]);
            let node = blocks.add(&postings);
            let blocks: Vec<_> = blocks.of(node).collect();
            prop_assert_eq!(blocks.iter().map(Block::len).sum::<usize>(), postings.len());
            for (block, postings) in blocks.iter().zip(postings.chunks(MAX_POSTINGS)) {
                for (place, expected) in (0..).zip(postings) {
                    let read = block.posting(place);
                    prop_assert_eq!((read.rule, read.rest, read.repeated), (expected.rule, expected.rest, expected.repeated));
                    prop_assert_eq!(block.joints() >> place & 1 == 1, expected.joints);
                    let of_this = |entry: &Entry| entry.place == place;
                    let quick = block.rounds().flatten().filter(of_this).map(|entry| entry.test);
                    prop_assert_eq!(quick.collect::<Vec<_>>(), &*expected.quick);
                    for pair in read.further_tests().collect::<Vec<_>>().chunks(2) {
                        let [OpenTest::Further(further), OpenTest::Listed { path, test, hashes }] = *pair else {
                            panic!("{pair:?}")
                        };
                        prop_assert_eq!((path.number(), test), (further.0, further));
                        prop_assert!(hashes.iter().copied().eq(test.0..test.0 + test.0 % 40));
                    }
                    prop_assert_eq!(read.more, &*expected.more);
                }
            }
        }
    }
}
