//! `GET /campaigns/{id}/versions`: the history of a campaign.

use hyper::StatusCode;
use jiff::Timestamp;
use serde::Serialize;

use super::{DEFAULT_PAGE, DefinitionView, MAX_PAGE, find};
use crate::api::cursor::{Cursor, VersionNumber};
use crate::api::parameters::Parameters;
use crate::api::{Answer, Problem, json};
use crate::campaign::Version;
use crate::store::{Pool, campaigns};

#[derive(Serialize)]
struct View<'a> {
    version: i32,
    created_at: Timestamp,
    author: Option<&'a str>,
    #[serde(flatten)]
    definition: DefinitionView<'a>,
}

#[derive(Serialize)]
struct List<'a> {
    versions: Vec<View<'a>>,
    next_cursor: Option<String>,
}

/// `GET /campaigns/{id}/versions?limit=&cursor=`, the newest first.
pub async fn versions(pool: &Pool, id: &str, query: Option<&str>) -> Result<Answer, Problem> {
    let mut parameters = Parameters::read(query, &["limit", "cursor"])?;
    let limit = parameters.take_limit(MAX_PAGE)?.unwrap_or(DEFAULT_PAGE);
    let wanted = "the next_cursor of a list of versions";
    let before = parameters.take("cursor", wanted, VersionNumber::decode)?;
    let id = find(pool, id).await?.id;
    let versions = campaigns::versions(pool, id, before.map(|version| version.0), limit).await?;
    let more = versions.len() == usize::from(limit);
    let last = versions.last().filter(|version| more && version.number > 1);
    let next_cursor = last.map(|version| VersionNumber(version.number).encode());
    Ok(json(StatusCode::OK, &List { versions: versions.iter().map(View::of).collect(), next_cursor }))
}

impl<'a> View<'a> {
    fn of(version: &'a Version) -> Self {
        Self {
            version: version.number,
            created_at: version.created_at,
            author: version.author.as_deref(),
            definition: DefinitionView::of(&version.definition),
        }
    }
}
