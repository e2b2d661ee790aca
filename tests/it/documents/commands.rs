//! The blocks of commands in a document, to be run in their order; and those that cannot be run, each with the reason.

use super::page::{Block, Page};
use super::{alike, assert_none, page, pages};

/// Pages whose commands a test runs.
const RUN: [&str; 6] = [
    "README.md",
    "docs/api_endpoints.md",
    "docs/load_testing.md",
    "docs/operations.md",
    // as parts of programs, by tests/clients
    "docs/clients.md",
    // by tests/message_schema
    "docs/message_schema.md",
];

/// Blocks that are not run: the page, how the block begins, and why not.
const NOT_RUN: [(&str, &str, &str); 11] = [
    ("README.md", "sudo apt-get", "it installs Rust; CI begins with that"),
    (
        "docs/monitoring.md",
        "prometheus --config.file",
        "Prometheus: `make test-monitoring` starts it with that file",
    ),
    ("docs/monitoring.md", "docker run", "Docker"),
    ("infra/README.md", "docker compose", "Docker; the job `images` of CI runs it"),
    (
        "infra/README.md",
        "infra/release.sh",
        "Docker, and a registry; tests/manifests/test_release.py runs it with a stub",
    ),
    ("infra/README.md", "kubectl apply -k infra/k8s/overlays/dev", "a cluster"),
    ("infra/README.md", "kubectl create namespace", "a cluster"),
    ("infra/README.md", "kubectl label namespace", "a cluster"),
    ("infra/README.md", "kubectl apply -k infra/k8s/overlays/production", "a cluster"),
    ("infra/README.md", "helm upgrade", "a cluster"),
    ("infra/README.md", "kubectl --namespace campaign-manager delete job", "a cluster"),
];

/// A block of commands, and what the page says that they print.
#[derive(Debug)]
pub(super) struct Step {
    /// Where it is.
    pub(super) at: String,
    pub(super) commands: String,
    printed: Option<Block>,
}

/// The steps of a page that can be run, in their order.
pub(super) struct Script {
    steps: std::vec::IntoIter<Step>,
}

impl Script {
    pub(super) fn of(path: &'static str) -> Self {
        let page = page(path);
        let mut steps: Vec<Step> = Vec::new();
        let mut open = false;
        for block in page.blocks() {
            match (block.kind, steps.last_mut()) {
                ("sh", _) => {
                    open = why_not(page, &block).is_none();
                    let at = format!("{path}:{}", block.line);
                    steps.extend(open.then_some(Step { at, commands: block.text, printed: None }));
                }
                ("text" | "json" | "http", Some(step)) if open => {
                    step.printed = Some(block);
                    open = false;
                }
                _ => open = false,
            }
        }
        Self { steps: steps.into_iter() }
    }

    /// The next step, which has to begin like this.
    pub(super) fn next(&mut self, beginning: &str) -> Step {
        let step = self.steps.next().expect("a step is left");
        assert!(step.commands.starts_with(beginning), "{}: {}", step.at, step.commands);
        step
    }

    pub(super) fn rest(self) -> impl Iterator<Item = Step> {
        self.steps
    }
}

impl Step {
    /// With other words for those that a test cannot take as they are.
    pub(super) fn with(mut self, words: &[(&str, &str)]) -> Self {
        for (from, to) in words {
            assert!(self.commands.contains(from), "{}: no {from:?} in\n{}", self.at, self.commands);
            self.commands = self.commands.replace(from, to);
        }
        self
    }

    /// What is wrong with what it printed.
    pub(super) fn difference(&self, output: &str) -> Result<(), String> {
        match &self.printed {
            None => Ok(()),
            Some(Block { kind: "json", text, .. }) => alike::json(text, output),
            Some(Block { kind: "http", text, .. }) => alike::http(text, output),
            Some(Block { text, .. }) => alike::lines(text, output),
        }
    }
}

/// Why a block is not run.
fn why_not(page: Page, block: &Block) -> Option<&'static str> {
    let listed =
        NOT_RUN.iter().find(|(path, beginning, _)| *path == page.path && block.text.starts_with(beginning));
    listed.map(|(_, _, reason)| *reason)
}

#[test]
fn every_block_of_commands_is_run_or_it_is_said_why_not() {
    let mut wrong = Vec::new();
    for page in pages().filter(|page| !RUN.contains(&page.path)) {
        let blocks = page.blocks().into_iter().filter(|block| ["sh", "console"].contains(&block.kind));
        let silent = blocks.filter(|block| why_not(page, block).is_none());
        wrong.extend(silent.map(|block| format!("{}:{} is not run", page.path, block.line)));
    }
    for (path, beginning, _) in NOT_RUN {
        let there =
            page(path).blocks().iter().any(|block| block.kind == "sh" && block.text.starts_with(beginning));
        wrong.extend((!there).then(|| format!("{path} has no block that begins with {beginning:?}")));
    }
    assert_none(&wrong);
}
