//! Where in the access tree each rule stands.
//!
//! A node with many rules is split by the path at which the most of them have a selective field: one that few of the
//! events satisfy, as [`super::selectivity`] estimates. Rules without such a field are left for the next best path, and
//! at last in the node itself, where each is tried.

use super::access::{Access, Node, NodeId, Split};
use super::alternatives;
use super::blocks::NewPosting;
use super::keys::Key;
use super::paths::PathId;
use super::program::{PredicateId, Program, Span, TestId};
use super::ranges;
use super::selectivity::{self, Means};
use super::vocabulary::{Answer, QuickTest, Vocabulary};
use super::watch::Watch;
use crate::rules::predicate::Range;
use std::collections::BTreeSet;

/// How many splits may follow one another.
const MAX_DEPTH: usize = 6;
/// In how many places a rule may stand for the sake of its alternatives, from the second split on.
const MAX_COPIES: usize = 128;
/// Up to so many literals are listed in a posting itself.
const MAX_LISTED: usize = 64;
/// How many splits a node may have.
const MAX_SPLITS: usize = 6;
/// What a split costs an event that comes to it, in rules tried instead.
const SPLIT_COST: f64 = 16.0;
/// What entering a child of a split costs, in rules tried instead.
const CHILD_COST: f64 = 2.0;

/// A field under which a rule can be found: one of these must hold.
#[derive(Clone, Copy)]
struct Field {
    test: TestId,
    path: PathId,
    ways: Ways,
    /// The share of events that are taken to satisfy it.
    share: f64,
}

/// Under what a field is found.
#[derive(Clone, Copy)]
enum Ways {
    /// In [`Planner::keys`].
    Keys(Span),
    /// In [`Planner::ranges`].
    Ranges(Span),
}

impl Ways {
    fn count(self) -> usize {
        match self {
            Self::Keys(span) | Self::Ranges(span) => span.range().len(),
        }
    }

    /// Splits are by keys (0) or by ranges (1).
    fn kind(self) -> usize {
        usize::from(matches!(self, Self::Ranges(_)))
    }
}

/// A rule, or one of its alternatives.
#[derive(Clone, Copy)]
struct Entry {
    rule: u32,
    /// In [`Planner::fields`].
    fields: Span,
    /// In how many places the rule stands.
    copies: usize,
    /// The fields that the splits on the way answer; the first `depth` of them.
    answered: [TestId; MAX_DEPTH],
    depth: usize,
}

impl Entry {
    /// The entry further down, where a field is known to hold.
    fn below(self, field: &Field) -> Self {
        let mut entry = Self { copies: self.copies * field.ways.count(), depth: self.depth + 1, ..self };
        entry.answered[self.depth] = field.test;
        entry
    }
}

/// The tree for a program, and the paths to watch for its keys.
pub(super) fn plan(program: &Program, vocabulary: &Vocabulary, paths: usize) -> (Access, Vec<Watch>) {
    let mut planner = Planner::new(program, vocabulary, paths);
    let entries = planner.entries();
    planner.build(&entries, &mut Vec::new());
    let watches = planner
        .watched
        .into_iter()
        .map(|(path, predicates)| Watch::new(path, program, &predicates.into_iter().collect::<Vec<_>>()));
    (planner.access, watches.collect())
}

struct Planner<'p> {
    program: &'p Program,
    vocabulary: &'p Vocabulary,
    /// By test: the share of events that are taken to satisfy it.
    shares: Vec<f64>,
    keys: Vec<Key>,
    ranges: Vec<Range>,
    fields: Vec<Field>,
    access: Access,
    /// By test: its number among the quick tests.
    quick_tests: Vec<Option<u32>>,
    /// The paths that are split by keys, with the predicates that are keys there.
    watched: Vec<(PathId, BTreeSet<PredicateId>)>,
    /// By path: its place in `watched`.
    watches: Vec<Option<u32>>,
    /// By path, for keys and for ranges: what splitting by it would gain, while the best is looked for.
    gains: Vec<[Gain; 2]>,
}

#[derive(Clone, Copy, Default)]
struct Gain {
    entries: f64,
    share: f64,
}

impl Gain {
    /// How many rules fewer are tried.
    fn saved(self) -> f64 {
        self.entries - self.share * (1.0 + CHILD_COST) - SPLIT_COST
    }
}

impl<'p> Planner<'p> {
    fn new(program: &'p Program, vocabulary: &'p Vocabulary, paths: usize) -> Self {
        Self {
            program,
            vocabulary,
            shares: selectivity::shares(program, vocabulary, paths),
            keys: Vec::new(),
            ranges: Vec::new(),
            fields: Vec::new(),
            access: Access::default(),
            quick_tests: vec![None; program.tests.len()],
            watched: Vec::new(),
            watches: vec![None; paths],
            gains: vec![<[Gain; 2]>::default(); paths],
        }
    }

