//! Which strings a member of the envelope may be, as far as a part of a rule tells. An event has exactly one there, so parts
//! that ask for different ones contradict each other.

use super::Predicate;
use crate::rules::value::Literal;
use std::collections::{BTreeMap, BTreeSet};

/// By member; one that is not in it may be any string.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts(BTreeMap<String, Strings>);

#[derive(Clone, Debug)]
enum Strings {
    Only(BTreeSet<Box<str>>),
    AllBut(BTreeSet<Box<str>>),
}

impl Texts {
    /// Those that the list of a member wants.
    pub(super) fn of(member: &str, wanted: &[Option<Predicate>]) -> Self {
        let strings: Option<Vec<_>> = wanted.iter().map(|wanted| Strings::of(wanted.as_ref()?)).collect();
        let strings = strings.and_then(|strings| strings.into_iter().reduce(Strings::or));
        Self(strings.map(|strings| (member.to_owned(), strings)).into_iter().collect())
    }

    /// Those that satisfy both parts.
    pub(super) fn and(mut self, other: Self) -> Self {
        for (member, strings) in other.0 {
            let both = match self.0.remove(&member) {
                Some(own) => own.and(strings),
                None => strings,
            };
            self.0.insert(member, both);
        }
        self
    }

    /// Those that satisfy at least one part.
    pub(super) fn or(self, mut other: Self) -> Self {
        let shared = self.0.into_iter().filter_map(|(member, strings)| {
            let either = strings.or(other.0.remove(&member)?);
            Some((member, either))
        });
        Self(shared.collect())
    }

    /// Forgets a member that no string is left for, and names it.
    pub(super) fn take_impossible(&mut self) -> Option<String> {
        let is_impossible = |strings: &Strings| matches!(strings, Strings::Only(none) if none.is_empty());
        let member = self.0.iter().find(|(_, strings)| is_impossible(strings))?.0.clone();
        self.0.remove(&member);
        Some(member)
    }
}

impl Strings {
    fn of(predicate: &Predicate) -> Option<Self> {
        match predicate {
            Predicate::AnythingBut(excluded) => {
                excluded.iter().map(exact).collect::<Option<_>>().map(Self::AllBut)
            }
            other => exact(other).map(|text| Self::Only(BTreeSet::from([text]))),
        }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Only(one), Self::Only(other)) => Self::Only(&one & &other),
            (Self::Only(one), Self::AllBut(excluded)) | (Self::AllBut(excluded), Self::Only(one)) => {
                Self::Only(&one - &excluded)
            }
            (Self::AllBut(one), Self::AllBut(other)) => Self::AllBut(&one | &other),
        }
    }

    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Only(one), Self::Only(other)) => Self::Only(&one | &other),
            (Self::Only(one), Self::AllBut(excluded)) | (Self::AllBut(excluded), Self::Only(one)) => {
                Self::AllBut(&excluded - &one)
            }
            (Self::AllBut(one), Self::AllBut(other)) => Self::AllBut(&one & &other),
        }
    }
}

fn exact(predicate: &Predicate) -> Option<Box<str>> {
    match predicate {
        Predicate::Exact(Literal::String(text)) => Some(text.clone()),
        _ => None,
    }
}
