//! The report as one HTML page, which opens from a disk and loads nothing.
//!
//! Invariants: everything is shown without the script, which only adds what is under the pointer and the download; no text
//! of the server's or the user's is markup.

mod scale;
mod unit;
mod chart;
mod charts;
mod tiles;
mod tables;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Outcome, Report};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// What the page says first.
struct Verdict {
    /// How it looks.
    class: &'static str,
    sign: &'static str,
    title: &'static str,
    sentences: Vec<String>,
}

impl Report {
    /// The report as an HTML page.
    #[must_use]
    pub fn to_html(&self) -> String {
        page(self).into_string()
    }
}

fn page(report: &Report) -> Markup {
    let verdict = verdict(report);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (verdict.title) " – load test " (report.run) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    p.kind { "Campaign Manager load test" }
                    h1 class=(verdict.class) { span.sign aria-hidden="true" { (verdict.sign) } (verdict.title) }
                    @match verdict.sentences.as_slice() {
                        [one] => p.why { (one) },
                        several => ul.why { @for sentence in several { li { (sentence) } } },
                    }
                    p.run { (about(report)) }
                }
                main {
                    section aria-label="Key figures" { (tiles::tiles(report)) }
                    section aria-label="Charts" {
                        div.charts { @for chart in charts::charts(report) { (chart.figure()) } }
                    }
                    (tables::tables(report))
                }
                footer { p { "All numbers of this page, as JSON, are in it." } }
                script id="report" type="application/json" { (chart::json(report)) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

fn about(report: &Report) -> Markup {
    let settings = &report.settings;
    html! {
        "Run " code { (report.run) } " against " code { (settings.target) } ", "
        time datetime=(report.began) { (report.began.strftime("%-d %B %Y, %H:%M UTC")) }
    }
}

fn verdict(report: &Report) -> Verdict {
    let (class, sign, title, mut sentences) = match &report.outcome {
        Outcome::Kept(verification) if verification.accepted == 0 => {
            ("doubt", "?", "Nothing to verify", vec!["No event was accepted.".to_owned()])
        }
        Outcome::Kept(_) => {
            let kept = "Every accepted event is stored once, with the triggers that it must have.".to_owned();
            if report.passed() {
                ("kept", "✓", "Verified", vec![kept])
            } else {
                ("doubt", "!", "Verified, but not all went well", vec![kept])
            }
        }
        Outcome::Broken { differences, .. } => {
            let differences = differences.iter().map(|difference| format!("{difference}.")).collect();
            ("broken", "✗", "Broken", differences)
        }
        Outcome::Undrained { reason, .. } => {
            ("doubt", "?", "Not verified", vec![format!("Not{}", reason.trim_start_matches("not"))])
        }
        Outcome::Unknown { reason } => ("doubt", "?", "Not verified", vec![reason.clone()]),
    };
    sentences.extend(troubles(report));
    Verdict { class, sign, title, sentences }
}

/// What else did not go as it should, where the run has not passed.
fn troubles(report: &Report) -> Vec<String> {
    if report.passed() {
        return Vec::new();
    }
    let sending = &report.sending;
    // Poison is there to be refused; whether something else was is a difference.
    let refused = if report.settings.poison > 0.0 { 0 } else { sending.refused };
    let counted = [
        (refused, "events were refused."),
        (sending.failures, "requests had no answer."),
        (sending.given_up, "requests were given up."),
    ];
    let counted = counted.into_iter().filter(|(number, _)| *number > 0);
    let early = sending.ended_early.iter().map(|why| format!("Sending ended early: {why}."));
    early.chain(counted.map(|(number, what)| format!("{} {what}", tables::count(number)))).collect()
}

#[cfg(test)]
mod tests;
