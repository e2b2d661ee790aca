//! All rules at once: from an event to the rules that it matches, at a cost that hardly depends on how many there are.
//!
//! **Compiling** ([`RuleSet::compile`]) makes a [`program`] of the rules, in which each path, literal, predicate and test
//! of a field stands once, with a number; and gives each rule its places in the [`access`] tree, under the fields that
//! the fewest events satisfy ([`plan`]).
//!
//! **Matching** ([`CompiledRules::matches`]) goes over the event once and notes the [`leaves`] at known paths ([`walk`]).
//! It follows what they satisfy through the access tree, to [`blocks`] of rules that few events come to. There the tests
//! that the way has not answered are tried: most are answered at once by what is known of their path ([`vocabulary`]), the
//! others are [evaluated](evaluate), each once for all rules. Where the event's arrays could let fields be satisfied by
//! different elements, [`consistency`] has the last word.
//!
//! Invariants: the outcome is that of [`super::reference`], for every pattern and every document. Compiled rules never
//! change and are shared freely. Matching cannot fail, and allocates nothing once [`Scratch`] has grown. Its time is
//! bounded by the sizes of the event and the rules multiplied, whatever they hold.

// What rules are made of, each thing once
mod texts;
mod paths;
mod literals;
mod program;
mod vocabulary;
mod compile;
// Which of the keys and ranges at a path a leaf satisfies, found without trying each
mod affixes;
mod grams;
mod networks;
mod watch;
mod keys;
mod ranges;
// The access tree: where each rule stands, and how
mod selectivity;
mod alternatives;
mod blocks;
mod access;
mod plan;
// One event
mod leaves;
mod hints;
mod walk;
mod verdicts;
mod at_work;
mod budget;
mod evaluate;
mod consistency;

use super::pattern::{Path, Pattern};
use super::value::Value;
use crate::event::Document;
pub use at_work::RuleAtWork;
pub use budget::{EVENT_STEPS, LEAST_STEPS, RULE_STEPS};

use access::{Access, Entered};
use budget::Budget;
use compile::Compiler;
use consistency::Work;
use evaluate::Evaluation;
use hints::Hints;
use keys::Keys;
use leaves::{Leaves, index_u32};
use paths::Paths;
use program::Program;
use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};
use verdicts::{Epochs, Verdicts};
use vocabulary::Vocabulary;
use walk::{Interest, Walk};
use watch::Watch;

/// A rule's place in its [`RuleSet`], from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct RuleOrdinal(pub u32);

/// Rules to be compiled together.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    patterns: Vec<Pattern>,
}

impl RuleSet {
    /// A set without rules.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rule; it is known by what is returned.
    pub fn push(&mut self, pattern: Pattern) -> RuleOrdinal {
        self.patterns.push(pattern);
        RuleOrdinal(u32::try_from(self.patterns.len() - 1).expect("rules are numbered by u32"))
    }

    /// Builds the index over all rules.
    #[must_use]
    pub fn compile(&self) -> CompiledRules {
        let mut compiler = Compiler::default();
        self.patterns.iter().for_each(|pattern| compiler.add(pattern.root()));
        CompiledRules::new(compiler)
    }
}

impl FromIterator<Pattern> for RuleSet {
    fn from_iter<I: IntoIterator<Item = Pattern>>(patterns: I) -> Self {
        Self { patterns: patterns.into_iter().collect() }
    }
}

/// Rules ready for matching: immutable, and shared by threads.
#[derive(Debug)]
pub struct CompiledRules {
    /// Tells a [`Scratch`] for which rules it is laid out.
    version: u64,
    paths: Paths,
    vocabulary: Vocabulary,
    interests: Vec<Interest>,
    program: Program,
    access: Access,
    watches: Vec<Watch>,
}

/// How large compiled rules are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Rules.
    pub rules: usize,
    /// Predicates as written: every value in every field of every rule.
    pub predicates: usize,
    /// Different fields.
    pub fields: usize,
    /// The bytes of memory that the index takes.
    pub bytes: usize,
}

impl Default for CompiledRules {
    fn default() -> Self {
        RuleSet::new().compile()
    }
}

impl CompiledRules {
    fn new(mut compiler: Compiler) -> Self {
        static VERSIONS: AtomicU64 = AtomicU64::new(1);
        compiler.paths.finish();
        compiler.interests.resize(compiler.paths.len(), Interest::default());
        let paths = compiler.paths.len();
        for path in compiler.paths.all() {
            compiler.interests[path.index()].far = compiler.paths.leads_far(path);
        }
        let vocabulary = Vocabulary::new(&compiler.program, compiler.literals, paths);
        let (access, watches) = plan::plan(&compiler.program, &vocabulary, paths);
        Self {
            version: VERSIONS.fetch_add(1, Ordering::Relaxed),
            paths: compiler.paths,
            vocabulary,
            interests: compiler.interests,
            program: compiler.program,
            access,
            watches,
        }
    }

