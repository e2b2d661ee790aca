//! `/campaigns`: create, list, read, and the steps of a campaign's life.

use deadpool_postgres::Pool;
use hyper::StatusCode;
use hyper::header::{ETAG, HeaderValue, LOCATION};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::cursor::Cursor;
use super::members::Members;
use super::parameters::Parameters;
use super::{Answer, Kind, Problem, json};
use crate::campaign::{Campaign, CampaignId, Definition, Status, Step, WrongStep};
use crate::rules::Pattern;
use crate::store::campaigns;

/// The largest body that describes a campaign, in bytes; the rule's own limit is 64 KiB.
pub const MAX_BODY: usize = 128 * 1024;

const MAX_NAME: usize = 200;
const MAX_DESCRIPTION: usize = 10_000;
const MAX_PAGE: u16 = 200;
const DEFAULT_PAGE: u16 = 50;

/// A campaign in the API.
#[derive(Serialize)]
struct View<'a> {
    id: CampaignId,
    version: i32,
    name: &'a str,
    description: &'a str,
    status: Status,
    rules: &'a RawValue,
    starts_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Serialize)]
struct List<'a> {
    campaigns: Vec<View<'a>>,
    next_cursor: Option<String>,
}

/// `POST /campaigns`.
pub async fn create(pool: &Pool, body: &[u8]) -> Result<Answer, Problem> {
    let campaign = campaigns::create(pool, &definition(body)?).await?;
    let mut answer = shown(StatusCode::CREATED, &campaign);
    answer.headers_mut().extend(header(LOCATION, &format!("/campaigns/{}", campaign.id)));
    Ok(answer)
}

/// `GET /campaigns?status=&limit=&cursor=`, the newest first.
pub async fn list(pool: &Pool, query: Option<&str>) -> Result<Answer, Problem> {
    let mut parameters = Parameters::read(query, &["status", "limit", "cursor"])?;
    let status = parameters.take("status", "a status; use draft, active, paused or archived", |text| {
        text.parse::<Status>().ok()
    })?;
    let limit = parameters.take_limit(MAX_PAGE)?.unwrap_or(DEFAULT_PAGE);
    let before = parameters.take("cursor", "the next_cursor of a list of campaigns", CampaignId::decode)?;
    let campaigns = campaigns::list(pool, status, before, limit).await?;
    let full = campaigns.len() == usize::from(limit);
    let next_cursor = campaigns.last().filter(|_| full).map(|campaign| campaign.id.encode());
    let campaigns = campaigns.iter().map(View::of).collect();
    Ok(json(StatusCode::OK, &List { campaigns, next_cursor }))
}

/// `GET /campaigns/{id}`.
pub async fn read(pool: &Pool, id: &str) -> Result<Answer, Problem> {
    Ok(shown(StatusCode::OK, &find(pool, id).await?))
}

/// `POST /campaigns/{id}/activate`, `/pause`, `/archive`.
pub async fn step(pool: &Pool, id: &str, step: Step) -> Result<Answer, Problem> {
    let Campaign { id, version, definition, .. } = find(pool, id).await?;
    let status = definition.status.after(step)?;
    match campaigns::change_status(pool, id, version, status).await? {
        Some(campaign) => Ok(shown(StatusCode::OK, &campaign)),
        None => Err(Problem::new(
            Kind::Conflict,
            format!("campaign {id} was changed by somebody else meanwhile; read it again"),
        )),
    }
}

async fn find(pool: &Pool, id: &str) -> Result<Campaign, Problem> {
    let missing = || Problem::new(Kind::NotFound, format!("there is no campaign {id:?}"));
    let number = id.parse().map_err(|_| missing())?;
    campaigns::find(pool, CampaignId(number)).await?.ok_or_else(missing)
}

