//! `/ledger`: what was accepted against what became of it.

use hyper::StatusCode;

use super::parameters::{Parameters, whole};
use super::{Answer, Problem, json};
use crate::ledger;
use crate::queue::{Pool, Shards};

const MAX_DAYS: u16 = 366;
const DEFAULT_DAYS: u16 = 7;

/// `GET /ledger?days=`, today being one of the days.
pub async fn read(
    redis: &Pool,
    postgres: &crate::store::Pool,
    shards: Shards,
    query: Option<&str>,
) -> Result<Answer, Problem> {
    let wanted = format!("a number from 1 to {MAX_DAYS}");
    let days = Parameters::read(query, &["days"])?.take("days", &wanted, |text| {
        whole(text)?.try_into().ok().filter(|days| (1..=MAX_DAYS).contains(days))
    })?;
    let ledger = ledger::read(redis, postgres, shards, days.unwrap_or(DEFAULT_DAYS)).await?;
    Ok(json(StatusCode::OK, &ledger))
}
