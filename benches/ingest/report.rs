//! Rates beside their limits.

use serde_json::Map;

use crate::figures::{Figure, keep};

/// Prints the ratios, and keeps them.
pub(crate) fn write([constant, single, parsing, batch]: &[Figure; 4]) -> anyhow::Result<()> {
    let mut report = Map::new();
    for (figure, limit) in [(single, constant), (batch, parsing)] {
        for figure in [limit, figure] {
            let (median, (least, most)) = (figure.median(), figure.spread());
            println!("{:<14} {median:>9.0} events/s (from {least:.0} to {most:.0})", figure.name);
            report.insert(figure.name.to_owned(), figure.json());
        }
        let ratio = figure.of(limit);
        let (least, most) = ratio.spread();
        println!(
            "{:<14} {:>9.2} of {} (from {least:.2} to {most:.2})",
            figure.name,
            ratio.median(),
            limit.name
        );
        report.insert(format!("{}_of_{}", figure.name, limit.name), ratio.json());
    }
    keep("ingest", report.into())
}
