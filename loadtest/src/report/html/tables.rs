//! The tables of a report: what was asked for, sent, and compared.

use indicatif::HumanCount;
use maud::{Markup, html};
use serde_json::Value;

use super::unit::Unit;
use crate::Finding;
use crate::report::Report;
use crate::verify::Verification;

/// A row: a name, and what there is to say.
type Row = (String, Markup);

/// All tables.
pub(super) fn tables(report: &Report) -> Markup {
    html! {
        div.tables {
            (table("settings", "Settings", settings(report)))
            (table("sending", "Sending", sending(report)))
            (table("storing", "Storing", storing(report)))
            @if let Some(verification) = report.verification() {
                (table("verification", "Verification", verified(verification)))
            }
        }
    }
}

/// A whole number, its thousands apart.
pub(super) fn count(number: u64) -> String {
    HumanCount(number).to_string()
}

fn table(id: &str, title: &str, rows: Vec<Row>) -> Markup {
    html! {
        section aria-labelledby=(id) {
            h2 id=(id) { (title) }
            table.facts {
                tbody {
                    @for (name, value) in rows {
                        tr { th scope="row" { (name) } td { (value) } }
                    }
                }
            }
        }
    }
}

/// Every setting, by its name in the JSON report: one that is added there is shown here.
fn settings(report: &Report) -> Vec<Row> {
    let mut rows = vec![
        ("run".to_owned(), html! { code { (report.run) } }),
        (
            "began".to_owned(),
            html! { time datetime=(report.began) { (report.began.strftime("%Y-%m-%d %H:%M:%S UTC")) } },
        ),
    ];
    let settings = serde_json::to_value(&report.settings).expect("a struct of numbers and texts");
    if let Value::Object(settings) = settings {
        rows.extend(settings.into_iter().map(|(name, value)| (name.replace('_', " "), setting(&value))));
    }
    rows
}

fn setting(value: &Value) -> Markup {
    match value {
        Value::Null => html! { "–" },
        Value::String(text) => html! { (text) },
        Value::Number(number) => match (number.as_u64(), number.as_f64()) {
            (Some(whole), _) => html! { (count(whole)) },
            (None, Some(real)) if real.fract() == 0.0 && real.abs() >= 1.0 => {
                html! { (Unit::Count.full(real)) }
            }
            _ => html! { (number) },
        },
        Value::Bool(is_so) => html! { (if *is_so { "yes" } else { "no" }) },
        other => html! { (other) },
    }
}

fn sending(report: &Report) -> Vec<Row> {
    let sending = &report.sending;
    let row = |name: &str, value: u64| (name.to_owned(), html! { (count(value)) });
    let mut rows = vec![];
    rows.extend(sending.offered.map(|offered| row("events offered", offered)));
    rows.extend(sending.left_over().map(|left| row("not answered in time", left)));
    rows.extend([row("events accepted", sending.accepted), row("events refused", sending.refused)]);
    rows.extend(sending.refusal.iter().map(|why| ("first refusal".to_owned(), html! { (why) })));
    rows.extend(sending.answers.iter().map(|(status, number)| row(&format!("answers {status}"), *number)));
    rows.push(row("requests without an answer", sending.failures));
    rows.extend(sending.failure.iter().map(|why| ("the latest of them".to_owned(), html! { (why) })));
    rows.extend([row("requests sent again", sending.resent), row("requests given up", sending.given_up)]);
    rows
}

fn storing(report: &Report) -> Vec<Row> {
    let storing = &report.storing;
    let mut rows: Vec<Row> = [
        ("events stored", count(storing.stored)),
        ("duplicates dropped", count(storing.duplicates)),
        ("dead letters", count(storing.dead_lettered)),
        ("last event stored after", Unit::Seconds.full(storing.seconds)),
        ("drained in", Unit::Seconds.full(storing.drain_seconds)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), html! { (value) }))
    .collect();
    if report.campaigns_left_active > 0 {
        rows.push(("campaigns left active".to_owned(), html! { (report.campaigns_left_active) }));
    }
    rows
}

fn verified(verification: &Verification) -> Vec<Row> {
    let row = |name: &str, value: u64| (name.to_owned(), html! { (count(value)) });
    let finding = |name: &str, finding: &Finding| (name.to_owned(), found(finding));
    let missing =
        if verification.waiting.is_some() { "accepted and not stored yet" } else { "accepted and missing" };
    vec![
        row("accepted, repeated ones included", verification.receipts.accepted),
        row("of them by receipts stored", verification.receipts.settled.stored),
        row("of them by receipts duplicates", verification.receipts.settled.duplicates),
        row("of them by receipts dead letters", verification.receipts.settled.dead_lettered),
        row("different events accepted", verification.accepted),
        row("different events found", verification.stored),
        row("doubtful ones among them", verification.doubtful),
        row("different events that are dead letters", verification.dead_lettered),
        ("reason of the first".to_owned(), html! { (verification.dead_letter.as_deref().unwrap_or("–")) }),
        finding("good and refused", &verification.refused_good),
        finding("poison and accepted", &verification.accepted_poison),
        finding(missing, &verification.missing),
        finding("stored and dead letters, too", &verification.dead_and_stored),
        finding("dead letters and never sent", &verification.dead_unsent),
        finding("stored twice", &verification.twice),
        finding("stored and never sent", &verification.unsent),
        finding("with other campaigns", &verification.mislabelled),
        row("triggers expected", verification.triggers_expected),
        row("triggers found", verification.triggers_found),
        finding("triggers of events never sent", &verification.stray_triggers),
        row("campaigns that differ", verification.campaigns.len() as u64),
    ]
}

fn found(finding: &Finding) -> Markup {
    html! {
        @if finding.count == 0 {
            "0"
        } @else {
            strong.wrong { (count(finding.count)) }
            @for example in &finding.examples { " " code { (example) } }
        }
    }
}
