//! Where in the access tree each rule stands.
//!
//! A node with more than a few rules is split by the path at which most of them have a selective field: one that few of
//! the values known at that path satisfy. What the rules say is all that is known of the events to come, so the values
//! known at a path are taken to be equally frequent. Rules without such a field are left for the next best path, and at
//! last in the node itself.

use super::access::{Access, Node, NodeId, Posting, Split};
use super::keys::{Key, Watch};
use super::paths::PathId;
use super::program::{Clause, Group, PredicateId, Program, Span, Test};
use crate::rules::predicate::Predicate;
use std::collections::BTreeSet;

/// A node with no more rules than this is not split.
const FEW: usize = 8;
/// How many splits may follow one another.
const MAX_DEPTH: usize = 6;
/// In how many places a rule may stand for the sake of its alternatives, from the second split on.
const MAX_COPIES: usize = 64;
/// How many splits a node may have.
const MAX_SPLITS: usize = 6;
/// A split that on average lets through a greater share of its rules is not worth its place.
const MAX_SHARE: f64 = 0.6;
/// The share of events that are taken to satisfy a range, or to have a field at all.
const UNSELECTIVE: f64 = 0.5;

/// A field under which a rule can be found: one of these keys must hold.
#[derive(Clone, Copy)]
struct Field {
    path: PathId,
    /// In [`Planner::keys`].
    keys: Span,
    /// The share of events that are taken to satisfy it.
    share: f64,
}

/// A rule, or one of its alternatives.
#[derive(Clone, Copy)]
struct Entry {
    rule: u32,
    /// In [`Planner::fields`].
    fields: Span,
    /// In how many places the rule stands.
    copies: usize,
}

/// The tree for a program, and the paths to watch for its keys.
pub(super) fn plan(program: &Program, paths: usize) -> (Access, Vec<Watch>) {
    let mut planner = Planner::new(program, paths);
    let entries = planner.entries();
    planner.estimate_shares();
    planner.build(&entries, &mut Vec::new());
    let watches = planner
        .watched
        .into_iter()
        .map(|(path, predicates)| Watch::new(path, program, &predicates.into_iter().collect::<Vec<_>>()));
    (planner.access, watches.collect())
}

struct Planner<'p> {
    program: &'p Program,
    keys: Vec<Key>,
    fields: Vec<Field>,
    access: Access,
    /// The paths that are split by, with the predicates that are keys there.
    watched: Vec<(PathId, BTreeSet<PredicateId>)>,
    /// By path: its place in `watched`.
    watches: Vec<Option<u32>>,
    /// By path: what splitting by it would gain, while the best is looked for.
    gains: Vec<Gain>,
}

#[derive(Clone, Copy, Default)]
struct Gain {
    entries: f64,
    share: f64,
}

impl<'p> Planner<'p> {
    fn new(program: &'p Program, paths: usize) -> Self {
        Self {
            program,
            keys: Vec::new(),
            fields: Vec::new(),
            access: Access::default(),
            watched: Vec::new(),
            watches: vec![None; paths],
            gains: vec![Gain::default(); paths],
        }
    }

