//! The literals that rules compare fields with, each known by a number: an event's leaf is looked up once, and from then
//! on equality is a comparison of numbers.

use super::paths::PathId;
use super::texts::Texts;
use crate::rules::value::Value;

/// A literal at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct LiteralId(u32);

impl LiteralId {
    /// Stands for every value that no rule names.
    pub(super) const UNKNOWN: Self = Self(u32::MAX);

    pub(super) fn number(self) -> u32 {
        self.0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Null,
    Bool,
    Number,
    String,
}

/// All literals of all rules.
#[derive(Debug, Default)]
pub(super) struct Literals {
    texts: Texts,
    /// By literal: the path it is compared with.
    paths: Vec<PathId>,
    /// By literal: its hash.
    hashes: Vec<u32>,
}

impl Literals {
    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    /// The literal that a value at a path is, or [`LiteralId::UNKNOWN`].
    pub(super) fn find(&self, path: PathId, value: Value<'_>) -> LiteralId {
        let found = with_bytes(value, |kind, bytes| self.texts.find(context(path, kind), bytes));
        found.map_or(LiteralId::UNKNOWN, LiteralId)
    }

    pub(super) fn intern(&mut self, path: PathId, value: Value<'_>) -> LiteralId {
        let number = with_bytes(value, |kind, bytes| self.texts.intern(context(path, kind), bytes));
        if number as usize == self.paths.len() {
            self.paths.push(path);
            self.hashes.push(Self::hash(path, value));
        }
        LiteralId(number)
    }

    /// A hash of a value at a path, whether it is a literal or not.
    pub(super) fn hash(path: PathId, value: Value<'_>) -> u32 {
        with_bytes(value, |kind, bytes| Texts::hash(context(path, kind), bytes))
    }

    /// The hash of a literal.
    pub(super) fn hash_of(&self, literal: LiteralId) -> u32 {
        self.hashes[literal.0 as usize]
    }

    /// The path of each literal.
    pub(super) fn paths(&self) -> &[PathId] {
        &self.paths
    }

    /// The bytes that this takes.
    pub(super) fn bytes(&self) -> usize {
        self.texts.bytes() + self.paths.capacity() * (size_of::<PathId>() + size_of::<u32>())
    }
}

fn context(path: PathId, kind: Kind) -> u32 {
    u32::try_from(path.index() << 2).expect("rules are too few to name 2³⁰ paths") | kind as u32
}

/// Calls `read` with the bytes that tell a value from all others of its kind.
fn with_bytes<R>(value: Value<'_>, read: impl FnOnce(Kind, &[u8]) -> R) -> R {
    match value {
        Value::Null => read(Kind::Null, &[]),
        Value::Bool(bool) => read(Kind::Bool, &[u8::from(bool)]),
        Value::String(text) => read(Kind::String, text.as_bytes()),
        Value::Number(number) => {
            let (nearest, excess) = number.bits();
            let mut bytes = [0; 10];
            bytes[..8].copy_from_slice(&nearest.to_le_bytes());
            bytes[8..].copy_from_slice(&excess.to_le_bytes());
            read(Kind::Number, &bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_differ_by_path_kind_and_value() {
        let mut literals = Literals::default();
        let values = [
            Value::Null,
            Value::Bool(false),
            Value::Bool(true),
            Value::String(""),
            Value::String("1"),
            Value::Number(1_i64.into()),
        ];
        let paths = [
            PathId::ROOT,
            super::super::paths::Paths::default().intern(&crate::rules::pattern::Path::new("a")),
        ];
        let ids: Vec<_> = paths
            .iter()
            .flat_map(|path| values.map(|value| (*path, value)))
            .map(|(path, value)| literals.intern(path, value))
            .collect();
        assert_eq!(literals.len(), 12);
        assert!(ids.iter().enumerate().all(|(position, id)| id.number() as usize == position));
        assert_eq!(literals.intern(PathId::ROOT, Value::Number(1.0.into())), ids[5]);
        assert_eq!(literals.find(PathId::ROOT, Value::String("2")), LiteralId::UNKNOWN);
    }
}
