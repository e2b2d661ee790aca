//! For which events the rules of campaigns were too dear: how many, and the last one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::types::Type;

use super::{Pool, StoreError};
use crate::campaign::CampaignId;
use crate::ops::metrics::PostgresOperation;

/// The events for which a campaign was set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SetAside {
    /// The campaign.
    #[serde(skip)]
    pub campaign_id: i64,
    /// How many.
    pub events: i64,
    /// When the last of them was received.
    pub last_received_at: Timestamp,
    /// Its id.
    pub last_event_id: String,
    /// Its user.
    pub last_user_id: String,
}

/// Adds events to those that are known. Returns the names of the campaigns.
pub async fn add(pool: &Pool, set_asides: &[SetAside]) -> Result<BTreeMap<i64, String>, StoreError> {
    // In the order of the ids, so that two workers wait for one another in the same order.
    const SQL: &str = "insert into set_asides as known
            (campaign_id, events, last_received_at, last_event_id, last_user_id)
        select * from unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[])
            as added (campaign_id, events, last_received_at, last_event_id, last_user_id)
        order by campaign_id
        on conflict (campaign_id) do update set
            events = known.events + excluded.events, last_received_at = excluded.last_received_at,
            last_event_id = excluded.last_event_id, last_user_id = excluded.last_user_id
        returning campaign_id, (select name from campaigns where id = known.campaign_id)";
    let column = |of: fn(&SetAside) -> i64| set_asides.iter().map(of).collect::<Vec<_>>();
    let (ids, events) = (column(|one| one.campaign_id), column(|one| one.events));
    let times: Vec<_> = set_asides.iter().map(|one| one.last_received_at).collect();
    let event_ids: Vec<_> = set_asides.iter().map(|one| one.last_event_id.as_str()).collect();
    let users: Vec<_> = set_asides.iter().map(|one| one.last_user_id.as_str()).collect();
    let rows = pool
        .rows(
            PostgresOperation::Write,
            SQL,
            &[
                (&ids, Type::INT8_ARRAY),
                (&events, Type::INT8_ARRAY),
                (&times, Type::TIMESTAMPTZ_ARRAY),
                (&event_ids, Type::TEXT_ARRAY),
                (&users, Type::TEXT_ARRAY),
            ],
        )
        .await?;
    let named = rows.iter().filter_map(|row| Some((row.get(0), row.get::<_, Option<String>>(1)?)));
    Ok(named.collect())
}

/// The events for which a campaign was set aside; `None` if there are none.
pub async fn find(pool: &Pool, campaign: CampaignId) -> Result<Option<SetAside>, StoreError> {
    const SQL: &str = "select campaign_id, events, last_received_at, last_event_id, last_user_id
        from set_asides where campaign_id = $1";
    let row = pool.row(PostgresOperation::Read, SQL, &[(&campaign.0, Type::INT8)]).await?;
    Ok(row.map(|row| SetAside {
        campaign_id: row.get(0),
        events: row.get(1),
        last_received_at: row.get(2),
        last_event_id: row.get(3),
        last_user_id: row.get(4),
    }))
}
