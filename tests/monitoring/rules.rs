//! The rules as they are in `grafana/alerts`, and the tests beside them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::GRAFANA;

/// A rule: it records, or it alerts.
#[derive(Debug, Deserialize)]
pub(crate) struct Rule {
    pub(crate) record: Option<String>,
    pub(crate) alert: Option<String>,
    pub(crate) expr: String,
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) annotations: BTreeMap<String, String>,
}

/// A test of an alert, named as the alert is.
#[derive(Debug, Deserialize)]
pub(crate) struct RuleTest {
    pub(crate) name: String,
    pub(crate) promql_expr_test: Vec<Expectation>,
}

/// Which alerts are to fire at a time.
#[derive(Debug, Deserialize)]
pub(crate) struct Expectation {
    pub(crate) expr: String,
    pub(crate) exp_samples: Vec<BTreeMap<String, serde_json::Value>>,
}

#[derive(Deserialize)]
struct RuleFile {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct TestFile {
    tests: Vec<RuleTest>,
}

/// The files of a folder below `grafana`.
pub(crate) fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(format!("{GRAFANA}/{folder}")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.is_file()).collect();
    files.sort();
    files
}

/// All rules.
pub(crate) fn rules() -> Vec<Rule> {
    let groups = read::<RuleFile>("alerts").into_iter().flat_map(|file| file.groups);
    groups.flat_map(|group| group.rules).collect()
}

/// All tests of alerts.
pub(crate) fn tests() -> Vec<RuleTest> {
    read::<TestFile>("alerts/tests").into_iter().flat_map(|file| file.tests).collect()
}

fn read<T: DeserializeOwned>(folder: &str) -> Vec<T> {
    let read = |path: PathBuf| serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    files(folder).into_iter().map(read).collect()
}
