//! Rates, their medians, and the ratios.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

/// A rate that was measured several times.
pub(crate) struct Figure {
    name: &'static str,
    /// Events a second.
    rates: Vec<f64>,
}

impl Figure {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, rates: Vec::new() }
    }

    #[expect(clippy::cast_precision_loss, reason = "a count of events is far below 2^52")]
    pub(crate) fn add(&mut self, events: usize, took: Duration) {
        self.rates.push(events as f64 / took.as_secs_f64());
    }

    fn sorted(&self) -> Vec<f64> {
        let mut rates = self.rates.clone();
        rates.sort_by(f64::total_cmp);
        rates
    }

    fn median(&self) -> f64 {
        self.sorted().get(self.rates.len() / 2).copied().unwrap_or_default()
    }

    fn spread(&self) -> (f64, f64) {
        let rates = self.sorted();
        (rates.first().copied().unwrap_or_default(), rates.last().copied().unwrap_or_default())
    }
}

/// The newest rate.
impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:.0}", self.name, self.rates.last().copied().unwrap_or_default())
    }
}

/// Prints the ratios to the limit, and writes them to `target/bench/report.json`.
pub(crate) fn write(limit: &Figure, figures: &[Figure]) -> anyhow::Result<()> {
    let mut report = serde_json::Map::new();
    for figure in std::iter::once(limit).chain(figures) {
        let (median, (least, most), ratio) =
            (figure.median(), figure.spread(), figure.median() / limit.median());
        println!(
            "{:<12} {median:>9.0} events/s (from {least:.0} to {most:.0})  {ratio:.2} of bare COPY",
            figure.name
        );
        report.insert(
            figure.name.to_owned(),
            json!({"median": median, "least": least, "most": most, "of_copy": ratio, "rates": figure.rates}),
        );
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    std::fs::create_dir_all(&folder)?;
    Ok(std::fs::write(folder.join("report.json"), serde_json::to_vec_pretty(&report)?)?)
}
