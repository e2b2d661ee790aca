//! Campaigns in Postgres.
//!
//! The triggers of the schema do the rest of each write: they keep the version in the history, stamp the revision, and
//! notify the workers.

use std::error::Error;

use deadpool_postgres::Pool;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type, accepts};

use super::StoreError;
use crate::campaign::{Campaign, CampaignId, Definition, Status};

const COLUMNS: &str =
    "id, version, name, description, status, rules::text, starts_at, ends_at, created_at, updated_at";

/// Creates a campaign, as its first version.
pub async fn create(pool: &Pool, definition: &Definition) -> Result<Campaign, StoreError> {
    let sql = format!(
        "insert into campaigns (version, name, description, status, rules, starts_at, ends_at)
        values (1, $1, $2, $3, $4::json, $5, $6) returning {COLUMNS}"
    );
    let row = pool
        .get()
        .await?
        .query_typed_one(
            &sql,
            &[
                (&definition.name, Type::TEXT),
                (&definition.description, Type::TEXT),
                (&definition.status.name(), Type::TEXT),
                (&definition.rules, Type::TEXT),
                (&definition.starts_at, Type::TIMESTAMPTZ),
                (&definition.ends_at, Type::TIMESTAMPTZ),
            ],
        )
        .await?;
    Ok(campaign(&row)?)
}

/// The campaign in its current version.
pub async fn find(pool: &Pool, id: CampaignId) -> Result<Option<Campaign>, StoreError> {
    let sql = format!("select {COLUMNS} from campaigns where id = $1");
    let row = pool.get().await?.query_typed_opt(&sql, &[(&id.0, Type::INT8)]).await?;
    Ok(row.as_ref().map(campaign).transpose()?)
}

/// At most `limit` campaigns, the newest first, of one status or of all, below `before` if that is given.
pub async fn list(
    pool: &Pool,
    status: Option<Status>,
    before: Option<CampaignId>,
    limit: u16,
) -> Result<Vec<Campaign>, StoreError> {
    let sql = format!(
        "select {COLUMNS} from campaigns
        where ($1::text is null or status = $1) and ($2::bigint is null or id < $2)
        order by id desc limit $3"
    );
    let rows = pool
        .get()
        .await?
        .query_typed(
            &sql,
            &[
                (&status.map(Status::name), Type::TEXT),
                (&before.map(|id| id.0), Type::INT8),
                (&i64::from(limit), Type::INT8),
            ],
        )
        .await?;
    Ok(rows.iter().map(campaign).collect::<Result<_, _>>()?)
}

/// Gives the campaign another status, as its next version; `None` when it is no longer in the version given.
pub async fn change_status(
    pool: &Pool,
    id: CampaignId,
    version: i32,
    status: Status,
) -> Result<Option<Campaign>, StoreError> {
    let sql = format!(
        "update campaigns set status = $1, version = version + 1, updated_at = now()
        where id = $2 and version = $3 returning {COLUMNS}"
    );
    let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 3] =
        [(&status.name(), Type::TEXT), (&id.0, Type::INT8), (&version, Type::INT4)];
    let row = pool.get().await?.query_typed_opt(&sql, &parameters).await?;
    Ok(row.as_ref().map(campaign).transpose()?)
}

fn campaign(row: &Row) -> Result<Campaign, tokio_postgres::Error> {
    Ok(Campaign {
        id: CampaignId(row.try_get(0)?),
        version: row.try_get(1)?,
        definition: Definition {
            name: row.try_get(2)?,
            description: row.try_get(3)?,
            status: row.try_get(4)?,
            rules: row.try_get(5)?,
            starts_at: row.try_get(6)?,
            ends_at: row.try_get(7)?,
        },
        created_at: row.try_get(8)?,
        updated_at: row.try_get(9)?,
    })
}

impl<'a> FromSql<'a> for Status {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(<&str>::from_sql(kind, raw)?.parse()?)
    }

    accepts!(TEXT);
}
