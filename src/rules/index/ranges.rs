//! Which of many ranges hold a number.
//!
//! The ranges stand sorted by their lower bounds, as an implicit search tree over the list in which each node knows the
//! greatest upper bound below it (Cormen et al., "Introduction to Algorithms", interval trees): subtrees that end before
//! the number, or start after it, are not entered.

use crate::rules::number::Number;
use crate::rules::predicate::Range;
use std::cmp::Ordering;
use std::ops::Bound;

/// A range that leads to something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ranged<T> {
    range: Range,
    /// The greatest upper bound in the subtree of which this is the root.
    reach: Bound<Number>,
    to: T,
}

/// Puts ranges in the order in which [`holding`] searches them.
pub(super) fn search_tree<T: Copy>(ranges: impl IntoIterator<Item = (Range, T)>) -> Vec<Ranged<T>> {
    let ranges = ranges.into_iter().map(|(range, to)| Ranged { range, reach: range.upper, to });
    let mut sorted: Vec<_> = ranges.collect();
    sorted.sort_unstable_by(|one, other| compare_lower(one.range.lower, other.range.lower));
    spread_reach(&mut sorted);
    sorted
}

/// Calls `found` with what each range leads to that holds one of `numbers`, which are sorted.
pub(super) fn holding<T: Copy>(search_tree: &[Ranged<T>], numbers: &[Number], found: &mut impl FnMut(T)) {
    let (before, [root, after @ ..]) = search_tree.split_at(search_tree.len() / 2) else { return };
    // The others lie beyond all ranges of the subtree.
    let numbers = &numbers[..numbers.partition_point(|number| !ends_before(root.reach, *number))];
    if numbers.is_empty() {
        return;
    }
    holding(before, numbers, found);
    // The others lie before this range, and so before all that come after it.
    let numbers = &numbers[numbers.partition_point(|number| starts_after(root.range.lower, *number))..];
    if numbers.first().is_some_and(|first| !ends_before(root.range.upper, *first)) {
        found(root.to);
    }
    holding(after, numbers, found);
}

fn spread_reach<T>(subtree: &mut [Ranged<T>]) -> Option<Bound<Number>> {
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

/// By the lower bound, then the upper.
pub(super) fn order(one: &Range, other: &Range) -> Ordering {
    compare_lower(one.lower, other.lower).then_with(|| compare_upper(one.upper, other.upper))
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
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(in crate::rules::index) fn bound() -> impl Strategy<Value = Bound<i64>> {
        prop_oneof![
            Just(Bound::Unbounded),
            (0..9_i64).prop_map(Bound::Included),
            (0..9_i64).prop_map(Bound::Excluded)
        ]
    }

    proptest! {
        #[test]
        fn exactly_the_ranges_around_some_numbers_are_found(
            bounds in proptest::collection::vec((bound(), bound()), 0..30),
            mut numbers in proptest::collection::vec(-1..10_i64, 0..4),
        ) {
            numbers.sort_unstable();
            let numbers: Vec<_> = numbers.into_iter().map(Number::from).collect();
            let ranges: Vec<_> =
                bounds.iter().map(|(lower, upper)| Range { lower: lower.map(Number::from), upper: upper.map(Number::from) }).collect();
            let mut found = Vec::new();
            holding(&search_tree(ranges.iter().copied().zip(0..)), &numbers, &mut |place| found.push(place));
            found.sort_unstable();
            let holds = |place: &usize| numbers.iter().any(|number| ranges[*place].contains(*number));
            let expected: Vec<_> = (0..ranges.len()).filter(holds).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
