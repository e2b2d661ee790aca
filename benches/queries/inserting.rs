//! What the indexes cost on insert: `COPY` of the same rows into tables with and without them.

use std::pin::pin;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt as _, TryStreamExt as _};
use serde_json::Value;
use tokio_postgres::Client;

use crate::figures::Figure;
use crate::system::System;

const ROWS: usize = 500_000;
const ROUNDS: usize = 5;
/// What a table has beside its rows.
const VARIANTS: [(&str, &str); 4] = [
    ("no index", ""),
    (
        "BRIN, as here",
        "create index on copied using brin (received_at, event_id text_bloom_ops, user_id text_bloom_ops) with (pages_per_range = 64)",
    ),
    (
        "btree on event_id and on (user_id, received_at)",
        "create index on copied (event_id); create index on copied (user_id, received_at)",
    ),
    (
        "the same and GIN on campaign_ids",
        "create index on copied (event_id); create index on copied (user_id, received_at);
        create index on copied using gin (campaign_ids)",
    ),
];

/// Measures each variant, interleaved.
pub(crate) async fn measure(system: &System) -> anyhow::Result<Vec<Value>> {
    let client = system.postgres.get().await?;
    let rows = client.copy_out(&format!("copy (select * from events limit {ROWS}) to stdout binary")).await?;
    let rows: Bytes = rows.try_collect::<BytesMut>().await?.freeze();
    let mut figures = VARIANTS.map(|(name, _)| Figure::new(name));
    for _ in 0..ROUNDS {
        for ((_, indexes), figure) in VARIANTS.iter().zip(&mut figures) {
            client
                .batch_execute(&format!(
                    "drop table if exists copied; create table copied (like events); {indexes}; checkpoint"
                ))
                .await?;
            figure.add(ROWS, copy(&client, &rows).await?);
        }
    }
    for figure in &figures {
        let of_none = figure.of(&figures[0]).median();
        println!("COPY, {:<48} {:>9.0} rows/s  {of_none:.2} of none", figure.name, figure.median());
    }
    Ok(figures.iter().map(Figure::json).collect())
}

/// The time of one transaction.
async fn copy(client: &Client, rows: &Bytes) -> anyhow::Result<Duration> {
    let started = Instant::now();
    let mut sink = pin!(client.copy_in("copy copied from stdin binary").await?);
    for piece in rows.chunks(1 << 20) {
        sink.send(rows.slice_ref(piece)).await?;
    }
    sink.finish().await?;
    Ok(started.elapsed())
}
