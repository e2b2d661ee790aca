//! Rows that were stored before.

use std::time::Instant;

use campaign_manager::store::partitions::Summaries;

use crate::variation::Variation;

/// Makes the hot partition hold so many rows, with their triggers: those of one run, again and again.
pub(crate) async fn fill(grown: &mut Variation, rows: usize) -> anyhow::Result<()> {
    let Variation { system, workload, .. } = grown;
    let started = Instant::now();
    system.empty().await?;
    system.activate(workload).await?;
    let since = system.fill_queue(workload).await?;
    system.drain(workload, since).await?;
    let times = i64::try_from(rows / workload.events.len())?;
    let client = system.postgres.get().await?;
    for again in [
        "insert into triggers select campaign_id, campaign_version, event_id || '-' || n, user_id, received_at
            from generate_series(2, $1::bigint) n, triggers",
        "insert into events select event_id || '-' || n, user_id, event_type, received_at, campaign_ids, payload
            from generate_series(2, $1::bigint) n, events",
    ] {
        client.execute(again, &[&times]).await?;
    }
    client.batch_execute("vacuum (analyze) events, triggers").await?;
    Summaries::default().refresh(&system.postgres, 0).await?;
    println!("{rows} rows in {:.0?}", started.elapsed());
    Ok(())
}
