//! `/campaigns`: what is said of them, the steps of their lives, what triggered them, and trying them out.

mod definition;
mod explain;
mod idempotency;
mod list;
mod stats;
mod trial;
mod triggers;
mod versions;

use hyper::header::{ETAG, HeaderValue, LOCATION};
use hyper::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::parameters::whole;
use super::preconditions::{self, Preconditions, etag};
use super::{Answer, Caller, Kind, Problem, json};
use crate::campaign::{Campaign, CampaignId, Definition, Status, Step, WrongStep};
use crate::ops::clock;
use crate::rules::RuleError;
use crate::store::{Pool, campaigns};

pub use definition::Patch;
pub use explain::explain;
pub use idempotency::create;
pub use list::list;
pub use stats::stats;
pub use trial::{max_body, test, test_rules};
pub use triggers::triggers;
pub use versions::versions;

/// The largest body that describes a campaign, in bytes; the rule's own limit is 64 KiB.
pub const MAX_BODY: usize = 128 * 1024;

const MAX_PAGE: u16 = 200;
const DEFAULT_PAGE: u16 = 50;

/// A campaign in the API.
#[derive(Serialize)]
struct View<'a> {
    id: CampaignId,
    version: i32,
    #[serde(flatten)]
    definition: DefinitionView<'a>,
    created_at: Timestamp,
    updated_at: Timestamp,
    /// What its rule warns of, and whether it is over; left out of lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    warnings: Option<Vec<RuleError>>,
}

/// What its author says of a campaign, in the API.
#[derive(Serialize)]
struct DefinitionView<'a> {
    name: &'a str,
    description: &'a str,
    status: Status,
    rules: &'a RawValue,
    starts_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
}

/// `GET /campaigns/{id}`; `304` for who has this version already.
pub async fn read(pool: &Pool, headers: &HeaderMap, id: &str) -> Result<Answer, Problem> {
    let preconditions = Preconditions::read(headers)?;
    let campaign = find(pool, id).await?;
    preconditions.allow_reading(campaign.version)?;
    if preconditions.is_known(campaign.version) {
        let mut answer = Answer::default();
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        answer.headers_mut().extend(header(ETAG, &etag(campaign.version)));
        return Ok(answer);
    }
    Ok(shown(StatusCode::OK, &campaign))
}

/// `PATCH /campaigns/{id}`.
pub async fn change(
    pool: &Pool,
    caller: &Caller,
    headers: &HeaderMap,
    id: &str,
    patch: Patch<'_>,
) -> Result<Answer, Problem> {
    let preconditions = Preconditions::read(headers)?;
    let campaign = find(pool, id).await?;
    preconditions.allow(campaign.version)?;
    if campaign.definition.status == Status::Archived {
        let detail = "a campaign that is archived cannot be changed; create another one";
        return Err(Problem::new(Kind::Conflict, detail));
    }
    let definition = patch.apply(&campaign.definition)?;
    if definition == campaign.definition {
        return Ok(shown(StatusCode::OK, &campaign));
    }
    let changed = next_version(pool, caller, &preconditions, &campaign, &definition).await?;
    Ok(shown(StatusCode::OK, &changed))
}

/// `POST /campaigns/{id}/activate`, `/pause`, `/archive`.
pub async fn step(
    pool: &Pool,
    caller: &Caller,
    headers: &HeaderMap,
    id: &str,
    step: Step,
) -> Result<Answer, Problem> {
    let preconditions = Preconditions::read(headers)?;
    let campaign = find(pool, id).await?;
    preconditions.allow(campaign.version)?;
    let status = campaign.definition.status.after(step)?;
    let definition = Definition { status, ..campaign.definition.clone() };
    let changed = next_version(pool, caller, &preconditions, &campaign, &definition).await?;
    Ok(shown(StatusCode::OK, &changed))
}

async fn next_version(
    pool: &Pool,
    caller: &Caller,
    preconditions: &Preconditions,
    campaign: &Campaign,
    definition: &Definition,
) -> Result<Campaign, Problem> {
    let &Campaign { id, version, .. } = campaign;
    if let Some(campaign) = campaigns::change(pool, id, version, definition, caller.name()).await? {
        return Ok(campaign);
    }
    // Somebody else was faster, since nothing is ever removed.
    match campaigns::find(pool, id).await? {
        Some(campaign) if preconditions.is_guarded() => Err(preconditions::failed(campaign.version)),
        _ => Err(Problem::new(
            Kind::Conflict,
            format!("campaign {id} was changed by somebody else meanwhile; read it again"),
        )),
    }
}

async fn find(pool: &Pool, id: &str) -> Result<Campaign, Problem> {
    let missing = || Problem::new(Kind::NotFound, format!("there is no campaign {id:?}"));
    let number = whole(id).ok_or_else(missing)?;
    campaigns::find(pool, CampaignId(number)).await?.ok_or_else(missing)
}

impl<'a> View<'a> {
    fn of(campaign: &'a Campaign) -> Self {
        let Campaign { id, version, ref definition, created_at, updated_at } = *campaign;
        let definition = DefinitionView::of(definition);
        Self { id, version, definition, created_at, updated_at, warnings: None }
    }
}

impl<'a> DefinitionView<'a> {
    fn of(definition: &'a Definition) -> Self {
        Self {
            name: &definition.name,
            description: &definition.description,
            status: definition.status,
            rules: serde_json::from_str(&definition.rules).expect("the column holds JSON"),
            starts_at: definition.starts_at,
            ends_at: definition.ends_at,
        }
    }
}

fn shown(status: StatusCode, campaign: &Campaign) -> Answer {
    let warnings = Some(definition::warnings_of(&campaign.definition, clock::now()));
    let mut answer = json(status, &View { warnings, ..View::of(campaign) });
    answer.headers_mut().extend(header(ETAG, &etag(campaign.version)));
    answer
}

fn created(campaign: &Campaign) -> Answer {
    let mut answer = shown(StatusCode::CREATED, campaign);
    answer.headers_mut().extend(header(LOCATION, &format!("/campaigns/{}", campaign.id)));
    answer
}

fn header<N>(name: N, value: &str) -> Option<(N, HeaderValue)> {
    HeaderValue::from_str(value).ok().map(|value| (name, value))
}

impl From<WrongStep> for Problem {
    fn from(error: WrongStep) -> Self {
        let allowed = error.allowed.iter().map(|step| step.name()).collect();
        Self::new(Kind::Conflict, error.to_string()).with_allowed(allowed)
    }
}
