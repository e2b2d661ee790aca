//! Requests to create a campaign that may be sent again: each creates one at most.
//!
//! Invariants: the key of a request is kept in the transaction that creates its campaign; of requests with one key at the
//! same time, one is at work and the others are turned away; a key is forgotten after [`KEPT`], by whoever creates
//! something later, a bounded number at a time.

use deadpool_postgres::Transaction;
use sha2::{Digest, Sha256};
use tokio_postgres::types::Type;

use super::history::{COLUMNS, version};
use super::insert;
use crate::campaign::{Campaign, CampaignId, Definition, Version};
use crate::ops::metrics::{PostgresOperation, timed};
use crate::store::{Lent, Pool, StoreError};

/// For how long a key is kept.
const KEPT: &str = "24 h";

/// A request to create a campaign, as its sender names it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Whose it is: the number of an API key; 0 where anybody may call.
    pub caller: i64,
    /// The sender's name for it.
    pub key: &'a str,
    /// SHA-256 of what is asked for.
    pub fingerprint: [u8; 32],
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Creation {
    /// It created this campaign.
    Created(Campaign),
    /// An earlier one with the same key had created this campaign, which is shown as it was then.
    Repeated(Campaign),
    /// An earlier one with the same key asked for something else.
    Differs,
    /// One with the same key is at work.
    InProgress,
}

/// Creates a campaign, unless the request was carried out before.
pub async fn create_once(
    pool: &Pool,
    request: Request<'_>,
    definition: &Definition,
    author: Option<&str>,
) -> Result<Creation, StoreError> {
    let mut client = pool.get().await?;
    timed(PostgresOperation::Write, create_on(&mut client, request, definition, author)).await
}

async fn create_on(
    client: &mut Lent,
    request: Request<'_>,
    definition: &Definition,
    author: Option<&str>,
) -> Result<Creation, StoreError> {
    let transaction = client.transaction().await?;
    if !lock(&transaction, request).await? {
        return Ok(Creation::InProgress);
    }
    if let Some((campaign, fingerprint)) = earlier(&transaction, request).await? {
        let same = fingerprint == request.fingerprint;
        return Ok(if same { Creation::Repeated(campaign) } else { Creation::Differs });
    }
    let campaign = insert(&*transaction, definition, author).await?;
    keep(&transaction, request, campaign.id).await?;
    forget_expired(&transaction).await?;
    transaction.commit().await?;
    Ok(Creation::Created(campaign))
}

/// Takes the key for this transaction, unless another has it.
async fn lock(transaction: &Transaction<'_>, request: Request<'_>) -> Result<bool, StoreError> {
    let digest = Sha256::new()
        .chain_update("idempotency")
        .chain_update(request.caller.to_be_bytes())
        .chain_update(request.key)
        .finalize();
    let number = i64::from_be_bytes(*digest.first_chunk().expect("it is 32 bytes long"));
    let sql = "select pg_try_advisory_xact_lock($1)";
    Ok(transaction.query_typed_one(sql, &[(&number, Type::INT8)]).await?.try_get(0)?)
}

/// What an earlier request with this key created, as it was then, and its fingerprint.
async fn earlier(
    transaction: &Transaction<'_>,
    request: Request<'_>,
) -> Result<Option<(Campaign, Vec<u8>)>, StoreError> {
    let sql = format!(
        "select {COLUMNS}, campaign_id, fingerprint from campaign_versions join (
            select campaign_id, fingerprint from idempotency_keys
            where caller = $1 and key = $2 and created_at > now() - interval '{KEPT}'
        ) as earlier using (campaign_id) where version = 1"
    );
    let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
        [(&request.caller, Type::INT8), (&request.key, Type::TEXT)];
    let Some(row) = transaction.query_typed_opt(&sql, &parameters).await? else { return Ok(None) };
    let Version { number, definition, created_at, .. } = version(&row)?;
    let id = CampaignId(row.try_get(9)?);
    let campaign = Campaign { id, version: number, definition, created_at, updated_at: created_at };
    Ok(Some((campaign, row.try_get(10)?)))
}

async fn keep(
    transaction: &Transaction<'_>,
    request: Request<'_>,
    campaign_id: CampaignId,
) -> Result<(), StoreError> {
    // There may be an expired one.
    let sql = "insert into idempotency_keys (caller, key, fingerprint, campaign_id) values ($1, $2, $3, $4)
        on conflict (caller, key) do update set fingerprint = excluded.fingerprint,
            campaign_id = excluded.campaign_id, created_at = excluded.created_at";
    transaction
        .execute_typed(
            sql,
            &[
                (&request.caller, Type::INT8),
                (&request.key, Type::TEXT),
                (&request.fingerprint.as_slice(), Type::BYTEA),
                (&campaign_id.0, Type::INT8),
            ],
        )
        .await?;
    Ok(())
}

/// Removes some of the keys that have been kept for long enough: more than are added.
async fn forget_expired(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    let sql = format!(
        "delete from idempotency_keys where (caller, key) in (
            select caller, key from idempotency_keys where created_at <= now() - interval '{KEPT}'
            order by created_at limit 100 for update skip locked)"
    );
    transaction.execute_typed(&sql, &[]).await?;
    Ok(())
}
