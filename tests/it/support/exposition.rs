//! What `/metrics` shows, read more strictly than Prometheus itself does.

#![expect(clippy::panic, reason = "each says which line is wrong")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

/// The metrics of a process at one moment.
pub(crate) struct Exposition {
    /// The type of each metric, by its name.
    pub(crate) kinds: BTreeMap<String, String>,
    /// The value of each series, by its name and labels as they are written.
    values: BTreeMap<String, f64>,
}

/// Asks the process whose admin port is at `addr`.
#[allow(dead_code, reason = "tests/chaos does not use it")]
pub(crate) async fn scrape(addr: impl Display) -> Exposition {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(format!("http://{addr}/metrics")).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    Exposition::read(&answer.text().await.unwrap())
}

#[allow(dead_code, reason = "tests/chaos does not use it")]
impl Exposition {
    /// Each metric is described once, has one type, and stands in one piece; each series stands there once; histograms add up.
    pub(crate) fn read(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line ends too");
        let (mut kinds, mut values, mut described) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        let mut current = String::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').unwrap();
                assert!(!help.is_empty() && described.insert(name.to_owned()), "{line}");
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert!(described.contains(name), "{name} has no help");
                assert_eq!(kinds.insert(name.to_owned(), kind.to_owned()), None, "{line}");
                name.clone_into(&mut current);
            } else {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let rest = series.strip_prefix(&current).unwrap_or_else(|| panic!("{line} below {current}"));
                assert_labels(rest, &kinds[&current], line);
                assert_eq!(values.insert(series.to_owned(), value.parse().unwrap()), None, "{line}");
            }
        }
        let read = Self { kinds, values };
        read.assert_histograms_add_up();
        read
    }

    /// The value of a series of ours, whose name is given without its prefix.
    #[track_caller]
    pub(crate) fn get(&self, series: &str) -> f64 {
        let value = self.values.get(&format!("campaign_manager_{series}"));
        *value.unwrap_or_else(|| panic!("{series} is not shown"))
    }

    /// The series of ours: a histogram's are known by their counts.
    pub(crate) fn series(&self) -> BTreeSet<String> {
        let ours = self.values.keys().filter(|series| series.starts_with("campaign_manager_"));
        let parts = ["_bucket", "_sum"];
        let is_part = |series: &str| {
            let name = series.split('{').next().unwrap();
            parts.iter().any(|part| name.strip_suffix(part).is_some_and(|name| self.is_histogram(name)))
        };
        ours.filter(|series| !is_part(series)).cloned().collect()
    }

    /// The bounds of the buckets of each series of a histogram, by the series' labels.
    pub(crate) fn buckets(&self, name: &str) -> BTreeMap<String, Vec<(f64, f64)>> {
        let mut buckets: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
        for (series, count) in &self.values {
            let Some(labels) = series.strip_prefix(&format!("{name}_bucket{{")) else { continue };
            let (others, bound) = labels.strip_suffix("\"}").unwrap().rsplit_once("le=\"").unwrap();
            let bucket = (bound.parse().unwrap(), *count);
            buckets.entry(others.trim_end_matches(',').to_owned()).or_default().push(bucket);
        }
        for buckets in buckets.values_mut() {
            buckets.sort_by(|one, next| one.0.total_cmp(&next.0));
        }
        buckets
    }

    fn is_histogram(&self, name: &str) -> bool {
        self.kinds.get(name).is_some_and(|kind| kind == "histogram")
    }

    fn assert_histograms_add_up(&self) {
        for name in self.kinds.keys().filter(|name| self.is_histogram(name)) {
            let all = self.buckets(name);
            assert!(!all.is_empty(), "{name} has no buckets");
            for (labels, buckets) in all {
                assert!(
                    buckets.is_sorted_by(|one, next| one.0 < next.0 && one.1 <= next.1),
                    "{name}{labels}"
                );
                let series = |part| match labels.as_str() {
                    "" => format!("{name}_{part}"),
                    labels => format!("{name}_{part}{{{labels}}}"),
                };
                let (last, count) = (buckets.last().unwrap(), self.values[&series("count")]);
                assert_eq!(*last, (f64::INFINITY, count), "{name}{labels}");
                let sum = self.values[&series("sum")];
                assert!(sum >= 0.0 && (count > 0.0 || sum == 0.0), "{name}{labels}: {sum}");
            }
        }
    }
}

/// `rest` is what follows the metric's name: a histogram's part, and labels.
fn assert_labels(rest: &str, kind: &str, line: &str) {
    let (part, labels) = rest.split_once('{').map_or((rest, None), |(part, labels)| (part, Some(labels)));
    let parts: &[&str] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
    assert!(parts.contains(&part), "{line}");
    let Some(labels) = labels else { return };
    let labels = labels.strip_suffix('}').unwrap_or_else(|| panic!("{line}"));
    let mut names = BTreeSet::new();
    for label in labels.split(',') {
        let (name, value) = label.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
        let value = value.strip_suffix('"').unwrap_or_else(|| panic!("{line}"));
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_') && names.insert(name), "{line}");
        assert!(!value.contains(['"', '\\', '{', '}']) && !value.is_empty(), "{line}");
    }
}