/// Reads and checks what a client says of a new campaign.
fn definition(body: &[u8]) -> Result<Definition, Problem> {
    let mut members = Members::read(body)?;
    let name = members.require_text("name", MAX_NAME);
    let description = members.take_text("description", MAX_DESCRIPTION).unwrap_or_default();
    let status = members.take_text("status", MAX_NAME);
    let rules = members.take_raw("rules");
    let starts_at = members.take_time("starts_at");
    let ends_at = members.take_time("ends_at");
    let status = match status.as_deref() {
        None | Some("draft") => Status::Draft,
        Some("active") => Status::Active,
        Some(_) => {
            members.fault("/status", "a campaign begins as draft or active");
            Status::Draft
        }
    };
    match rules {
        Some(rules) => check(rules, &mut members),
        None => members.fault("/rules", "rules is required: an event pattern"),
    }
    if starts_at.zip(ends_at).is_some_and(|(start, end)| end <= start) {
        members.fault("/ends_at", "ends_at must be later than starts_at");
    }
    members.finish("name, rules, description, status, starts_at, ends_at")?;
    Ok(Definition {
        name,
        description,
        status,
        rules: rules.unwrap_or_default().to_owned(),
        starts_at,
        ends_at,
    })
}

/// Checks a rule; what is wrong with it is pointed to under `/rules`.
fn check(rules: &str, members: &mut Members<'_>) {
    if let Err(errors) = Pattern::parse(rules) {
        for error in errors.errors() {
            members.fault(&format!("/rules{}", error.pointer), &error.detail);
        }
    }
}

impl<'a> View<'a> {
    fn of(campaign: &'a Campaign) -> Self {
        let Campaign { id, version, ref definition, created_at, updated_at } = *campaign;
        Self {
            id,
            version,
            name: &definition.name,
            description: &definition.description,
            status: definition.status,
            rules: serde_json::from_str(&definition.rules).expect("the column holds JSON"),
            starts_at: definition.starts_at,
            ends_at: definition.ends_at,
            created_at,
            updated_at,
        }
    }
}

fn shown(status: StatusCode, campaign: &Campaign) -> Answer {
    let mut answer = json(status, &View::of(campaign));
    answer.headers_mut().extend(header(ETAG, &format!("\"{}\"", campaign.version)));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(body: &str) -> String {
        let problem = definition(body.as_bytes()).expect_err(body);
        serde_json::to_string_pretty(&problem).expect("a problem serialises")
    }

    #[test]
    fn a_campaign_keeps_its_rule_as_it_was_written() {
        let body = r#"{"name":"Big", "rules": {"properties": {"amount": [{"numeric": [">=", 1.50e2]}]}} }"#;
        let definition = definition(body.as_bytes()).expect("valid");
        assert_eq!(definition.rules, r#"{"properties": {"amount": [{"numeric": [">=", 1.50e2]}]}}"#);
        assert_eq!((definition.name.as_str(), definition.status), ("Big", Status::Draft));
    }

    #[test]
    fn everything_that_is_wrong_is_reported_at_once() {
        let body = r#"{"name":" ","status":"paused","starts_at":"tomorrow","ends_at":7,"description":null,
            "rules":{"a":[{"numeric":["!=",1]}]},"color/~":"red","name":"twice"}"#;
        insta::assert_snapshot!(problem(body));
    }

    #[test]
    fn what_is_required_is_said() {
        insta::assert_snapshot!(problem("{}"));
    }

    #[test]
    fn an_end_before_the_start_is_refused() {
        let body = r#"{"name":"n","rules":{"a":["x"]},"starts_at":"2026-01-02T00:00:00Z","ends_at":"2026-01-02T01:00:00+01:00"}"#;
        assert!(problem(body).contains("ends_at must be later than starts_at"));
    }

    #[test]
    fn a_body_that_is_not_an_object_is_told_from_one_that_is_not_json() {
        assert!(problem("{").contains("not-json"));
        assert!(problem("{} {}").contains("not-json"));
        assert!(problem("[]").contains("expected a JSON object"));
    }
}
