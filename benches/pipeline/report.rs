//! Rates beside their limit.

use serde_json::Map;

use crate::figures::{Figure, keep};

/// Prints the ratios to the limit, and writes them to `target/bench/report.json`.
pub(crate) fn write(limit: &Figure, figures: &[Figure]) -> anyhow::Result<()> {
    let mut report = Map::new();
    for figure in std::iter::once(limit).chain(figures) {
        let (median, (least, most), ratio) = (figure.median(), figure.spread(), figure.of(limit).median());
        println!(
            "{:<12} {median:>9.0} events/s (from {least:.0} to {most:.0})  {ratio:.2} of bare COPY",
            figure.name
        );
        let mut entry = figure.json();
        entry["of_copy"] = ratio.into();
        report.insert(figure.name.to_owned(), entry);
    }
    keep("report.json", &report.into())
}
