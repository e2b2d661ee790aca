//! The ledger: every event that was accepted is stored, a duplicate, a dead letter, or still on its way.
//!
//! Redis counts what was accepted, Postgres' receipts tell what became of it. Neither knows of the other, so that a
//! difference between the two shows what either has lost. What Redis lost together with its count shows in what servers
//! report to Postgres.

mod balance;
mod reading;

pub use balance::{Day, Difference, InPostgres, Ledger, Outcomes, begin_of, day_of};
pub use reading::{LedgerError, at_rest, read};
