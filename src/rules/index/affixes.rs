//! Which of many prefixes a text has; suffixes are prefixes of the text backwards.
//!
//! The prefixes stand sorted, each with a link to the longest other one that it starts with. The last prefix that sorts
//! before a text shares with it the longest prefix that the text has; the others follow over the links.

use super::program::PredicateId;

#[derive(Debug)]
struct Affix {
    text: Box<[u8]>,
    predicate: PredicateId,
    /// The longest other prefix that this one starts with.
    shorter: Option<u32>,
}

/// Affixes, each standing for a predicate.
#[derive(Debug, Default)]
pub(super) struct Affixes {
    sorted: Vec<Affix>,
}

impl Affixes {
    /// `texts` may hold a text only once.
    pub(super) fn new(texts: impl IntoIterator<Item = (Box<[u8]>, PredicateId)>) -> Self {
        let mut texts: Vec<_> = texts.into_iter().collect();
        texts.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        let mut sorted: Vec<Affix> = Vec::with_capacity(texts.len());
        for (text, predicate) in texts {
            let before = sorted.len().checked_sub(1).map(link);
            let shorter =
                chain(&sorted, before).find(|place| text.starts_with(&sorted[*place as usize].text));
            sorted.push(Affix { text, predicate, shorter });
        }
        Self { sorted }
    }

    /// The prefixes of `text`, the longest first.
    pub(super) fn of(&self, text: &[u8]) -> impl Iterator<Item = PredicateId> {
        let after = self.sorted.partition_point(|prefix| *prefix.text <= *text);
        let candidates = chain(&self.sorted, after.checked_sub(1).map(link));
        let prefixes = candidates.map(|place| &self.sorted[place as usize]);
        prefixes.skip_while(move |prefix| !text.starts_with(&prefix.text)).map(|prefix| prefix.predicate)
    }

    /// The prefix that `text` is.
    pub(super) fn equal_to(&self, text: &[u8]) -> Option<PredicateId> {
        let found = self.sorted.binary_search_by(|prefix| (*prefix.text).cmp(text));
        found.ok().map(|place| self.sorted[place].predicate)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The bytes that this takes.
    pub(super) fn bytes(&self) -> usize {
        self.sorted.capacity() * size_of::<Affix>()
            + self.sorted.iter().map(|prefix| prefix.text.len()).sum::<usize>()
    }
}

fn link(place: usize) -> u32 {
    u32::try_from(place).expect("predicates are numbered by u32")
}

/// A prefix and all shorter ones that it starts with.
fn chain(sorted: &[Affix], first: Option<u32>) -> impl Iterator<Item = u32> {
    std::iter::successors(first, |place| sorted[*place as usize].shorter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn exactly_the_prefixes_of_a_text_are_found(
            texts in proptest::collection::btree_set("[ab]{0,5}", 0..20),
            text in "[ab]{0,7}",
        ) {
            let numbered = texts.iter().zip(0..).map(|(prefix, id)| (prefix.as_bytes().into(), PredicateId(id)));
            let mut found: Vec<_> = Affixes::new(numbered).of(text.as_bytes()).map(|id| id.0).collect();
            found.sort_unstable();
            let expected: Vec<u32> =
                texts.iter().zip(0..).filter(|(prefix, _)| text.starts_with(&***prefix)).map(|(_, id)| id).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
