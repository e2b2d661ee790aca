//! A checked rule, as a tree.

use super::error::RuleErrors;
use super::predicate::Predicate;
use super::reader;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A checked rule. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Pattern {
    root: Arc<Condition>,
}

impl Pattern {
    /// Checks the JSON text of a rule. All of its errors are reported at once.
    pub fn parse(json_text: &str) -> Result<Self, RuleErrors> {
        reader::read(json_text).map(Self::of)
    }

    /// The dotted paths of the fields that it names.
    #[must_use]
    pub fn fields(&self) -> BTreeSet<&str> {
        let mut fields = BTreeSet::new();
        collect_fields(&self.root, &mut fields);
        fields
    }

    /// A part of a checked rule, as a rule of its own.
    pub(crate) fn of(root: Condition) -> Self {
        Self { root: Arc::new(root) }
    }

    pub(crate) fn root(&self) -> &Condition {
        &self.root
    }
}

fn collect_fields<'p>(condition: &'p Condition, fields: &mut BTreeSet<&'p str>) {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => {
            for part in parts {
                collect_fields(part, fields);
            }
        }
        Condition::Apart(pattern) | Condition::Not(pattern) => collect_fields(pattern, fields),
        Condition::Field(field) => {
            fields.insert(field.path.as_str());
        }
    }
}

/// A part of a pattern.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    /// The entries of one pattern object: all must hold, of the same array elements.
    All(Vec<Condition>),
    /// `$or`: one of these must hold, of the same array elements as what stands beside it.
    Any(Vec<Condition>),
    /// One field.
    Field(Field),
    /// A branch of `$and`: a pattern of its own, free to be satisfied by other array elements than its neighbours.
    Apart(Box<Condition>),
    /// `$not`: a pattern of its own, which must not match.
    Not(Box<Condition>),
}

/// A field and what is wanted of it: that one of its leaves satisfies one of the predicates.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) path: Path,
    pub(crate) wanted: Vec<Predicate>,
}

impl Field {
    /// Whether the field may also be missing.
    pub(crate) fn allows_absence(&self) -> bool {
        self.wanted.contains(&Predicate::Absent)
    }
}

/// The way from the root to a field: keys joined by dots. Its steps are the parts between the dots, so that the key
/// `"a.b"` and the key `"b"` inside `"a"` are one path. Cloning is cheap.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Path(Arc<str>);

impl Path {
    pub(crate) fn new(dotted: &str) -> Self {
        Self(dotted.into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn steps(&self) -> impl Iterator<Item = &str> {
        self.0.split('.')
    }
}
