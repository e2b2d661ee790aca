//! Figures that are measured several times, and the file that keeps them.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};

/// A rate that was measured several times.
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    /// A second.
    rates: Vec<f64>,
}

impl Figure {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, rates: Vec::new() }
    }

    /// Adds that so many took so long.
    #[expect(clippy::cast_precision_loss, reason = "a count is far below 2^52")]
    pub(crate) fn add(&mut self, count: usize, took: Duration) {
        self.rates.push(count as f64 / took.as_secs_f64());
    }

    /// The ratios to what was measured in the same rounds.
    pub(crate) fn of(&self, other: &Self) -> Self {
        let rates = self.rates.iter().zip(&other.rates).map(|(this, other)| this / other).collect();
        Self { name: self.name, rates }
    }

    fn sorted(&self) -> Vec<f64> {
        let mut rates = self.rates.clone();
        rates.sort_by(f64::total_cmp);
        rates
    }

    pub(crate) fn median(&self) -> f64 {
        self.sorted().get(self.rates.len() / 2).copied().unwrap_or_default()
    }

    /// The least and the most.
    pub(crate) fn spread(&self) -> (f64, f64) {
        let rates = self.sorted();
        (rates.first().copied().unwrap_or_default(), rates.last().copied().unwrap_or_default())
    }

    pub(crate) fn json(&self) -> Value {
        let (least, most) = self.spread();
        json!({"median": self.median(), "least": least, "most": most, "rates": self.rates})
    }
}

/// The newest rate.
impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:.0}", self.name, self.rates.last().copied().unwrap_or_default())
    }
}

/// A size from the environment.
pub(crate) fn size(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Keeps what one bench has found as a part of `target/bench/report.json`, beside what others found before.
pub(crate) fn keep(part: &str, found: Value) -> anyhow::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("report.json");
    // Where there is none, or none that can be read, a new one begins.
    let before = std::fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let mut report: Map<String, Value> = before.unwrap_or_default();
    report.insert(part.to_owned(), found);
    Ok(std::fs::write(path, serde_json::to_vec_pretty(&report)?)?)
}
