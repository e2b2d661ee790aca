//! Whatever the documents name is there: files, targets of `make`, settings, flags, tests.

use std::collections::BTreeSet;

use super::page::Page;
use super::tree::{read, tree};
use super::vocabulary::{self, Vocabulary};
use super::{assert_none, pages};

/// Fails with each name in backticks that `check` finds wrong.
fn check_spans(mut check: impl FnMut(Page, &str) -> bool) {
    let mut wrong = Vec::new();
    for page in pages() {
        let found = page.spans().into_iter().filter(|span| !check(page, span));
        wrong.extend(found.map(|span| format!("{}: there is no `{span}`", page.path)));
    }
    assert_none(&wrong);
}

#[test]
fn every_file_that_is_named_is_there() {
    /// Names of files have these.
    const ENDINGS: [&str; 11] =
        [".rs", ".md", ".sql", ".yml", ".yaml", ".json", ".sh", ".toml", ".conf", ".py", "/"];
    /// Made by a run, or by who runs it.
    const MADE: [&str; 5] = ["target/", "infra/.env", "report.json", ".data/", "/"];
    let tree = tree();
    let top: BTreeSet<&str> = tree.iter().filter(|path| !path.contains('/')).map(String::as_str).collect();
    let is_file = |span: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
        let below_top = span.split_once('/').is_some_and(|(first, _)| top.contains(first));
        span.chars().all(plain) && (below_top || ENDINGS.iter().any(|ending| span.ends_with(ending)))
    };
    check_spans(|_, span| {
        let path = span.trim_start_matches("../").trim_end_matches('/');
        let end = format!("/{path}");
        !is_file(span)
            || MADE.iter().any(|made| span.starts_with(made))
            || tree.contains(path)
            || tree.iter().any(|file| file.ends_with(&end))
    });
}

#[test]
fn every_target_of_make_that_is_named_is_there() {
    let makefile = read("Makefile");
    let targets: BTreeSet<&str> = makefile
        .lines()
        .filter(|line| !line.starts_with([' ', '\t', '#', '.']))
        .filter_map(|line| line.split_once(':').filter(|(_, behind)| !behind.starts_with('=')))
        .map(|(target, _)| target)
        .collect();
    let mut wrong = Vec::new();
    for page in pages() {
        let blocks = page.blocks().into_iter().filter(|block| block.kind == "sh").map(|block| block.text);
        let lines = blocks.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
        for line in page.spans().into_iter().chain(lines) {
            let Some(target) = line.strip_prefix("make ").and_then(|rest| rest.split_whitespace().next())
            else {
                continue;
            };
            if !targets.contains(target) {
                wrong.push(format!("{}: make has no target {target}", page.path));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn every_setting_that_is_named_is_one() {
    let vocabulary = Vocabulary::read();
    check_spans(|_, span| {
        let mut words = span.split(' ').map_while(|word| {
            let name = word.split_once('=').map_or(word, |(name, _)| name);
            is_variable(name).then_some(name)
        });
        words.all(|name| vocabulary.has_variable(name))
    });
}

/// Whether it has the form of an environment variable.
fn is_variable(name: &str) -> bool {
    name.len() > 2
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

#[test]
fn every_flag_that_is_named_is_one() {
    let vocabulary = Vocabulary::read();
    check_spans(|_, span| {
        let foreign = span.split(' ').any(|word| vocabulary::OTHER_PROGRAMS.contains(&word));
        foreign
            || span.split([' ', '[', ']', '(', ',', ';']).all(|word| {
                let flag = word.split_once('=').map_or(word, |(flag, _)| flag);
                !flag.starts_with("--") || vocabulary.flags.contains(flag)
            })
    });
}

#[test]
fn every_test_that_is_named_is_there() {
    let tree = tree();
    let sources: Vec<(&String, String)> = tree
        .iter()
        .filter(|path| {
            path.rsplit_once('.').is_some_and(|(_, ending)| ending == "rs")
                && (path.starts_with("tests/") || path.starts_with("src/"))
        })
        .map(|path| (path, read(path)))
        .collect();
    check_spans(|page, span| {
        let named = ["docs/architecture.md", "docs/guarantees.md"].contains(&page.path);
        let Some((module, name)) = span.rsplit_once("::").filter(|_| named) else { return true };
        let (folder, function) = (module.replace("::", "/"), format!("fn {name}("));
        let begun = name.strip_suffix('…').map(|begun| format!("fn {begun}"));
        sources.iter().any(|(path, text)| {
            path.contains(&folder)
                && (text.contains(&function)
                    || begun.as_ref().is_some_and(|begun| text.contains(begun))
                    || path.contains(&format!("{folder}/{name}")))
        })
    });
}

#[test]
fn every_metric_that_is_named_is_in_the_catalogue() {
    let catalogue = super::page("docs/metrics.md").spans();
    let part = |c: char| !(c.is_ascii_lowercase() || c == '_');
    check_spans(|_, span| {
        span.split(part).filter(|word| word.starts_with("campaign_manager_")).all(|name| {
            let of_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
            [Some(name), of_histogram]
                .into_iter()
                .flatten()
                .any(|name| catalogue.iter().any(|known| known == name))
        })
    });
}
