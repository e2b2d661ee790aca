//! The paths that rules name, as a trie of steps: the part of an event that is looked at.

use super::program::Span;
use super::texts::{Fingerprint, Texts};
use crate::rules::pattern::Path;

/// A node of the trie: the root, or a path that some rule names or goes through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PathId(u32);

impl PathId {
    pub(super) const ROOT: Self = Self(0);

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }

    pub(super) fn number(self) -> u32 {
        self.0
    }

    pub(super) fn from_number(number: u32) -> Self {
        Self(number)
    }

    pub(super) fn from_index(index: usize) -> Self {
        Self(u32::try_from(index).expect("rules are too few to name 2³² paths"))
    }
}

#[derive(Debug)]
struct Step {
    parent: PathId,
    depth: u32,
    /// The place in an order where a path comes before all paths below it, and these before any others.
    rank: u32,
}

/// All paths.
#[derive(Debug)]
pub(super) struct Paths {
    steps: Vec<Step>,
    /// The key of each step but the root, in the context of its parent.
    keys: Texts,
    /// By path: its children in `by_parent`. Empty until there are no more paths to come, as is `by_parent`.
    children: Vec<Span>,
    by_parent: Vec<(Fingerprint, PathId)>,
}

/// Up to so many keys are compared one by one, which is faster than hashing.
const FEW_CHILDREN: usize = 16;

impl Default for Paths {
    fn default() -> Self {
        Self {
            steps: vec![Step { parent: PathId::ROOT, depth: 0, rank: 0 }],
            keys: Texts::default(),
            children: Vec::new(),
            by_parent: Vec::new(),
        }
    }
}

impl Paths {
    /// How many nodes there are, the root included.
    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = PathId> + use<> {
        (0..self.len()).map(PathId::from_index)
    }

    /// The path one step down from another one. Needs [`Paths::finish`].
    pub(super) fn child(&self, parent: PathId, key: &str) -> Option<PathId> {
        self.child_by(parent, Fingerprint::of(key.as_bytes()), key)
    }

    /// The path one step down from another one, by a key whose fingerprint is known.
    pub(super) fn child_by(&self, parent: PathId, fingerprint: Fingerprint, key: &str) -> Option<PathId> {
        let children = self.children[parent.index()].of(&self.by_parent);
        if children.len() <= FEW_CHILDREN && fingerprint.is_whole() {
            return children.iter().find(|(known, _)| *known == fingerprint).map(|(_, child)| *child);
        }
        self.keys.find_by(parent.0, fingerprint, key.as_bytes()).map(Self::of_key)
    }

    /// Whether a path leads on to paths of more than one step.
    pub(super) fn leads_far(&self, path: PathId) -> bool {
        let children = self.children[path.index()].of(&self.by_parent);
        children.iter().any(|(_, child)| !self.children[child.index()].range().is_empty())
    }

    /// The root has no key, so that the others are numbered from 1.
    fn of_key(number: u32) -> PathId {
        PathId(number + 1)
    }

    /// The node of a path, made if there is none yet.
    pub(super) fn intern(&mut self, path: &Path) -> PathId {
        path.steps().fold(PathId::ROOT, |parent, key| {
            let child = Self::of_key(self.keys.intern(parent.0, key.as_bytes()));
            if child.index() == self.steps.len() {
                self.steps.push(Step { parent, depth: self.depth(parent) + 1, rank: 0 });
            }
            child
        })
    }

    /// The node of a path, if a rule names it or goes through it. Needs [`Paths::finish`].
    pub(super) fn find(&self, path: &Path) -> Option<PathId> {
        path.steps().try_fold(PathId::ROOT, |parent, key| self.child(parent, key))
    }

    /// How many steps lead to a path.
    pub(super) fn depth(&self, path: PathId) -> u32 {
        self.steps[path.index()].depth
    }

    /// The path of the first `depth` steps of `path`.
    pub(super) fn ancestor(&self, path: PathId, depth: u32) -> PathId {
        let mut at = path;
        while self.depth(at) > depth {
            at = self.steps[at.index()].parent;
        }
        at
    }

    /// Where a path stands among all paths: before those below it, and these before any others. Needs
    /// [`Paths::finish`].
    pub(super) fn rank(&self, path: PathId) -> u32 {
        self.steps[path.index()].rank
    }

    /// Makes ready for being asked, when there are no more paths to come.
    pub(super) fn finish(&mut self) {
        let mut children = vec![Vec::new(); self.steps.len()];
        for child in (1..self.steps.len()).rev() {
            children[self.steps[child].parent.index()].push(child);
        }
        self.list_children(&children);
        let mut unranked = vec![0];
        for rank in 0.. {
            let Some(path) = unranked.pop() else { return };
            self.steps[path].rank = rank;
            unranked.append(&mut children[path]);
        }
    }

    fn list_children(&mut self, children: &[Vec<usize>]) {
        let fingerprints = self.keys.fingerprints();
        for family in children {
            let start = self.by_parent.len();
            let keys = family.iter().map(|child| (fingerprints[child - 1], PathId::from_index(*child)));
            self.by_parent.extend(keys);
            self.children.push(Span::since(&self.by_parent, start));
        }
    }

    /// The bytes that this takes.
    pub(super) fn bytes(&self) -> usize {
        self.keys.bytes()
            + self.steps.capacity() * size_of::<Step>()
            + self.children.capacity() * size_of::<Span>()
            + self.by_parent.capacity() * size_of::<(Fingerprint, PathId)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_found_step_by_step() {
        let mut paths = Paths::default();
        let interned = paths.intern(&Path::new("a.b.c"));
        let a = paths.intern(&Path::new("a"));
        paths.finish();
        let found = ["a", "b", "c"].iter().try_fold(PathId::ROOT, |parent, key| paths.child(parent, key));
        assert_eq!(found, Some(interned));
        assert_eq!(paths.child(PathId::ROOT, "b"), None);
        assert_eq!(paths.ancestor(interned, 1), a);
        assert_eq!((paths.len(), paths.depth(interned)), (4, 3));
    }

    #[test]
    fn each_of_many_children_is_found() {
        let mut paths = Paths::default();
        let keys: Vec<_> = (0..3 * FEW_CHILDREN).map(|number| format!("key-{number}")).collect();
        let interned: Vec<_> = keys.iter().map(|key| paths.intern(&Path::new(key))).collect();
        paths.finish();
        let found: Vec<_> = keys.iter().filter_map(|key| paths.child(PathId::ROOT, key)).collect();
        assert_eq!(found, interned);
    }

    #[test]
    fn a_path_ranks_before_those_below_it_and_these_before_others() {
        let mut paths = Paths::default();
        let interned = ["a", "b", "a.x", "a-b", "b.y", "a.x.z"].map(|path| paths.intern(&Path::new(path)));
        paths.finish();
        let mut by_rank = interned.to_vec();
        by_rank.sort_unstable_by_key(|path| paths.rank(*path));
        let [a, b, ax, a_b, by, axz] = interned;
        assert_eq!(by_rank, [a, ax, axz, b, by, a_b]);
    }
}
