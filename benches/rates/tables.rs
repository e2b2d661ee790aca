//! The figures for a person to read.

use comfy_table::{CellAlignment, Table, presets};

use crate::figures::Figure;
use crate::matched::Matched;
use crate::rivals::Rivals;

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(header);
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}

/// The median, and from the least to the most.
fn rate(figure: &Figure) -> String {
    let (least, most) = figure.spread();
    format!("{:.0} ({least:.0}–{most:.0})", figure.median())
}

/// The same for ratios.
fn ratio(figure: &Figure) -> String {
    let (least, most) = figure.spread();
    format!("{:.2} ({least:.2}–{most:.2})", figure.median())
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn per(count: u64, of: usize) -> String {
    format!("{:.2}", count as f64 / of.max(1) as f64)
}

/// Rates by workload, beside parsing alone and beside the fewest rules of the same kind.
pub(crate) fn matching(parsing: &Figure, matched: &[Matched]) -> Table {
    let mut table = table(&[
        "campaign workload",
        "events/s, with parsing",
        "of parsing",
        "of 1,000 rules",
        "matches",
        "candidates an event",
        "steps an event",
    ]);
    table.add_row(["only parsing".to_owned(), rate(parsing), "1.00".to_owned()]);
    for row in matched {
        let fewest = matched.iter().find(|other| other.kind == row.kind).unwrap_or(row);
        let round = &row.last;
        table.add_row([
            row.name.clone(),
            rate(&row.matching),
            ratio(&row.matching.of(parsing)),
            ratio(&row.matching.of(&fewest.matching)),
            round.matches.to_string(),
            per(round.candidates, round.events),
            per(round.steps, round.events),
        ]);
    }
    table
}

/// What the indices cost.
pub(crate) fn index(matched: &[Matched]) -> Table {
    let mut table =
        table(&["campaign workload", "compiling, ms", "rules/s", "predicates", "bytes", "bytes a predicate"]);
    for row in matched {
        let size = row.rules.stats();
        table.add_row([
            row.name.clone(),
            milliseconds(size.rules, &row.compiling),
            rate(&row.compiling),
            size.predicates.to_string(),
            size.bytes.to_string(),
            per(size.bytes as u64, size.predicates),
        ]);
    }
    table
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn milliseconds(count: usize, figure: &Figure) -> String {
    format!("{:.1}", count as f64 / figure.median() * 1e3)
}

/// This project beside the peer.
pub(crate) fn rivals(rivals: &[Rivals]) -> Table {
    let mut table = table(&[
        "rules that A-Tree can express",
        "rules",
        "this, events/s with parsing",
        "A-Tree, events/s with parsing",
        "times as fast",
        "A-Tree's building, s",
    ]);
    for row in rivals {
        table.add_row([
            row.name.clone(),
            format!("{} of {}", row.expressible(), row.rules),
            rate(&row.this),
            rate(&row.peer),
            ratio(&row.this.of(&row.peer)),
            format!("{:.2}", row.building().as_secs_f64()),
        ]);
    }
    table
}
