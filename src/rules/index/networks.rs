//! Which of many networks hold an address.

use super::program::PredicateId;
use crate::rules::network::{Network, parse_address};
use std::collections::{BTreeSet, HashMap};

/// Networks, each standing for a predicate.
#[derive(Debug, Default)]
pub(super) struct Networks {
    known: HashMap<Network, PredicateId>,
    /// The lengths that the networks have, each once.
    lengths: Box<[u8]>,
}

impl Networks {
    pub(super) fn new(networks: impl IntoIterator<Item = (Network, PredicateId)>) -> Self {
        let known: HashMap<_, _> = networks.into_iter().collect();
        let lengths: BTreeSet<_> = known.keys().map(Network::prefix_length).collect();
        Self { known, lengths: lengths.into_iter().collect() }
    }

    /// Calls `found` with each network that holds the address that `text` is, if it is one.
    pub(super) fn of(&self, text: &str, found: &mut impl FnMut(PredicateId)) {
        if self.known.is_empty() {
            return;
        }
        let Some(address) = parse_address(text) else { return };
        for length in &self.lengths {
            let network = Network::around(address, *length);
            network.and_then(|network| self.known.get(&network)).copied().into_iter().for_each(&mut *found);
        }
    }

    /// The bytes that this takes.
    pub(super) fn bytes(&self) -> usize {
        self.known.capacity() * size_of::<(Network, PredicateId)>() + self.lengths.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn exactly_the_networks_around_an_address_are_found(
            networks in proptest::collection::btree_set("10\\.[01]\\.0\\.[0-3]/(0|8|15|16|31|32)|[12]::/(0|3|16|128)", 0..20),
            address in "10\\.[01]\\.0\\.[0-3]|[12]::|x",
        ) {
            let networks: BTreeSet<_> = networks.iter().map(|text| Network::parse(text).unwrap().to_string()).collect();
            let networks: Vec<_> = networks.iter().map(|text| Network::parse(text).unwrap()).collect();
            let mut found = Vec::new();
            let numbered = networks.iter().copied().zip((0..).map(PredicateId));
            Networks::new(numbered).of(&address, &mut |id| found.push(id.0 as usize));
            found.sort_unstable();
            let expected: Vec<_> = (0..networks.len()).filter(|number| networks[*number].contains(&address)).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
