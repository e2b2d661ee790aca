//! What is reported from beside the hot path: the catalog, the ledger, partitions.

use std::time::Duration;

use super::exporter::handles;
use super::float;
use super::label::{LedgerDay, LedgerEntry};
use crate::campaign::Catalog;
use crate::ledger::Day;

/// The ledger of a day; nothing where nothing happened.
#[expect(clippy::cast_precision_loss, reason = "far fewer events than a double is exact for")]
pub fn ledger(day: LedgerDay, ledger: Option<&Day>) {
    let set = |entry, events: f64| handles().ledger_events.of((day, entry)).set(events);
    let count = |of: fn(&Day) -> u64| ledger.map_or(0.0, |ledger| float(of(ledger)));
    set(LedgerEntry::Accepted, count(|day| day.accepted));
    set(LedgerEntry::Stored, count(|day| day.stored));
    set(LedgerEntry::Duplicate, count(|day| day.duplicate));
    set(LedgerEntry::DeadLettered, count(|day| day.dead_lettered));
    set(LedgerEntry::Reported, count(|day| day.reported));
    set(LedgerEntry::Lost, count(|day| day.lost));
    set(LedgerEntry::InFlight, ledger.map_or(0.0, |ledger| ledger.in_flight as f64));
}

/// Events that were acknowledged, and that Postgres was not told of yet.
pub fn ledger_unreported(events: u64) {
    handles().ledger_unreported_events.set(float(events));
}

/// A catalog that was swapped in.
pub fn catalog_compiled(catalog: &Catalog, took: Duration) {
    let handles = handles();
    handles.catalog_revision.set(float(catalog.revision()));
    handles.catalog_campaigns.set(float(catalog.len()));
    handles.catalog_predicates.set(float(catalog.predicates()));
    handles.catalog_bytes.set(float(catalog.bytes()));
    handles.catalog_compile_seconds.record(took);
}

/// A change of campaigns that could not be taken over.
pub fn catalog_failed() {
    handles().catalog_failures_total.increment(1);
}

/// Partitions that are due to be sealed.
pub fn partitions_unsealed(partitions: usize) {
    handles().partitions_unsealed.set(float(partitions));
}

/// A partition that was sealed.
pub fn partition_sealed(took: Duration, duplicate_ids: u64) {
    handles().partitions_sealed_total.increment(1);
    handles().partition_seal_seconds.record(took);
    handles().duplicate_ids_total.increment(duplicate_ids);
}
