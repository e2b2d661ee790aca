//! Every link within the repository leads somewhere. Those to other sites are not followed: tests need no network.

use std::path::{Component, Path, PathBuf};

use super::page::Page;
use super::tree::ROOT;
use super::{assert_none, pages};

#[test]
fn every_link_leads_to_a_file_and_every_anchor_to_a_heading() {
    let wrong: Vec<String> = pages()
        .flat_map(|page| page.links().into_iter().filter_map(move |link| broken(page, &link)))
        .collect();
    assert_none(&wrong);
}

/// What is wrong with a link on a page.
fn broken(page: Page, link: &str) -> Option<String> {
    if link.starts_with("https://") || link.starts_with("http://") {
        return None;
    }
    let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
    let path = if file.is_empty() { page.path.into() } else { beside(page.path, file) };
    if !Path::new(ROOT).join(&path).exists() {
        return Some(format!("{}: {link} leads to no file", page.path));
    }
    let anchor = anchor?;
    let anchors = pages().find(|page| Path::new(page.path) == path).map(Page::anchors);
    let there = anchors.is_some_and(|anchors| anchors.iter().any(|known| known == anchor));
    (!there).then(|| format!("{}: {link} leads to no heading", page.path))
}

/// A path on a page, from the top of the repository.
fn beside(page: &str, link: &str) -> PathBuf {
    let joined = Path::new(page).with_file_name(link);
    let mut path = PathBuf::new();
    for part in joined.components() {
        match part {
            Component::ParentDir => assert!(path.pop(), "{page}: {link} leads out of the repository"),
            part => path.push(part),
        }
    }
    path
}

#[test]
fn what_leads_nowhere_is_found() {
    let page = super::page("docs/guarantees.md");
    for good in ["decisions.md", "../README.md#start", "#proofs", "https://example.org/none"] {
        assert_eq!(broken(page, good), None);
    }
    for bad in ["none.md", "../README.md#none", "#none"] {
        assert!(broken(page, bad).is_some(), "{bad}");
    }
}
