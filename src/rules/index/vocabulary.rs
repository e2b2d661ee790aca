//! What rules name at each path, and how the leaves of an event look in these terms.
//!
//! A [`Look`] sums up all leaves at a path: 64 bits for what they are, and the place of a number among the bounds of
//! ranges. Most tests are answered by it alone, as a [`QuickTest`]: no list is read, and no text is compared.

use super::leaves::Leaves;
use super::literals::{LiteralId, Literals};
use super::paths::PathId;
use super::program::{Check, Program, Test};
use crate::rules::number::Number;
use crate::rules::predicate::{Predicate, Range};
use crate::rules::value::Value;
use simd_json::Node;
use std::ops::Bound;

/// The bits that stand for literals; the first literals of a path have one each, further ones share them.
const LITERAL_BITS: u32 = 62;
/// The path has no leaf.
const ABSENT: u64 = 1 << 62;
/// A leaf is no literal that a rule names here.
const OTHER: u64 = 1 << 63;

/// The leaves at a path, in short.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    bits: u64,
    /// The place of a number among bounds.
    rank: u32,
    /// Whether there are several leaves, each with a rank of its own.
    many: bool,
}

/// The rank of what is no number.
const NO_RANK: u32 = u32::MAX;
const LAST_RANK: u32 = NO_RANK - 1;

impl Look {
    /// No leaf at all.
    pub(super) const NOTHING: Self = Self { bits: ABSENT, rank: NO_RANK, many: false };

    /// Whether the rank says nothing, because there are several leaves.
    pub(super) fn hides_ranks(self) -> bool {
        self.many
    }
}

/// What a look must be like for a test to hold: one of these bits, and a rank in this range.
#[derive(Clone, Copy, Debug)]
pub(super) struct QuickTest {
    bits: u64,
    first: u32,
    /// How much greater than the first the last rank is.
    span: u32,
    pub(super) path: PathId,
}

impl QuickTest {
    /// Whether the test may hold. If it is [enough](Answer::Enough) and the look does not hide ranks, it does.
    #[inline]
    pub(super) fn may_hold(&self, look: Look) -> bool {
        (look.bits & self.bits != 0) & ((look.rank.wrapping_sub(self.first) <= self.span) | look.many)
    }
}

/// How far a look goes in answering a test.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    /// It says whether the test holds.
    Enough(QuickTest),
    /// It says that some tests do not hold.
    Filter(QuickTest),
    /// It says nothing, unless the path has no leaf.
    Nothing,
}

#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    literals: Literals,
    /// By path.
    places: Vec<Place>,
    /// By literal: the bit that stands for it.
    bits: Vec<u8>,
}

/// What rules name at a path.
#[derive(Debug, Default)]
struct Place {
    literals: u32,
    /// The different bounds of ranges, sorted.
    bounds: Vec<Number>,
}

impl Vocabulary {
    pub(super) fn new(program: &Program, literals: Literals, paths: usize) -> Self {
        let mut places: Vec<_> = (0..paths).map(|_| Place::default()).collect();
        let bits = literals.paths().iter().map(|path| {
            let place = &mut places[path.index()];
            place.literals += 1;
            u8::try_from((place.literals - 1) % LITERAL_BITS).expect("there are 62 bits")
        });
        let bits = bits.collect();
        for (path, check) in &program.checks {
            if let Check::Holds(Predicate::Range(range)) = check {
                places[path.index()].bounds.extend(bounds_of(range));
            }
        }
        for Place { bounds, .. } in &mut places {
            bounds.sort_unstable();
            bounds.dedup();
        }
        Self { literals, places, bits }
    }

    pub(super) fn literals(&self) -> &Literals {
        &self.literals
    }

    /// The different bounds of ranges at a path, sorted.
    pub(super) fn bounds(&self, path: PathId) -> &[Number] {
        &self.places[path.index()].bounds
    }

