//! The literals that rules compare fields with, each known by a number: an event's leaf is looked up once, and from then
//! on equality is a comparison of numbers.

use super::hash::hash_bytes;
use super::paths::PathId;
use crate::rules::value::Value;
use hashbrown::HashTable;

/// A literal at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct LiteralId(u32);

impl LiteralId {
    /// Stands for every value that no rule names.
    pub(super) const UNKNOWN: Self = Self(u32::MAX);

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// Where the text of a literal is, and what tells it from other literals.
#[derive(Debug)]
struct Entry {
    path: PathId,
    kind: Kind,
    start: u32,
    length: u32,
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
    entries: Vec<Entry>,
    /// The bytes of all literals, one after the other.
    bytes: Vec<u8>,
    table: HashTable<LiteralId>,
}

impl Literals {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The literal that a value at a path is, or [`LiteralId::UNKNOWN`].
    pub(super) fn find(&self, path: PathId, value: Value<'_>) -> LiteralId {
        with_bytes(value, |kind, bytes| {
            let found = self.table.find(hash(path, kind, bytes), |id| self.is(*id, path, kind, bytes));
            found.copied().unwrap_or(LiteralId::UNKNOWN)
        })
    }

    pub(super) fn intern(&mut self, path: PathId, value: Value<'_>) -> LiteralId {
        match self.find(path, value) {
            LiteralId::UNKNOWN => with_bytes(value, |kind, bytes| self.add(path, kind, bytes)),
            known => known,
        }
    }

    fn add(&mut self, path: PathId, kind: Kind, bytes: &[u8]) -> LiteralId {
        let fits = "rules are too few to hold 4 GiB of literals";
        let added = LiteralId(u32::try_from(self.entries.len()).expect(fits));
        let start = u32::try_from(self.bytes.len()).expect(fits);
        self.bytes.extend_from_slice(bytes);
        self.entries.push(Entry { path, kind, start, length: u32::try_from(bytes.len()).expect(fits) });
        let (entries, all_bytes) = (&self.entries, &self.bytes);
        self.table.insert_unique(hash(path, kind, bytes), added, |id| {
            let entry = &entries[id.index()];
            hash(entry.path, entry.kind, text(entry, all_bytes))
        });
        added
    }

    fn is(&self, id: LiteralId, path: PathId, kind: Kind, bytes: &[u8]) -> bool {
        let entry = &self.entries[id.index()];
        entry.path == path && entry.kind == kind && text(entry, &self.bytes) == bytes
    }

    /// The bytes that this takes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.capacity() + self.entries.capacity() * size_of::<Entry>() + self.table.allocation_size()
    }
}

fn text<'b>(entry: &Entry, bytes: &'b [u8]) -> &'b [u8] {
    &bytes[entry.start as usize..][..entry.length as usize]
}

fn hash(path: PathId, kind: Kind, bytes: &[u8]) -> u64 {
    hash_bytes(bytes, (path.index() as u64) << 2 | kind as u64)
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
        assert!(ids.iter().enumerate().all(|(position, id)| id.index() == position));
        assert_eq!(literals.intern(PathId::ROOT, Value::Number(1.0.into())), ids[5]);
        assert_eq!(literals.find(PathId::ROOT, Value::String("2")), LiteralId::UNKNOWN);
    }
}
