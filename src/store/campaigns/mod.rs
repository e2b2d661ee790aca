//! Campaigns in Postgres.
//!
//! The triggers of the schema do the rest of each write: they keep the version in the history, stamp the revision, and
//! notify the workers.

mod history;
mod requests;

use std::error::Error;

use tokio_postgres::types::{FromSql, ToSql, Type, accepts};
use tokio_postgres::{GenericClient, Row};

use super::{Pool, StoreError};
use crate::campaign::{Campaign, CampaignId, Definition, Status};
use crate::ops::metrics::{PostgresOperation, timed};

pub use history::{version_at, versions};
pub use requests::{Creation, Request, create_once};

const COLUMNS: &str =
    "id, version, name, description, status, rules::text, starts_at, ends_at, created_at, updated_at";

/// Which campaigns are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those of this status.
    pub status: Option<Status>,
    /// Only those with this text in their name or description, in capitals or not.
    pub text: Option<String>,
    /// Only those with smaller ids.
    pub before: Option<CampaignId>,
}

/// Creates a campaign, as its first version.
pub async fn create(
    pool: &Pool,
    definition: &Definition,
    author: Option<&str>,
) -> Result<Campaign, StoreError> {
    let client = pool.get().await?;
    timed(PostgresOperation::Write, insert(&**client, definition, author)).await
}

async fn insert(
    client: &impl GenericClient,
    definition: &Definition,
    author: Option<&str>,
) -> Result<Campaign, StoreError> {
    let sql = format!(
        "insert into campaigns (version, name, description, status, rules, starts_at, ends_at, author)
        values (1, $1, $2, $3, $4::json, $5, $6, $7) returning {COLUMNS}"
    );
    let status = definition.status.name();
    let row = client.query_typed_one(&sql, &parameters(definition, &status, &author)).await?;
    Ok(campaign(&row)?)
}

/// The campaign in its current version.
pub async fn find(pool: &Pool, id: CampaignId) -> Result<Option<Campaign>, StoreError> {
    let sql = format!("select {COLUMNS} from campaigns where id = $1");
    let row = pool.row(PostgresOperation::Read, &sql, &[(&id.0, Type::INT8)]).await?;
    Ok(row.as_ref().map(campaign).transpose()?)
}

/// At most `limit` campaigns, the newest first.
pub async fn list(pool: &Pool, filter: &Filter, limit: u16) -> Result<Vec<Campaign>, StoreError> {
    // strpos takes every character as it is. A collation of ICU, since the database's own may know ASCII's capitals only.
    let sql = format!(
        r#"select {COLUMNS} from campaigns
        where ($1::text is null or status = $1) and ($2::bigint is null or id < $2)
            and ($3::text is null or strpos(lower(name collate "und-x-icu"), lower($3 collate "und-x-icu")) > 0
                or strpos(lower(description collate "und-x-icu"), lower($3 collate "und-x-icu")) > 0)
        order by id desc limit $4"#
    );
    let parameters: [(&(dyn ToSql + Sync), Type); 4] = [
        (&filter.status.map(Status::name), Type::TEXT),
        (&filter.before.map(|id| id.0), Type::INT8),
        (&filter.text, Type::TEXT),
        (&i64::from(limit), Type::INT8),
    ];
    let rows = pool.rows(PostgresOperation::Read, &sql, &parameters).await?;
    Ok(rows.iter().map(campaign).collect::<Result<_, _>>()?)
}

/// Makes the campaign's next version; `None` when it is no longer in `version`.
pub async fn change(
    pool: &Pool,
    id: CampaignId,
    version: i32,
    definition: &Definition,
    author: Option<&str>,
) -> Result<Option<Campaign>, StoreError> {
    let sql = format!(
        "update campaigns set version = version + 1, updated_at = now(), name = $1, description = $2, status = $3,
            rules = $4::json, starts_at = $5, ends_at = $6, author = $7
        where id = $8 and version = $9 returning {COLUMNS}"
    );
    let status = definition.status.name();
    let mut parameters = parameters(definition, &status, &author).to_vec();
    parameters.extend([(&id.0 as &(dyn ToSql + Sync), Type::INT8), (&version, Type::INT4)]);
    let row = pool.row(PostgresOperation::Write, &sql, &parameters).await?;
    Ok(row.as_ref().map(campaign).transpose()?)
}

/// `$1` to `$7` of what writes a campaign.
fn parameters<'a>(
    definition: &'a Definition,
    status: &'a &str,
    author: &'a (dyn ToSql + Sync),
) -> [(&'a (dyn ToSql + Sync), Type); 7] {
    [
        (&definition.name, Type::TEXT),
        (&definition.description, Type::TEXT),
        (status, Type::TEXT),
        (&definition.rules, Type::TEXT),
        (&definition.starts_at, Type::TIMESTAMPTZ),
        (&definition.ends_at, Type::TIMESTAMPTZ),
        (author, Type::TEXT),
    ]
}

fn campaign(row: &Row) -> Result<Campaign, tokio_postgres::Error> {
    Ok(Campaign {
        id: CampaignId(row.try_get(0)?),
        version: row.try_get(1)?,
        definition: definition(row, 2)?,
        created_at: row.try_get(8)?,
        updated_at: row.try_get(9)?,
    })
}

/// The definition that begins with the column `first`.
fn definition(row: &Row, first: usize) -> Result<Definition, tokio_postgres::Error> {
    Ok(Definition {
        name: row.try_get(first)?,
        description: row.try_get(first + 1)?,
        status: row.try_get(first + 2)?,
        rules: row.try_get(first + 3)?,
        starts_at: row.try_get(first + 4)?,
        ends_at: row.try_get(first + 5)?,
    })
}

impl<'a> FromSql<'a> for Status {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(<&str>::from_sql(kind, raw)?.parse()?)
    }

    accepts!(TEXT);
}
