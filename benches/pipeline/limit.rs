//! The limit: bare binary `COPY` of the rows that the pipeline writes.

use bytes::Bytes;
use campaign_manager::campaign::{ActiveCampaign, Catalog, Scratch, Triggered};
use campaign_manager::event::Parser;
use campaign_manager::store::{CopyRows, Rows};
use futures_util::SinkExt as _;
use jiff::Timestamp;

use crate::costs::{Meter, Spent};
use crate::system::System;
use crate::workload::{Event, Workload};

/// Rows of one transaction.
const CHUNK: usize = 5_000;

/// Encoded rows, a transaction each.
pub(crate) struct Chunks(Vec<Chunk>);

struct Chunk {
    events: Bytes,
    triggers: Bytes,
}

impl Chunks {
    /// Matches and encodes; none of this is timed.
    pub(crate) fn encode(workload: &Workload, campaigns: &[i64]) -> Self {
        let active = campaigns.iter().zip(&workload.rules).map(|(id, rule)| {
            let campaign = ActiveCampaign::read(*id, 1, None, None, &rule.to_string());
            (*id, campaign.expect("the rules are well-formed").into())
        });
        let catalog = Catalog::compile(1, &active.collect());
        let (mut parser, mut scratch, now) = (Parser::new(64), Scratch::default(), Timestamp::now());
        let mut triggered = |event: &Event| -> Vec<Triggered> {
            let parsed = parser.parse(event.json.as_bytes(), |document| {
                catalog.triggered(&document, now, &mut scratch).collect()
            });
            parsed.expect("the events are well-formed")
        };
        Self(workload.events.chunks(CHUNK).map(|events| Chunk::encode(events, now, &mut triggered)).collect())
    }

    /// Copies all of it over one connection.
    pub(crate) async fn copy(&self, system: &System) -> anyhow::Result<Spent> {
        let mut client = system.postgres.get().await?;
        let meter = Meter::start()?;
        for chunk in &self.0 {
            let transaction = client.transaction().await?;
            for (table, columns, rows) in [
                ("events", Rows::EVENT_COLUMNS, &chunk.events),
                ("triggers", Rows::TRIGGER_COLUMNS, &chunk.triggers),
            ] {
                let sink =
                    transaction.copy_in(&format!("copy {table} ({columns}) from stdin binary")).await?;
                let mut sink = std::pin::pin!(sink);
                sink.send(rows.clone()).await?;
                sink.finish().await?;
            }
            transaction.commit().await?;
        }
        meter.stop()
    }
}

impl Chunk {
    fn encode(
        events: &[Event],
        now: Timestamp,
        triggered: &mut impl FnMut(&Event) -> Vec<Triggered>,
    ) -> Self {
        let (mut rows, mut triggers) = (CopyRows::with_capacity(0), CopyRows::with_capacity(0));
        for event in events {
            let campaigns = triggered(event);
            rows.row(8).bytes(event.id.as_bytes()).bytes(event.user.as_bytes()).bytes(event.kind.as_bytes());
            rows.timestamp(now).int8_array(campaigns.iter().map(|campaign| campaign.campaign_id));
            rows.bytes(event.json.as_bytes()).optional_int8(None).bool(false);
            for campaign in campaigns {
                triggers.row(6).int8(campaign.campaign_id).int4(campaign.version);
                triggers.bytes(event.id.as_bytes()).bytes(event.user.as_bytes()).timestamp(now).bool(false);
            }
        }
        Self { events: rows.finish().into(), triggers: triggers.finish().into() }
    }
}