    fn entries(&mut self) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(self.program.rules.len());
        for (rule, group) in self.program.rules.iter().enumerate() {
            let alternatives = self.alternatives(group);
            let copies = alternatives.len();
            for tests in alternatives {
                let start = self.fields.len();
                for test in tests {
                    self.add_field(test);
                }
                let fields = Span::since(&self.fields, start);
                entries.push(Entry {
                    rule: u32::try_from(rule).expect("rules are numbered by u32"),
                    fields,
                    copies,
                });
            }
        }
        entries
    }

    /// The ways in which a group can hold: of each, fields that must hold.
    fn alternatives(&self, group: &'p Group) -> Vec<Vec<&'p Test>> {
        let mut required: Vec<_> = group.required.of(&self.program.tests).iter().collect();
        let mut choices = Vec::new();
        for clause in &group.rest {
            self.add_clause(clause, &mut required, &mut choices);
        }
        combine(required, choices)
    }

    /// Sorts a clause that must hold into fields, and lists of which one must hold.
    fn add_clause(
        &self,
        clause: &'p Clause,
        required: &mut Vec<&'p Test>,
        choices: &mut Vec<Vec<Vec<&'p Test>>>,
    ) {
        match clause {
            Clause::Test(test) => required.push(self.program.test(*test)),
            Clause::All(parts) => parts.iter().for_each(|part| self.add_clause(part, required, choices)),
            Clause::Any(branches) => {
                let branches = branches.iter().flat_map(|(_, branch)| {
                    let (mut required, mut choices) = (Vec::new(), Vec::new());
                    self.add_clause(branch, &mut required, &mut choices);
                    combine(required, choices)
                });
                choices.push(branches.collect());
            }
            Clause::Apart { group, negated: false } => choices.push(self.alternatives(group)),
            Clause::Apart { negated: true, .. } => {}
        }
    }

    fn add_field(&mut self, test: &Test) {
        let start = self.keys.len();
        self.keys
            .extend(test.literals.of(&self.program.literals).iter().map(|literal| Key::literal(*literal)));
        let predicates = test.predicates.of(&self.program.predicates);
        self.keys.extend(predicates.iter().filter_map(|predicate| Key::predicate(self.program, *predicate)));
        let wanted = test.predicates.range().len() + test.literals.range().len();
        if test.absent || self.keys.len() - start < wanted {
            self.keys.truncate(start);
        } else {
            self.fields.push(Field { path: test.path, keys: Span::since(&self.keys, start), share: 1.0 });
        }
    }

    /// Finds out how many different keys there are at each path, and what share of events will satisfy a field.
    fn estimate_shares(&mut self) {
        let mut different = vec![BTreeSet::new(); self.watches.len()];
        for field in &self.fields {
            different[field.path.index()].extend(field.keys.of(&self.keys).iter().copied());
        }
        for field in &mut self.fields {
            let known = different[field.path.index()].len();
            let shares = field.keys.of(&self.keys).iter().map(|key| match key.as_predicate() {
                Some(id) if !matches!(self.program.predicate(id), Predicate::Prefix(_)) => UNSELECTIVE,
                _ => 1.0 / count(known),
            });
            field.share = shares.sum::<f64>().min(1.0);
        }
    }

    /// Adds a node with these rules; `used` are the paths of the splits above it.
    fn build(&mut self, entries: &[Entry], used: &mut Vec<PathId>) -> NodeId {
        let id = self.access.nodes.len();
        self.access.nodes.push(Node::default());
        let mut rest = entries.to_vec();
        let mut splits = Vec::new();
        while rest.len() > FEW && splits.len() < MAX_SPLITS && used.len() < MAX_DEPTH {
            let Some(path) = self.best_path(&rest, used) else { break };
            let (split, left) = self.split(path, &rest, used);
            splits.push(split);
            rest = left;
        }
        let start = self.access.splits.len();
        self.access.splits.extend(splits);
        let splits = Span::since(&self.access.splits, start);
        let start = self.access.rules.len();
        self.access
            .rules
            .extend(rest.iter().map(|entry| Posting { rule: entry.rule, repeated: entry.copies > 1 }));
        self.access.nodes[id] = Node { rules: Span::since(&self.access.rules, start), splits };
        NodeId::try_from(id).expect("there are fewer nodes than keys")
    }

    /// Splits entries by a path; returns those that have no field there, too.
    fn split(&mut self, path: PathId, entries: &[Entry], used: &mut Vec<PathId>) -> (Split, Vec<Entry>) {
        let mut postings = Vec::new();
        let mut left = Vec::new();
        for entry in entries {
            let Some(field) = self.field_at(path, entry, used) else {
                left.push(*entry);
                continue;
            };
            let keys = field.keys.of(&self.keys);
            let copy = Entry { copies: entry.copies * keys.len(), ..*entry };
            postings.extend(keys.iter().map(|key| (*key, copy)));
        }
        postings.sort_unstable_by_key(|(key, entry)| (*key, entry.rule));
        used.push(path);
        let mut children = Vec::new();
        for same_key in postings.chunk_by(|(one, _), (other, _)| one == other) {
            let entries: Vec<_> = same_key.iter().map(|(_, entry)| *entry).collect();
            children.push((same_key[0].0, self.build(&entries, used)));
        }
        used.pop();
        let watch = self.watch(path, &children);
        (Split { watch, slots: self.access.add_slots(&children) }, left)
    }

    /// The most selective field of an entry at a path, if it may be found by that.
    fn field_at(&self, path: PathId, entry: &Entry, used: &[PathId]) -> Option<Field> {
        let fields = entry.fields.of(&self.fields).iter().filter(|field| field.path == path);
        let best = fields.min_by(|one, other| one.share.total_cmp(&other.share))?;
        let copies = entry.copies * best.keys.range().len();
        (used.is_empty() || copies <= MAX_COPIES).then_some(*best)
    }

    /// The path by which the most entries are kept from the most events.
    fn best_path(&mut self, entries: &[Entry], used: &[PathId]) -> Option<PathId> {
        let mut touched = Vec::new();
        for entry in entries {
            for field in entry.fields.of(&self.fields) {
                let copies = entry.copies * field.keys.range().len();
                if used.contains(&field.path) || (!used.is_empty() && copies > MAX_COPIES) {
                    continue;
                }
                let gain = &mut self.gains[field.path.index()];
                if gain.entries == 0.0 {
                    touched.push(field.path);
                }
                gain.entries += 1.0;
                gain.share += field.share;
            }
        }
        let gains = touched.iter().map(|path| (*path, std::mem::take(&mut self.gains[path.index()])));
        let worthwhile = gains.filter(|(_, gain)| gain.share <= gain.entries * MAX_SHARE);
        let saved = |gain: &Gain| gain.entries - gain.share;
        worthwhile.max_by(|(_, one), (_, other)| saved(one).total_cmp(&saved(other))).map(|(path, _)| path)
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

/// Joins fields that must hold with the shortest list of which one must hold, if the fields alone are not enough.
fn combine<'p>(required: Vec<&'p Test>, choices: Vec<Vec<Vec<&'p Test>>>) -> Vec<Vec<&'p Test>> {
    let selective = |test: &&Test| test.predicates.range().is_empty() && !test.absent;
    let shortest = choices.into_iter().min_by_key(Vec::len);
    match shortest {
        Some(choice) if choice.len() == 1 || !required.iter().any(selective) => {
            choice.into_iter().map(|branch| [&*required, &*branch].concat()).collect()
        }
        _ => vec![required],
    }
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn count(things: usize) -> f64 {
    things as f64
}