    /// Looks at the leaves of an event at a path, and notes which literals they are.
    pub(super) fn look(&self, path: PathId, leaves: &mut Leaves, nodes: &[Node<'_>]) -> Look {
        let place = &self.places[path.index()];
        let mut look =
            Look { bits: 0, rank: NO_RANK, many: leaves.count(path) > 1 && !place.bounds.is_empty() };
        leaves.identify(path, |node| {
            let value = Value::of(&nodes[node as usize]).expect("only leaves are noted as leaves");
            let literal =
                if place.literals == 0 { LiteralId::UNKNOWN } else { self.literals.find(path, value) };
            look.bits |= self.bit(literal);
            if !place.bounds.is_empty()
                && let Value::Number(number) = value
            {
                look.rank = rank(&place.bounds, number);
            }
            literal
        });
        look
    }

    fn bit(&self, literal: LiteralId) -> u64 {
        self.bits.get(literal.number() as usize).map_or(OTHER, |bit| 1 << bit)
    }

    /// How far a look goes in answering a test.
    pub(super) fn answer(&self, program: &Program, test: &Test) -> Answer {
        let place = &self.places[test.path.index()];
        let literals = test.literals.of(&program.literals);
        let predicates = test.predicates.of(&program.predicates);
        if let ([], [id], false) = (literals, predicates, test.absent)
            && let Check::Holds(Predicate::Range(range)) = program.check(*id)
        {
            let (first, last) = ranks(&place.bounds, range);
            let span = last.saturating_sub(first);
            return Answer::Enough(QuickTest { bits: !ABSENT, first, span, path: test.path });
        }
        let mask =
            |literals: &[LiteralId]| literals.iter().fold(0, |bits, literal| bits | self.bit(*literal));
        let bits_are_literals = place.literals <= LITERAL_BITS;
        let mut bits = mask(literals) | if test.absent { ABSENT } else { 0 };
        let mut is_enough = bits_are_literals || literals.is_empty();
        for id in predicates {
            let (some, all) = match program.check(*id) {
                Check::Holds(Predicate::Exists) => (!ABSENT, true),
                Check::NoneOf(excluded) if bits_are_literals => (!ABSENT & !mask(excluded), true),
                _ => (!ABSENT, false),
            };
            bits |= some;
            is_enough &= all;
        }
        let quick = QuickTest { bits, first: 0, span: u32::MAX, path: test.path };
        match is_enough {
            true => Answer::Enough(quick),
            false if bits | ABSENT == u64::MAX => Answer::Nothing,
            false => Answer::Filter(quick),
        }
    }

    /// The bytes that this takes.
    pub(super) fn bytes(&self) -> usize {
        let bounds: usize =
            self.places.iter().map(|place| place.bounds.capacity() * size_of::<Number>()).sum();
        self.literals.bytes() + self.bits.capacity() + self.places.capacity() * size_of::<Place>() + bounds
    }
}

fn bounds_of(range: &Range) -> impl Iterator<Item = Number> + use<> {
    [range.lower, range.upper].into_iter().filter_map(|bound| match bound {
        Bound::Included(number) | Bound::Excluded(number) => Some(number),
        Bound::Unbounded => None,
    })
}

/// The place of a number among bounds: odd for the bounds themselves, even for what is between them.
fn rank(bounds: &[Number], number: Number) -> u32 {
    let place = bounds.partition_point(|bound| bound.is_less(number));
    let is_bound = bounds.get(place) == Some(&number);
    u32::try_from(2 * place + usize::from(is_bound)).expect("rules are too few for 2³¹ bounds")
}

/// The first and the last rank of the numbers in a range; none lies between them if the last comes before the first.
fn ranks(bounds: &[Number], range: &Range) -> (u32, u32) {
    let first = match range.lower {
        Bound::Included(number) => rank(bounds, number),
        Bound::Excluded(number) => rank(bounds, number) + 1,
        Bound::Unbounded => 0,
    };
    let last = match range.upper {
        Bound::Included(number) => rank(bounds, number),
        Bound::Excluded(number) => rank(bounds, number) - 1,
        Bound::Unbounded => LAST_RANK,
    };
    (first, last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::index::ranges::tests::bound;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ranks_tell_the_numbers_in_a_range(
            drawn in proptest::collection::vec((bound(), bound()), 1..9),
            number in -1.0..10.0_f64,
            is_whole in any::<bool>(),
        ) {
            let number = Number::from(if is_whole { number.round() } else { number });
            let ranges = drawn.into_iter().map(|(lower, upper)| Range { lower: lower.map(Number::from), upper: upper.map(Number::from) });
            let ranges: Vec<_> = ranges.collect();
            let mut bounds: Vec<_> = ranges.iter().flat_map(bounds_of).collect();
            bounds.sort_unstable();
            bounds.dedup();
            let rank = rank(&bounds, number);
            for range in ranges {
                let (first, last) = ranks(&bounds, &range);
                prop_assert_eq!((first..=last).contains(&rank), range.contains(number), "{}", range);
            }
        }
    }
}
