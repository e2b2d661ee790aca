//! How long the API's searches take on many rows, which indexes serve them, and what those cost on insert.
//!
//! `ROWS` events (10 million unless the environment says otherwise) of a million users lie in one hot partition, which
//! has the BRIN indexes only and holds two fifths of them, and in three sealed ones. Each search is sent `RUNS` times
//! over HTTP, each time for another user, event or time; the indexes are those that Postgres counted scans of meanwhile.

#![expect(clippy::print_stdout, reason = "it reports to a person")]

#[path = "../figures/mod.rs"]
mod figures;
mod filling;
mod inserting;
mod searches;
mod system;

use campaign_manager::embedded::{Profile, RedisSettings, Stores};
use figures::size;
use serde_json::json;
use system::System;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (rows, runs) = (size("ROWS", 10_000_000), size("RUNS", 20));
    let folder = tempfile::tempdir()?;
    let stores = Stores::start(folder.path(), Profile::Durable(RedisSettings::default())).await?;
    let system = System::prepare(&stores).await?;
    let filled = filling::fill(&system, rows).await?;
    let searches = searches::measure(&system, &filled, runs).await?;
    let inserts = inserting::measure(&system).await?;
    stores.stop().await;
    figures::keep("queries", json!({"rows": rows, "searches": searches, "inserts": inserts}))
}