    fn entries(&mut self) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(self.program.rules.len());
        for (rule, group) in self.program.rules.iter().enumerate() {
            let rule = u32::try_from(rule).expect("rules are numbered by u32");
            let alternatives = alternatives::of(self.program, group);
            let copies = alternatives.len();
            for tests in alternatives {
                let start = self.fields.len();
                for test in tests {
                    self.add_field(test);
                }
                let fields = Span::since(&self.fields, start);
                entries.push(Entry { rule, fields, copies, answered: [TestId(0); MAX_DEPTH], depth: 0 });
            }
        }
        entries
    }

    fn add_field(&mut self, id: TestId) {
        let test = self.program.test(id);
        let ways = match selectivity::means(self.program, test) {
            None => return,
            Some(Means::Keys(keys)) => {
                let start = self.keys.len();
                self.keys.extend(keys);
                Ways::Keys(Span::since(&self.keys, start))
            }
            Some(Means::Ranges(ranges)) => {
                let start = self.ranges.len();
                self.ranges.extend(ranges);
                Ways::Ranges(Span::since(&self.ranges, start))
            }
        };
        let share = self.shares[id.0 as usize];
        self.fields.push(Field { test: id, path: test.path, ways, share });
    }

    /// Adds a node with these rules; `used` are the fields of the splits above it.
    fn build(&mut self, entries: &[Entry], used: &mut Vec<PathId>) -> NodeId {
        let id = self.access.nodes.len();
        self.access.nodes.push(Node::default());
        let mut rest = entries.to_vec();
        let mut splits = Vec::new();
        while splits.len() < MAX_SPLITS && used.len() < MAX_DEPTH {
            let Some(best) = self.best(&rest, used) else { break };
            let (split, left) = self.split(&best, &rest, used);
            splits.push(split);
            rest = left;
        }
        let start = self.access.splits.len();
        self.access.splits.extend(splits);
        let splits = Span::since(&self.access.splits, start);
        let postings: Vec<_> = rest.iter().map(|entry| self.posting(entry)).collect();
        let rules = self.access.blocks.add(&postings);
        self.access.nodes[id] = Node { rules, splits };
        NodeId::try_from(id).expect("there are fewer nodes than keys")
    }

    /// A rule for the node that is being built, with the tests that are not answered yet.
    fn posting(&mut self, entry: &Entry) -> NewPosting {
        let program = self.program;
        let group = &program.rules[entry.rule as usize];
        let mut posting = NewPosting {
            rule: entry.rule,
            rest: !group.rest.is_empty(),
            repeated: entry.copies > 1,
            joints: !group.joints.range().is_empty(),
            ..NewPosting::default()
        };
        let answered = &entry.answered[..entry.depth];
        let open = group.required.of(&program.required).iter().filter(|test| !answered.contains(test));
        let mut open: Vec<_> = open.collect();
        open.sort_by(|one, other| self.shares[one.0 as usize].total_cmp(&self.shares[other.0 as usize]));
        for id in open {
            let test = program.test(*id);
            let literals = test.literals.of(&program.literals);
            let only_literals = test.predicates.range().is_empty() && !test.absent;
            match self.vocabulary.answer(program, test) {
                Answer::Enough(quick) => posting.quick.push(self.quick_test(*id, quick)),
                _ if only_literals && literals.len() <= MAX_LISTED => {
                    let known = self.vocabulary.literals();
                    posting.listed(test.path, *id, literals.iter().map(|literal| known.hash_of(*literal)));
                }
                Answer::Nothing => posting.further(*id),
                Answer::Filter(quick) => {
                    posting.quick.push(self.quick_test(*id, quick));
                    posting.further(*id);
                }
            }
        }
        posting
    }

    /// The number of a quick test.
    fn quick_test(&mut self, id: TestId, quick: QuickTest) -> u32 {
        let tests = &mut self.access.tests;
        let next = u32::try_from(tests.len()).expect("tests are numbered by u32");
        let number = *self.quick_tests[id.0 as usize].get_or_insert(next);
        if number == next {
            tests.push(quick);
        }
        number
    }

    /// Splits entries like `by`; returns those that have no such field, too.
    fn split(&mut self, by: &Field, entries: &[Entry], used: &mut Vec<PathId>) -> (Split, Vec<Entry>) {
        let (mut here, mut left) = (Vec::new(), Vec::new());
        for entry in entries {
            match self.field_like(by, entry, used) {
                Some(field) => here.push((entry.below(&field), field)),
                None => left.push(*entry),
            }
        }
        used.push(by.path);
        let split = match by.ways {
            Ways::Keys(_) => self.split_by_keys(by.path, &here, used),
            Ways::Ranges(_) => self.split_by_ranges(by.path, &here, used),
        };
        used.pop();
        (split, left)
    }

    fn split_by_keys(&mut self, path: PathId, entries: &[(Entry, Field)], used: &mut Vec<PathId>) -> Split {
        let keys = |field: &Field| match field.ways {
            Ways::Keys(keys) => keys.range(),
            Ways::Ranges(_) => 0..0,
        };
        let under = entries.iter().flat_map(|(entry, field)| keys(field).map(|key| (self.keys[key], *entry)));
        let mut under: Vec<_> = under.collect();
        under.sort_unstable_by_key(|(key, entry)| (*key, entry.rule));
        let mut children = Vec::new();
        for same_key in under.chunk_by(|(one, _), (other, _)| one == other) {
            let entries: Vec<_> = same_key.iter().map(|(_, entry)| *entry).collect();
            children.push((same_key[0].0, self.build(&entries, used)));
        }
        let watch = self.watch(path, &children);
        Split::Keys { watch, slots: self.access.add_slots(&children) }
    }

    fn split_by_ranges(&mut self, path: PathId, entries: &[(Entry, Field)], used: &mut Vec<PathId>) -> Split {
        let ranges = |field: &Field| match field.ways {
            Ways::Ranges(ranges) => ranges.range(),
            Ways::Keys(_) => 0..0,
        };
        let under =
            entries.iter().flat_map(|(entry, field)| ranges(field).map(|at| (self.ranges[at], *entry)));
        let mut under: Vec<_> = under.collect();
        under.sort_by(|(one, _), (other, _)| ranges::order(one, other));
        let mut children = Vec::new();
        for same_range in under.chunk_by(|(one, _), (other, _)| one == other) {
            let entries: Vec<_> = same_range.iter().map(|(_, entry)| *entry).collect();
            children.push((same_range[0].0, self.build(&entries, used)));
        }
        let start = self.access.ranges.len();
        self.access.ranges.extend(ranges::search_tree(children));
        Split::Ranges { path, ranges: Span::since(&self.access.ranges, start) }
    }

    /// The most selective field of an entry by which it can be split like `by`.
    fn field_like(&self, by: &Field, entry: &Entry, used: &[PathId]) -> Option<Field> {
        let alike = |field: &&Field| field.path == by.path && field.ways.kind() == by.ways.kind();
        let fields = entry.fields.of(&self.fields).iter().filter(alike);
        let best = fields.min_by(|one, other| one.share.total_cmp(&other.share))?;
        may_split(best, entry, used).then_some(*best)
    }

    /// The field by which the most entries are kept from the most events.
    fn best(&mut self, entries: &[Entry], used: &[PathId]) -> Option<Field> {
        let mut touched = Vec::new();
        for entry in entries {
            for field in entry.fields.of(&self.fields) {
                if used.contains(&field.path) || !may_split(field, entry, used) {
                    continue;
                }
                let gain = &mut self.gains[field.path.index()][field.ways.kind()];
                if gain.entries == 0.0 {
                    touched.push(*field);
                }
                gain.entries += 1.0;
                gain.share += field.share;
            }
        }
        let gains = touched.into_iter().map(|field| {
            let gain = std::mem::take(&mut self.gains[field.path.index()][field.ways.kind()]);
            (field, gain.saved())
        });
        let gains: Vec<_> = gains.collect();
        let worthwhile = gains.into_iter().filter(|(_, saved)| *saved > 0.0);
        worthwhile.max_by(|(_, one), (_, other)| one.total_cmp(other)).map(|(field, _)| field)
    }

    /// The watch for a path that is split by, which must look out for these keys.
    fn watch(&mut self, path: PathId, children: &[(Key, NodeId)]) -> u32 {
        let next = u32::try_from(self.watched.len()).expect("there are fewer paths than keys");
        let watch = *self.watches[path.index()].get_or_insert(next);
        if watch == next {
            self.watched.push((path, BTreeSet::new()));
        }
        let predicates = children.iter().filter_map(|(key, _)| key.as_predicate());
        self.watched[watch as usize].1.extend(predicates);
        watch
    }
}

/// Whether an entry may stand once for each way to find it under a field.
fn may_split(field: &Field, entry: &Entry, used: &[PathId]) -> bool {
    used.is_empty() || entry.copies * field.ways.count() <= MAX_COPIES
}
