//! `GET /campaigns`.

use hyper::StatusCode;
use serde::Serialize;

use super::{DEFAULT_PAGE, MAX_PAGE, View};
use crate::api::cursor::Cursor;
use crate::api::parameters::Parameters;
use crate::api::{Answer, Problem, json};
use crate::campaign::{CampaignId, Status};
use crate::store::Pool;
use crate::store::campaigns::{self, Filter};

#[derive(Serialize)]
struct List<'a> {
    campaigns: Vec<View<'a>>,
    next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
}

/// `GET /campaigns?status=&q=&limit=&cursor=`, the newest first.
pub async fn list(pool: &Pool, query: Option<&str>) -> Result<Answer, Problem> {
    let mut parameters = Parameters::read(query, &["status", "q", "limit", "cursor"])?;
    let wanted = "a status; use draft, active, paused or archived";
    let filter = Filter {
        status: parameters.take("status", wanted, |text| text.parse::<Status>().ok())?,
        text: parameters.take_text("q")?,
        before: parameters.take("cursor", "the next_cursor of a list of campaigns", CampaignId::decode)?,
    };
    let limit = parameters.take_limit(MAX_PAGE)?.unwrap_or(DEFAULT_PAGE);
    let campaigns = campaigns::list(pool, &filter, limit).await?;
    let full = campaigns.len() == usize::from(limit);
    let next_cursor = campaigns.last().filter(|_| full).map(|campaign| campaign.id.encode());
    let note = parameters.note_on_nothing().filter(|_| campaigns.is_empty());
    let campaigns = campaigns.iter().map(View::of).collect();
    Ok(json(StatusCode::OK, &List { campaigns, next_cursor, note }))
}
