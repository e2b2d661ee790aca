//! Rates beside their limit.

use serde_json::Map;

use crate::costs::Costs;
use crate::figures::{Figure, keep};

/// Prints the costs and the ratios to the limit, and keeps them.
pub(crate) fn write(limit: &Figure, figures: &[Figure], costs: &Costs) -> anyhow::Result<()> {
    println!("{}", costs.table());
    let mut report = Map::from_iter([("cpu_microseconds".to_owned(), costs.json())]);
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
    keep("pipeline", report.into())
}