    /// How many rules there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.program.rules.len()
    }

    /// Whether there are no rules.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.program.rules.is_empty()
    }

    /// How large these rules are.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let watches: usize = self.watches.iter().map(Watch::bytes).sum();
        Stats {
            rules: self.len(),
            predicates: self.program.written,
            fields: self.interests.iter().filter(|interest| interest.field).count(),
            bytes: size_of::<Self>()
                + self.paths.bytes()
                + self.vocabulary.bytes()
                + self.interests.capacity() * size_of::<Interest>()
                + self.program.bytes()
                + self.access.bytes()
                + watches,
        }
    }

    /// The rules that `document` matches, in ascending order.
    pub fn matches<'s>(&self, document: &Document<'_>, scratch: &'s mut Scratch) -> &'s [RuleOrdinal] {
        scratch.begin(self);
        self.walk(document, scratch);
        let Scratch {
            leaves,
            keys,
            tests,
            predicates,
            groups,
            entered,
            work,
            at_work,
            met,
            matched,
            set_aside,
            ..
        } = scratch;
        work.candidates = 0;
        work.budget = Budget::new(index_u32(document.nodes().len()).into());
        let mut evaluation = Evaluation {
            program: &self.program,
            paths: &self.paths,
            vocabulary: &self.vocabulary,
            watches: &self.watches,
            nodes: document.nodes(),
            leaves,
            keys,
            tests,
            predicates,
            groups,
            entered,
            work,
            at_work,
            met,
            matched,
            set_aside,
        };
        self.access.run(&mut evaluation);
        at_work.end();
        matched.sort_unstable();
        matched.dedup();
        if !set_aside.is_empty() {
            set_aside.sort_unstable();
            set_aside.dedup();
            set_aside.retain(|rule| matched.binary_search(rule).is_err());
        }
        matched
    }

    fn walk(&self, document: &Document<'_>, scratch: &mut Scratch) {
        let (paths, interests, nodes) = (&self.paths, &*self.interests, document.nodes());
        Walk { paths, interests, nodes, leaves: &mut scratch.leaves, hints: &mut scratch.hints }.run();
    }

    /// The first leaves at the path of a field of these rules, and how many there are in `document`, which was the last
    /// to be matched with this memory.
    pub(super) fn values_at<'d>(
        &self,
        path: &Path,
        document: &Document<'d>,
        scratch: &Scratch,
        first: usize,
    ) -> (Vec<Value<'d>>, usize) {
        let Some(path) = self.paths.find(path) else { return (Vec::new(), 0) };
        let leaves = scratch.leaves.at(path).take(first);
        let values = leaves.filter_map(|leaf| Value::of(&document.nodes()[leaf.node as usize]));
        (values.collect(), scratch.leaves.count(path) as usize)
    }
}

/// The memory that matching needs: one for each thread, to be used for all events, and for any rules.
#[derive(Debug, Default)]
pub struct Scratch {
    version: u64,
    hints: Hints,
    leaves: Leaves,
    keys: Keys,
    tests: Verdicts,
    predicates: Verdicts,
    groups: Verdicts,
    entered: Entered,
    work: Work,
    at_work: RuleAtWork,
    met: Epochs,
    matched: Vec<RuleOrdinal>,
    set_aside: Vec<RuleOrdinal>,
}

impl Scratch {
    /// How many rules were tried for the last event.
    #[must_use]
    pub fn candidates(&self) -> u64 {
        self.work.candidates
    }

    /// How much was done for the last event: nodes of the event, candidates, and fields and leaves looked at. It does not
    /// depend on the machine.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.work.budget.taken()
    }

    /// Which rule this is used for, while it is.
    #[must_use]
    pub fn at_work(&self) -> RuleAtWork {
        self.at_work.clone()
    }

    /// The rules that took more steps than they may for the last event, in ascending order. Whether the event matches
    /// them is not known.
    #[must_use]
    pub fn set_aside(&self) -> &[RuleOrdinal] {
        &self.set_aside
    }

    /// Makes ready for an event and these rules.
    fn begin(&mut self, rules: &CompiledRules) {
        if self.version != rules.version {
            self.version = rules.version;
            self.hints.reset();
            self.leaves.reset(rules.paths.len(), rules.vocabulary.literals().len());
            self.tests.reset(rules.program.tests.len());
            self.predicates.reset(rules.program.checks.len());
            self.groups.reset(rules.program.groups as usize);
            self.met.reset(rules.len());
        }
        self.keys.begin(rules.watches.len());
        self.tests.begin();
        self.predicates.begin();
        self.groups.begin();
        self.met.begin();
        self.matched.clear();
        self.set_aside.clear();
    }
}
