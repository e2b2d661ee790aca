//! Every version that a campaign ever had.

use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::definition;
use crate::campaign::{CampaignId, Version};
use crate::ops::metrics::PostgresOperation;
use crate::store::{Pool, StoreError};

pub(super) const COLUMNS: &str =
    "version, name, description, status, rules::text, starts_at, ends_at, created_at, author";

/// At most `limit` versions of a campaign, the newest first, of those before `before` if that is given.
pub async fn versions(
    pool: &Pool,
    id: CampaignId,
    before: Option<i32>,
    limit: u16,
) -> Result<Vec<Version>, StoreError> {
    let sql = format!(
        "select {COLUMNS} from campaign_versions where campaign_id = $1 and ($2::integer is null or version < $2)
        order by version desc limit $3"
    );
    let parameters: [(&(dyn ToSql + Sync), Type); 3] =
        [(&id.0, Type::INT8), (&before, Type::INT4), (&i64::from(limit), Type::INT8)];
    let rows = pool.rows(PostgresOperation::Read, &sql, &parameters).await?;
    Ok(rows.iter().map(version).collect::<Result<_, _>>()?)
}

/// The version that a campaign had at that moment; `None` before its first.
pub async fn version_at(
    pool: &Pool,
    id: CampaignId,
    moment: Timestamp,
) -> Result<Option<Version>, StoreError> {
    let sql = format!(
        "select {COLUMNS} from campaign_versions where campaign_id = $1 and created_at <= $2
        order by version desc limit 1"
    );
    let parameters: [(&(dyn ToSql + Sync), Type); 2] = [(&id.0, Type::INT8), (&moment, Type::TIMESTAMPTZ)];
    let row = pool.row(PostgresOperation::Read, &sql, &parameters).await?;
    Ok(row.as_ref().map(version).transpose()?)
}

pub(super) fn version(row: &Row) -> Result<Version, tokio_postgres::Error> {
    Ok(Version {
        number: row.try_get(0)?,
        definition: definition(row, 1)?,
        created_at: row.try_get(7)?,
        author: row.try_get(8)?,
    })
}
