//! What the documents say is held against what is there: where links lead, what is named, and what their commands print.
//!
//! `docs/message_schema.md` and `docs/clients.md` have tests of their own, in `tests/message_schema` and `tests/clients`.

mod alike;
mod api;
mod checkout;
mod commands;
mod links;
mod loadtest;
mod names;
mod operations;
mod page;
mod readme;
mod shell;
mod symptoms;
mod tree;
mod troubleshooting;
mod vocabulary;

use page::Page;

/// Every document for people.
const PAGES: [(&str, &str); 17] = [
    ("README.md", include_str!("../../../README.md")),
    ("CHANGELOG.md", include_str!("../../../CHANGELOG.md")),
    ("infra/README.md", include_str!("../../../infra/README.md")),
    ("docs/api_endpoints.md", include_str!("../../../docs/api_endpoints.md")),
    ("docs/architecture.md", include_str!("../../../docs/architecture.md")),
    ("docs/clients.md", include_str!("../../../docs/clients.md")),
    ("docs/decisions.md", include_str!("../../../docs/decisions.md")),
    ("docs/glossary.md", include_str!("../../../docs/glossary.md")),
    ("docs/guarantees.md", include_str!("../../../docs/guarantees.md")),
    ("docs/load_testing.md", include_str!("../../../docs/load_testing.md")),
    ("docs/message_schema.md", include_str!("../../../docs/message_schema.md")),
    ("docs/metrics.md", include_str!("../../../docs/metrics.md")),
    ("docs/monitoring.md", include_str!("../../../docs/monitoring.md")),
    ("docs/operations.md", include_str!("../../../docs/operations.md")),
    ("docs/performance-log.md", include_str!("../../../docs/performance-log.md")),
    ("docs/project_overview.md", include_str!("../../../docs/project_overview.md")),
    ("docs/troubleshooting.md", include_str!("../../../docs/troubleshooting.md")),
];

fn pages() -> impl Iterator<Item = Page> {
    PAGES.iter().map(|(path, text)| Page { path, text })
}

fn page(path: &str) -> Page {
    pages().find(|page| page.path == path).unwrap()
}

/// Fails with everything that is wrong.
fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
