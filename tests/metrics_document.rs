//! `docs/metrics.md` lists the catalogue, and nothing that is not in it.
//!
//! `UPDATE_DOCS=1 cargo test --test metrics_document` writes the list anew.

use std::path::Path;

use campaign_manager::ops::metrics::{CATALOGUE, Label, Metric, Part};

const BEGIN: &str =
    "<!-- The list below is written by `UPDATE_DOCS=1 cargo test --test metrics_document` -->\n";

fn labels(labels: &[Label]) -> String {
    let label = |label: &Label| format!("`{}`: {}", label.name, label.values.join(", "));
    labels.iter().map(label).collect::<Vec<_>>().join("; ")
}

fn row(metric: &Metric) -> String {
    let part = match metric.part {
        Part::Any => "all",
        Part::Serve => "serve",
        Part::Worker => "worker",
    };
    let (name, kind, labels) = (metric.name, metric.kind.name(), labels(metric.labels));
    format!("| `{name}` | {kind} | {part} | {labels} | {} |\n", metric.help)
}

fn list() -> String {
    let head = "| name | type | shown by | labels | meaning |\n|---|---|---|---|---|\n";
    let mut text = BEGIN.to_owned();
    for group in CATALOGUE.chunk_by(|one, next| one.group == next.group) {
        text.extend(["\n### ", group[0].group, "\n\n", head]);
        text.extend(group.iter().map(row));
    }
    text
}

#[test]
fn the_documented_metrics_are_those_of_the_catalogue() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (by_hand, listed) = text.split_once(BEGIN).expect("the mark stands before the list");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{by_hand}{}", list())).unwrap();
    } else {
        assert_eq!(
            format!("{BEGIN}{listed}"),
            list(),
            "UPDATE_DOCS=1 cargo test --test metrics_document writes it anew"
        );
    }
}

#[test]
fn names_say_what_they_count() {
    for metric in CATALOGUE {
        let counts = metric.name.ends_with("_total");
        assert_eq!(counts, metric.kind.name() == "counter", "{}", metric.name);
        assert_eq!(metric.buckets.is_empty(), metric.kind.name() != "histogram", "{}: buckets", metric.name);
        assert!(metric.buckets.is_sorted_by(|one, next| one < next), "{}: buckets", metric.name);
        assert!(!metric.help.is_empty() && !metric.help.contains('|'), "{}", metric.name);
    }
    let mut names: Vec<_> = CATALOGUE.iter().map(|metric| metric.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), CATALOGUE.len(), "each name once");
}
