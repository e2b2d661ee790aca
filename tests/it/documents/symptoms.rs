//! Symptoms in a document's tables: what the first column shows in backticks or quotes. `…` stands for anything, a number for any
//! number.

use super::page::Page;
use super::{assert_none, page};

/// The symptoms of a section's table, and which of them were produced.
pub(super) struct Symptoms {
    rows: Vec<String>,
    produced: Vec<bool>,
}

impl Symptoms {
    pub(super) fn of(path: &str, section: &str) -> Self {
        let text = page(path).text;
        let (_, section) = text.split_once(&format!("\n## {section}\n")).unwrap();
        let table = section.split("\n## ").next().unwrap().lines().filter(|line| line.starts_with("| "));
        let cells = table.skip(1).map(|row| row.trim_start_matches("| ").split(" | ").next().unwrap());
        let rows: Vec<String> = cells.flat_map(quoted).collect();
        assert!(!rows.is_empty());
        Self { produced: vec![false; rows.len()], rows }
    }

    /// Notes what was said; it has to be one of the symptoms.
    pub(super) fn met(&mut self, said: &str) {
        let mut known = false;
        for (row, produced) in self.rows.iter().zip(&mut self.produced) {
            if shows(row, said) {
                (known, *produced) = (true, true);
            }
        }
        assert!(known, "the document has no row for\n{said}\namong\n{}", self.rows.join("\n"));
    }

    /// Fails with those that nobody has produced, here or in another test; of those there are the beginnings.
    pub(super) fn assert_all_met(&self, elsewhere: &[&str]) {
        let unmet = self.rows.iter().zip(&self.produced).filter(|(row, produced)| {
            !**produced && !elsewhere.iter().any(|beginning| row.starts_with(beginning))
        });
        assert_none(&unmet.map(|(row, _)| format!("nobody has produced `{row}`")).collect::<Vec<_>>());
    }
}

/// What a cell shows in backticks, and in quotes.
fn quoted(cell: &'static str) -> Vec<String> {
    let mut quoted = Page { path: "", text: cell }.spans();
    quoted.retain(|span| span.parse::<u16>().is_err());
    quoted.extend(cell.split('"').skip(1).step_by(2).map(str::to_owned));
    quoted
}

/// Whether a text has all parts of a symptom, in their order.
fn shows(symptom: &str, said: &str) -> bool {
    let (symptom, said) = (plain(symptom), plain(said));
    let mut rest = said.as_str();
    symptom.split('…').all(|part| match rest.split_once(part.trim()) {
        Some((_, behind)) => {
            rest = behind;
            true
        }
        None => false,
    })
}

/// With any number as `0`, and any white space as a space.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for character in text.split_whitespace().collect::<Vec<_>>().join(" ").chars() {
        match character {
            '0'..='9' if plain.ends_with('0') => {}
            '0'..='9' => plain.push('0'),
            other => plain.push(other),
        }
    }
    plain
}
