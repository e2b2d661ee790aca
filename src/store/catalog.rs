//! What a worker reads of campaigns: their changes since it last looked.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_postgres::AsyncMessage;

use super::{Pool, StoreError};
use crate::config::DatabaseUrl;
use crate::ops::metrics::PostgresOperation;

/// What the triggers of the table `campaigns` notify.
const CHANNEL: &str = "campaigns_changed";

/// A campaign as it is after a change.
#[derive(Clone, Debug)]
pub struct CampaignChange {
    /// Which campaign.
    pub id: i64,
    /// Its version now.
    pub version: i32,
    /// Grows with each change of any campaign, in the order of the commits.
    pub revision: i64,
    /// From when on it runs.
    pub starts_at: Option<Timestamp>,
    /// Until when it runs.
    pub ends_at: Option<Timestamp>,
    /// Its rules as JSON text; `None` where it is not active.
    pub rules: Option<String>,
}

/// The campaigns that changed after `revision`; at revision 0, those that are active. Postgres may take `limit` to answer.
pub async fn campaign_changes_since(
    pool: &Pool,
    revision: i64,
    limit: Duration,
) -> Result<Vec<CampaignChange>, StoreError> {
    const SELECT: &str = "select id, version, revision, starts_at, ends_at,
            case when status = 'active' then rules::text end
        from campaigns where revision > $1 and ($1 > 0 or status = 'active')";
    let rows = super::within(limit, pool, PostgresOperation::Campaigns, async |client| {
        Ok(client.query(SELECT, &[&revision]).await?)
    })
    .await?;
    Ok(rows
        .iter()
        .map(|row| CampaignChange {
            id: row.get(0),
            version: row.get(1),
            revision: row.get(2),
            starts_at: row.get(3),
            ends_at: row.get(4),
            rules: row.get(5),
        })
        .collect())
}

/// Listens for changes of campaigns and passes them on; connects again, after `pause`, whenever the connection ends.
pub async fn listen_for_changes(url: DatabaseUrl, pause: Duration, changed: Arc<Notify>) {
    loop {
        if let Err(error) = listen_once(&url, pause, &changed).await {
            tracing::warn!(%error, "not listening for changed campaigns; the poll finds them meanwhile");
        }
        tokio::time::sleep(pause).await;
    }
}

async fn listen_once(url: &DatabaseUrl, timeout: Duration, changed: &Arc<Notify>) -> Result<(), StoreError> {
    let (client, mut connection) = super::Database::at(url, timeout)?.connect().await?;
    let told = Arc::clone(changed);
    let mut messages = futures_util::stream::poll_fn(move |context| connection.poll_message(context));
    let pump = async move {
        while let Some(message) = messages.next().await {
            if let AsyncMessage::Notification(_) = message? {
                told.notify_one();
            }
        }
        Ok(())
    };
    let listen = async {
        client.batch_execute(&format!("listen {CHANNEL}")).await?;
        // What changed before the listening began was not told.
        changed.notify_one();
        std::future::pending().await
    };
    // The pump ends when the connection does; the client must live until then.
    tokio::select! {
        ended = pump => ended,
        failed = listen => failed,
    }
}
