//! What dashboards and rules name exists in the catalogue of metrics, with these labels; and what exists is shown.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use campaign_manager::ops::metrics::{CATALOGUE, Kind, Metric};
use campaign_manager::queue::CLAIM_BYTES;

use crate::dashboard::{Dashboard, filled_in, queries};
use crate::promql::{Named, Series};
use crate::rules::{Rule, rules};

/// What Prometheus adds to every series of a target.
const OF_A_TARGET: [&str; 2] = ["job", "instance"];
/// What comes from Prometheus itself, or from the library that tells of a process.
const OTHERS: [(&str, &[&str]); 8] = [
    ("up", &[]),
    ("ALERTS", &["alertname", "alertstate", "severity"]),
    ("process_cpu_seconds_total", &[]),
    ("process_resident_memory_bytes", &[]),
    ("process_open_fds", &[]),
    ("process_max_fds", &[]),
    ("process_start_time_seconds", &[]),
    ("process_threads", &[]),
];
/// What no panel shows, and why.
const NOT_SHOWN: [(&str, &str); 4] = [
    (
        "campaign_manager_stage_batches_total",
        "the number of samples of stage_batch_events, which is shown, is the same",
    ),
    (
        "campaign_manager_redis_delayed_fsyncs",
        "it rises seldom, and an alert tells when; what is not written is shown",
    ),
    ("campaign_manager_match_set_aside_total", "nearly always 0; an alert tells if it is not"),
    ("campaign_manager_match_held_up_seconds", "nearly always 0; an alert tells if it is not"),
];

/// The recording rules, by name.
fn recorded() -> BTreeMap<String, Rule> {
    rules().into_iter().filter_map(|rule| Some((rule.record.clone()?, rule))).collect()
}

/// The metric of the catalogue that a series belongs to, a part of a histogram also.
fn metric_of(series: &str) -> Option<&'static Metric> {
    let named = |name: &str| CATALOGUE.iter().find(|metric| metric.name == name);
    let is_histogram = |metric: &&Metric| matches!(metric.kind, Kind::Histogram);
    let part = ["_bucket", "_sum", "_count"].iter().find_map(|part| series.strip_suffix(part));
    let of_histogram = part.and_then(named).filter(is_histogram);
    of_histogram.or_else(|| named(series).filter(|metric| !is_histogram(metric)))
}

/// The labels that a series may have; of some, with all their values.
fn labels_of(series: &str, recorded: &BTreeMap<String, Rule>) -> BTreeMap<String, Option<Vec<&'static str>>> {
    let mut labels: BTreeMap<_, _> = OF_A_TARGET.map(|label| (label.to_owned(), None)).into();
    if let Some((_, own)) = OTHERS.iter().find(|(name, _)| *name == series) {
        labels.extend(own.iter().map(|label| ((*label).to_owned(), None)));
    } else if let Some(rule) = recorded.get(series) {
        labels.extend(Named::of(&rule.expr).labels.into_iter().map(|label| (label, None)));
    } else {
        let metric = metric_of(series).unwrap_or_else(|| unreachable!("{series} is not in the catalogue"));
        let own = metric.labels.iter().map(|label| (label.name.to_owned(), Some(label.values.to_vec())));
        labels.extend(own);
        labels.extend(series.ends_with("_bucket").then(|| ("le".to_owned(), None)));
    }
    labels
}

/// Fails where the expression names what does not exist.
fn check(place: &str, expr: &str, recorded: &BTreeMap<String, Rule>) {
    let named = Named::of(expr);
    let mut known = BTreeSet::new();
    for Series { name, labels } in &named.series {
        let allowed = labels_of(name, recorded);
        for (label, value) in labels {
            let values =
                allowed.get(label).unwrap_or_else(|| unreachable!("{place}: {name} has no label {label}"));
            if let (Some(value), Some(values)) = (value, values) {
                assert!(values.contains(&value.as_str()), "{place}: {label} of {name} is never {value}");
            }
        }
        known.extend(allowed.into_keys());
    }
    for label in &named.labels {
        assert!(known.contains(label), "{place}: nothing in it has the label {label}: {expr}");
    }
}

#[test]
fn what_panels_name_exists_with_the_labels_that_they_name() {
    let recorded = recorded();
    for (place, target) in queries() {
        check(&place, &filled_in(&target.expr), &recorded);
    }
    for dashboard in Dashboard::all() {
        for selector in dashboard.selectors() {
            check(&dashboard.title, &filled_in(selector), &recorded);
        }
        for annotation in &dashboard.annotations.list {
            check(&dashboard.title, &filled_in(&annotation.expr), &recorded);
        }
    }
}

#[test]
fn what_rules_name_exists_with_the_labels_that_they_name() {
    let recorded = recorded();
    for rule in rules() {
        check(rule.record.as_deref().or(rule.alert.as_deref()).unwrap(), &rule.expr, &recorded);
    }
}

#[test]
fn the_rule_for_what_is_needed_counts_claims_as_ingest_does() {
    let needed = &recorded()["job:campaign_manager_queue_needed_bytes:max"].expr;
    assert!(needed.contains(&format!("{CLAIM_BYTES} * campaign_manager_queue_events")), "{needed}");
}

#[test]
fn the_documents_say_how_much_a_claim_takes() {
    let claim = format!("{CLAIM_BYTES} bytes");
    for document in ["README.md", "docs/guarantees.md", "docs/troubleshooting.md", "infra/README.md"] {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(document)).unwrap();
        assert!(text.contains(&claim), "{document}: {claim}");
    }
}

#[test]
fn every_metric_is_shown_or_there_is_a_reason_why_not() {
    let recorded = recorded();
    let mut shown = BTreeSet::new();
    let mut note = |expr: &str| {
        let names = Named::of(expr).series.into_iter().map(|series| series.name);
        shown.extend(names.filter_map(|name| Some(metric_of(&name)?.name)));
    };
    for (_, target) in queries() {
        let expr = filled_in(&target.expr);
        note(&expr);
        for series in Named::of(&expr).series {
            recorded.get(&series.name).into_iter().for_each(|rule| note(&rule.expr));
        }
    }
    let not_shown: BTreeSet<_> =
        CATALOGUE.iter().map(|metric| metric.name).filter(|name| !shown.contains(name)).collect();
    assert_eq!(not_shown, NOT_SHOWN.map(|(name, _)| name).into());
}

#[test]
fn what_is_recorded_is_used() {
    let alerts = rules().into_iter().filter(|rule| rule.alert.is_some()).map(|rule| rule.expr);
    let panels = queries().into_iter().map(|(_, target)| filled_in(&target.expr));
    let used = alerts.chain(panels).flat_map(|expr| Named::of(&expr).series).map(|series| series.name);
    let used: BTreeSet<_> = used.collect();
    let unused: Vec<_> = recorded().into_keys().filter(|name| !used.contains(name)).collect();
    assert!(unused.is_empty(), "{unused:?}");
}
