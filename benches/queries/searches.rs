//! Each search of the API, timed over HTTP.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::{Value, json};

use crate::filling::{CAMPAIGNS, Filled};
use crate::system::System;

const PATIENCE: Duration = Duration::from_mins(1);

/// A search, and the request of its run number `n`.
type Search<'a> = (&'static str, Box<dyn Fn(usize) -> String + 'a>);

/// Times every search, and says which indexes served it.
pub(crate) async fn measure(system: &System, filled: &Filled, runs: usize) -> anyhow::Result<Vec<Value>> {
    let ids = Ids::pick(system, filled, runs).await?;
    let mut report = Vec::new();
    for (name, request) in searches(filled, &ids) {
        let before = scans(system).await?;
        // A server of its own: its connections tell their scans when they end.
        let serve = system.serve().await?;
        let client = reqwest::Client::builder().no_proxy().build()?;
        let mut times = Vec::new();
        for run in 0..runs {
            let url = format!("http://{}{}", serve.addr(), request(run));
            let started = Instant::now();
            let answer = client.get(&url).send().await?;
            ensure!(answer.status() == 200, "{url}: {}", answer.text().await?);
            answer.bytes().await?;
            times.push(started.elapsed());
        }
        serve.drain(PATIENCE).await;
        let after = scans(system).await?;
        let grown = after.into_iter().filter(|(index, count)| before.get(index) != Some(count));
        let indexes: Vec<String> = grown.map(|(index, _)| index).collect();
        times.sort_unstable();
        let (median, most) = (times[runs / 2], times[runs - 1]);
        println!("{name:<48} {median:>9.1?} {most:>9.1?}  {}", indexes.join(", "));
        report.push(json!({"search": name, "median_s": median.as_secs_f64(), "most_s": most.as_secs_f64(), "indexes": indexes}));
    }
    Ok(report)
}

/// Ids of events that there are.
struct Ids {
    hot: Vec<String>,
    sealed: Vec<String>,
}

impl Ids {
    async fn pick(system: &System, filled: &Filled, count: usize) -> anyhow::Result<Self> {
        let client = system.postgres.get().await?;
        let pick = async |from| {
            let sql = "select event_id from events where received_at >= $1 order by received_at limit $2";
            let rows = client.query(sql, &[&from, &i64::try_from(count)?]).await?;
            anyhow::Ok(rows.iter().map(|row| row.get(0)).collect())
        };
        Ok(Self { hot: pick(filled.recently).await?, sealed: pick(filled.long_ago).await? })
    }
}

fn searches<'a>(filled: &'a Filled, ids: &'a Ids) -> Vec<Search<'a>> {
    let user = |run: usize| run * 49_999 % 1_000_000;
    let campaign = |run: usize| 1 + run % usize::try_from(CAMPAIGNS).expect("few");
    let Filled { long_ago, recently, now } = filled;
    vec![
        ("an event by id, hot", Box::new(|run| format!("/events/{}", ids.hot[run]))),
        ("an event by id, sealed", Box::new(|run| format!("/events/{}", ids.sealed[run]))),
        ("the newest events", Box::new(|_| "/events?limit=50".to_owned())),
        ("all events of a user", Box::new(move |run| format!("/events?user_id=u-{}&limit=200", user(run)))),
        (
            "a user's events in the hot partition",
            Box::new(move |run| format!("/events?user_id=u-{}&from={recently}", user(run))),
        ),
        (
            "a user's events before the hot partition",
            Box::new(move |run| format!("/events?user_id=u-{}&to={long_ago}", user(run))),
        ),
        (
            "a user's events of one type",
            Box::new(move |run| format!("/events?user_id=u-{}&event_type=purchase", user(run))),
        ),
        ("the newest events of a frequent type", Box::new(|_| "/events?event_type=purchase".to_owned())),
        (
            "the newest events of a rare type (1 in 100,000)",
            Box::new(|_| "/events?event_type=refund&limit=10".to_owned()),
        ),
        (
            "the newest events that triggered a campaign",
            Box::new(move |run| format!("/events?campaign_id={}", campaign(run))),
        ),
        (
            "a user's events that triggered a campaign",
            Box::new(move |run| format!("/events?campaign_id={}&user_id=u-{}", campaign(run), user(run))),
        ),
        (
            "the newest triggers of a campaign",
            Box::new(move |run| format!("/campaigns/{}/triggers", campaign(run))),
        ),
        (
            "the triggers of a campaign and a user",
            Box::new(move |run| format!("/campaigns/{}/triggers?user_id=u-{}", campaign(run), user(run))),
        ),
        (
            "a day's triggers by the hour, hot",
            Box::new(move |run| format!("/campaigns/{}/stats", campaign(run))),
        ),
        (
            "four days' triggers by the day",
            Box::new(move |run| format!("/campaigns/{}/stats?by=day", campaign(run))),
        ),
        ("events of a time, hot", Box::new(move |_| format!("/events?from={recently}&to={now}&limit=200"))),
        ("events of a time, sealed", Box::new(move |_| format!("/events?to={long_ago}&limit=200"))),
    ]
}

/// How often each index was scanned; those of partitions count for the index that they are a part of, or under their
/// columns.
async fn scans(system: &System) -> anyhow::Result<BTreeMap<String, i64>> {
    let rows = system
        .postgres
        .get()
        .await?
        .query(
            "select coalesce(inhparent::regclass::text, regexp_replace(indexrelname, '_\\d+(t\\d+)?_', '_…_')), sum(idx_scan)::bigint
            from pg_stat_user_indexes left join pg_inherits on inhrelid = indexrelid
            where relname ~ '^(events|triggers)_' group by 1",
            &[],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
