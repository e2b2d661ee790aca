//! The key figures of a report, each on a tile.

use maud::{Markup, html};

use super::tables::count;
use super::unit::Unit;
use crate::report::{Report, per_second};

/// All tiles.
pub(super) fn tiles(report: &Report) -> Markup {
    let Report { sending, latency, storing, peaks, .. } = report;
    let milliseconds = |value: f64| {
        if latency.requests == 0 { "–".to_owned() } else { Unit::Milliseconds.full(value) }
    };
    let queued = peaks.queued.map(|queued| format!("at most {} in Redis", count(queued)));
    html! {
        div.tiles {
            (offered(report))
            (tile("Accepted", &Unit::Rate.full(sending.accepted_per_second), &html! {
                (count(sending.accepted)) " events in " (Unit::Seconds.full(sending.seconds))
                br; "peak " (Unit::Rate.full(peaks.accepted_per_second))
            }))
            (tile("Stored", &Unit::Rate.full(storing.stored_per_second), &html! {
                (count(storing.stored)) " rows in " (Unit::Seconds.full(storing.seconds))
                br; "peak " (Unit::Rate.full(peaks.stored_per_second))
            }))
            (tile("Latency p50", &milliseconds(latency.p50), &html! { "mean " (milliseconds(latency.mean)) }))
            (tile("Latency p99", &milliseconds(latency.p99), &html! { "p90 " (milliseconds(latency.p90)) }))
            (tile("Latency p99.9", &milliseconds(latency.p99_9), &html! { "slowest " (milliseconds(latency.max)) }))
            (tile("Most in flight", &count(peaks.in_flight), &html! { (queued.as_deref().unwrap_or("accepted, not settled")) }))
            (tile("Drained in", &Unit::Seconds.full(storing.drain_seconds), &html! { "after the last answer" }))
            (verified(report))
            (tile("Told to wait", &count(busy(report)), &html! {
                "answers 429 and 503" br; (count(sending.failures)) " without an answer"
            }))
        }
    }
}

fn offered(report: &Report) -> Markup {
    let (settings, sending) = (&report.settings, &report.sending);
    let rates = report.samples.iter().filter_map(|sample| sample.offered_per_second);
    let most = rates.reduce(f64::max);
    match (most, sending.offered, sending.left_over()) {
        (Some(most), Some(all), Some(left)) => tile(
            if most > per_second(all, sending.seconds) * 1.1 { "Offered at most" } else { "Offered" },
            &Unit::Rate.full(most),
            &html! {
                (count(all)) " events"
                br; (count(left)) " not answered"
            },
        ),
        _ => tile(
            "Offered",
            "Closed loop",
            &html! {
                (settings.connections) " connections"
                br; (settings.batch) " events a request"
            },
        ),
    }
}

fn busy(report: &Report) -> u64 {
    [429, 503].iter().filter_map(|status| report.sending.answers.get(status)).sum()
}

fn verified(report: &Report) -> Markup {
    match report.verification() {
        Some(verification) => tile(
            "Events compared",
            &count(verification.accepted),
            &html! {
                (count(verification.missing.count)) (if verification.waiting.is_some() { " not stored yet, " } else { " missing, " }) (count(verification.twice.count)) " twice"
                br; (count(verification.triggers_found)) " triggers"
            },
        ),
        None => tile("Events compared", "–", &html! { "the rows could not be read" }),
    }
}

fn tile(name: &str, figure: &str, more: &Markup) -> Markup {
    html! {
        div.tile {
            p.name { (name) }
            p.figure { (figure) }
            p.more { (more) }
        }
    }
}
