//! Which of many ranges hold a number.
//!
//! The ranges stand sorted by their lower bounds, as an implicit search tree over the list in which each node knows the
//! greatest upper bound below it (Cormen et al., "Introduction to Algorithms", interval trees): subtrees that end before
//! the number, or start after it, are not entered.

use super::program::PredicateId;
use crate::rules::number::Number;
use crate::rules::predicate::Range;
use std::cmp::Ordering;
use std::ops::Bound;

#[derive(Debug)]
struct Node {
    range: Range,
    predicate: PredicateId,
    /// The greatest upper bound in the subtree of which this node is the root.
    reach: Bound<Number>,
}

/// Ranges, each standing for a predicate.
#[derive(Debug, Default)]
pub(super) struct Ranges {
    sorted: Vec<Node>,
}

impl Ranges {
    pub(super) fn new(ranges: impl IntoIterator<Item = (Range, PredicateId)>) -> Self {
        let nodes =
            ranges.into_iter().map(|(range, predicate)| Node { range, predicate, reach: range.upper });
        let mut sorted: Vec<_> = nodes.collect();
        sorted.sort_unstable_by(|one, other| compare_lower(one.range.lower, other.range.lower));
        spread_reach(&mut sorted);
        Self { sorted }
    }

    /// Calls `found` with each range that holds `number`.
    pub(super) fn holding(&self, number: Number, mut found: impl FnMut(PredicateId)) {
        visit(&self.sorted, number, &mut found);
    }

    /// The bytes that this takes.
    pub(super) fn bytes(&self) -> usize {
        self.sorted.capacity() * size_of::<Node>()
    }
}

fn visit(subtree: &[Node], number: Number, found: &mut impl FnMut(PredicateId)) {
    let (before, [root, after @ ..]) = subtree.split_at(subtree.len() / 2) else { return };
    if ends_before(root.reach, number) {
        return;
    }
    visit(before, number, found);
    if root.range.contains(number) {
        found(root.predicate);
    }
    if !starts_after(root.range.lower, number) {
        visit(after, number, found);
    }
}

fn spread_reach(subtree: &mut [Node]) -> Option<Bound<Number>> {
    let (before, [root, after @ ..]) = subtree.split_at_mut(subtree.len() / 2) else { return None };
    for reach in [spread_reach(before), spread_reach(after)].into_iter().flatten() {
        if compare_upper(reach, root.reach).is_gt() {
            root.reach = reach;
        }
    }
    Some(root.reach)
}

fn ends_before(upper: Bound<Number>, number: Number) -> bool {
    match upper {
        Bound::Included(last) => last < number,
        Bound::Excluded(end) => end <= number,
        Bound::Unbounded => false,
    }
}

fn starts_after(lower: Bound<Number>, number: Number) -> bool {
    match lower {
        Bound::Included(first) => first > number,
        Bound::Excluded(before) => before >= number,
        Bound::Unbounded => false,
    }
}

fn compare_lower(one: Bound<Number>, other: Bound<Number>) -> Ordering {
    match (one, other) {
        (Bound::Unbounded, Bound::Unbounded) => Ordering::Equal,
        (Bound::Unbounded, _) => Ordering::Less,
        (_, Bound::Unbounded) => Ordering::Greater,
        (Bound::Included(a) | Bound::Excluded(a), Bound::Included(b) | Bound::Excluded(b)) => {
            a.cmp(&b).then(matches!(one, Bound::Excluded(_)).cmp(&matches!(other, Bound::Excluded(_))))
        }
    }
}

fn compare_upper(one: Bound<Number>, other: Bound<Number>) -> Ordering {
    match (one, other) {
        (Bound::Unbounded, Bound::Unbounded) => Ordering::Equal,
        (Bound::Unbounded, _) => Ordering::Greater,
        (_, Bound::Unbounded) => Ordering::Less,
        (Bound::Included(a) | Bound::Excluded(a), Bound::Included(b) | Bound::Excluded(b)) => {
            a.cmp(&b).then(matches!(one, Bound::Included(_)).cmp(&matches!(other, Bound::Included(_))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bound() -> impl Strategy<Value = Bound<i64>> {
        prop_oneof![
            Just(Bound::Unbounded),
            (0..9_i64).prop_map(Bound::Included),
            (0..9_i64).prop_map(Bound::Excluded)
        ]
    }

    proptest! {
        #[test]
        fn exactly_the_ranges_around_a_number_are_found(
            bounds in proptest::collection::vec((bound(), bound()), 0..30),
            number in -1..10_i64,
        ) {
            let number = Number::from(number);
            let ranges: Vec<_> =
                bounds.iter().map(|(lower, upper)| Range { lower: lower.map(Number::from), upper: upper.map(Number::from) }).collect();
            let mut found = Vec::new();
            let index = Ranges::new(ranges.iter().copied().zip((0..).map(PredicateId)));
            index.holding(number, |predicate| found.push(predicate.0 as usize));
            found.sort_unstable();
            let expected: Vec<_> = (0..ranges.len()).filter(|place| ranges[*place].contains(number)).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
