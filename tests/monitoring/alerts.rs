//! The rules: Prometheus' own tool takes them, each alert is tested, and tells whoever is woken by it what to do.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use crate::GRAFANA;
use crate::prometheus::lay_out;
use crate::rules::{Rule, files, rules, tests};
use crate::support::folder;

/// Runs promtool, and expects that it finds nothing; what it says.
fn promtool(arguments: &[&str], files: &[impl AsRef<Path>]) -> String {
    let mut command = Command::new("promtool");
    command.args(arguments).args(files.iter().map(AsRef::as_ref));
    let Output { status, stdout, stderr } =
        command.output().expect("infra/setup.sh monitoring installs Prometheus, with promtool");
    let said = [stdout, stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    assert!(status.success(), "promtool {arguments:?}: {status}\n{said}");
    said
}

fn alerts() -> impl Iterator<Item = (String, Rule)> {
    rules().into_iter().filter_map(|rule| Some((rule.alert.clone()?, rule)))
}

#[test]
fn prometheus_takes_the_configuration_and_the_rules() {
    let dir = folder();
    lay_out(Path::new(GRAFANA), dir.path(), "127.0.0.1:8081", Duration::from_secs(15));
    println!("{}", promtool(&["check", "config"], &[dir.path().join("prometheus.yml")]));
    println!("{}", promtool(&["check", "rules", "--lint=all", "--lint-fatal"], &files("alerts")));
}

#[test]
fn alerts_fire_when_they_should_and_only_then() {
    println!("{}", promtool(&["test", "rules"], &files("alerts/tests")));
}

#[test]
fn every_alert_is_tested_for_firing_and_for_not_firing() {
    let tests = tests();
    let mut tested = BTreeSet::new();
    for test in &tests {
        let own = format!(r#"ALERTS{{alertname="{}", alertstate="firing"}}"#, test.name);
        assert!(
            test.promql_expr_test.iter().all(|expected| expected.expr == own),
            "{} asks for others",
            test.name
        );
        let fires =
            |fires| test.promql_expr_test.iter().any(|expected| expected.exp_samples.is_empty() != fires);
        assert!(fires(true) && fires(false), "{} is to fire at one time and not at another", test.name);
        assert!(tested.insert(test.name.clone()), "{} has two tests", test.name);
    }
    assert_eq!(alerts().map(|(name, _)| name).collect::<BTreeSet<_>>(), tested);
}

#[test]
fn every_alert_says_how_bad_it_is_and_what_to_do() {
    let anchors = anchors("docs/troubleshooting.md");
    for (name, rule) in alerts() {
        assert!(name.starts_with("CampaignManager"), "{name}: others' alerts go to the same Alertmanager");
        assert!(
            ["warning", "critical"].contains(&rule.labels["severity"].as_str()),
            "{name}: {:?}",
            rule.labels
        );
        for part in ["summary", "description"] {
            assert!(rule.annotations[part].len() > 20, "{name} has no {part}");
        }
        let anchor = rule.annotations["runbook"].strip_prefix("docs/troubleshooting.md#").unwrap();
        assert_eq!(anchor, name.to_lowercase(), "{name} leads to another's section");
        assert!(anchors.contains(anchor), "{name} has no section in docs/troubleshooting.md");
    }
}

#[test]
fn alerts_do_not_give_out_what_lies_between_the_bounds_of_buckets_as_exact() {
    let quantiles: Vec<String> = rules()
        .into_iter()
        .filter(|rule| rule.expr.contains("histogram_quantile"))
        .filter_map(|rule| rule.record)
        .collect();
    assert!(!quantiles.is_empty());
    for (name, rule) in alerts() {
        let summary = &rule.annotations["summary"];
        let is_estimate = quantiles.iter().any(|quantile| rule.expr.contains(quantile));
        if is_estimate && summary.contains("$value") {
            assert!(summary.contains("about {{ $value"), "{name}: {summary}");
        }
    }
}

#[test]
fn alerts_name_commands_that_can_be_entered_as_they_are() {
    for (name, rule) in alerts() {
        let description = &rule.annotations["description"];
        let bare = description.contains("dead-letters replay`");
        assert!(!bare, "{name}: a replay wants --all, or ids");
    }
}

/// The anchors of a document's headings.
fn anchors(document: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(document)).unwrap();
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-")).collect()
}
