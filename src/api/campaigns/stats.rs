//! `GET /campaigns/{id}/stats`: how often a campaign was triggered, by hour or day in UTC.
//!
//! Hours and days are always whole, so that they can be compared: the range that was asked for is widened to them, and
//! the answer says to what. Those in which nothing happened are there, with a zero.

use std::collections::HashMap;
use std::str::FromStr;

use hyper::StatusCode;
use jiff::Timestamp;
use serde::Serialize;

use super::find;
use crate::api::parameters::{Parameters, invalid};
use crate::api::{Answer, Problem, json};
use crate::campaign::CampaignId;
use crate::ops::clock;
use crate::store::set_asides::{self, SetAside};
use crate::store::triggers::{self, Count};
use crate::store::{Pool, Searches};

#[derive(Serialize)]
struct Stats {
    campaign_id: CampaignId,
    by: Unit,
    from: Timestamp,
    to: Timestamp,
    stored_from: Option<Timestamp>,
    set_aside: Option<SetAside>,
    total: i64,
    buckets: Vec<Bucket>,
}

#[derive(Serialize)]
struct Bucket {
    start: Timestamp,
    triggers: i64,
}

/// What is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Unit {
    Hour,
    Day,
}

/// Whole units of time, as seconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    unit: Unit,
    from: i64,
    to: i64,
}

/// `GET /campaigns/{id}/stats?from=&to=&by=hour|day`.
pub async fn stats(
    pool: &Pool,
    searches: &Searches,
    id: &str,
    query: Option<&str>,
) -> Result<Answer, Problem> {
    let mut parameters = Parameters::read(query, &["from", "to", "by"])?;
    let unit = parameters.take("by", "hour or day", |text| text.parse().ok())?.unwrap_or(Unit::Hour);
    let (from, to) = (parameters.take_time("from")?, parameters.take_time("to")?);
    let span = Span::of(unit, from, to, clock::now())?;
    let (from, to) = span.bounds()?;
    let campaign_id = find(pool, id).await?.id;
    let counts = triggers::count(searches, campaign_id, from, to, unit.name()).await?;
    let buckets = span.filled(&counts.counts);
    let total = buckets.iter().map(|bucket| bucket.triggers).sum();
    let stored_from = counts.stored_from;
    let set_aside = set_asides::find(pool, campaign_id).await?;
    let stats = Stats { campaign_id, by: unit, from, to, stored_from, set_aside, total, buckets };
    Ok(json(StatusCode::OK, &stats))
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    fn seconds(self) -> i64 {
        match self {
            Self::Hour => 3_600,
            Self::Day => 86_400,
        }
    }

    /// The most that are counted at once: the hours of a month, the days of a leap year.
    fn most(self) -> i64 {
        match self {
            Self::Hour => 31 * 24,
            Self::Day => 366,
        }
    }

    /// How many are counted where the range is left open.
    fn usual(self) -> i64 {
        match self {
            Self::Hour => 24,
            Self::Day => 30,
        }
    }
}

impl FromStr for Unit {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Hour, Self::Day].into_iter().find(|unit| unit.name() == text).ok_or(())
    }
}

impl Span {
    /// The whole units around the range; where an end is open it is `now`, or as long before `to` as is usual.
    fn of(
        unit: Unit,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Self, Problem> {
        let length = unit.seconds();
        let microseconds = length * 1_000_000;
        let floor = |time: Timestamp| time.as_microsecond().div_euclid(microseconds) * length;
        let ceiling = |time: Timestamp| -(-time.as_microsecond()).div_euclid(microseconds) * length;
        let end = to.unwrap_or(now);
        if from.is_some_and(|from| from >= end) {
            return Err(invalid("from", &format!("must be before to, which is {end}")));
        }
        let to = ceiling(end);
        let from = from.map_or(to - unit.usual() * length, floor);
        let (units, most, name) = ((to - from) / length, unit.most(), unit.name());
        if units > most {
            return Err(invalid(
                "from",
                &format!("is {units} {name}s before to; at most {most} are counted"),
            ));
        }
        Ok(Self { unit, from, to })
    }

    fn bounds(self) -> Result<(Timestamp, Timestamp), Problem> {
        let from = Timestamp::from_second(self.from).map_err(|_| invalid("from", "is too far away"))?;
        let to = Timestamp::from_second(self.to).map_err(|_| invalid("to", "is too far away"))?;
        Ok((from, to))
    }

    /// Every unit, with its count or with zero.
    fn filled(self, counts: &[Count]) -> Vec<Bucket> {
        let counts: HashMap<i64, i64> =
            counts.iter().map(|count| (count.start.as_second(), count.triggers)).collect();
        let length = self.unit.seconds();
        let starts = (0..(self.to - self.from) / length).map(|index| self.from + index * length);
        starts
            .filter_map(|second| {
                let start = Timestamp::from_second(second).ok()?;
                Some(Bucket { start, triggers: counts.get(&second).copied().unwrap_or_default() })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn span(unit: Unit, from: Option<&str>, to: Option<&str>) -> Result<(String, String), Problem> {
        let span = Span::of(unit, from.map(at), to.map(at), at("2026-11-24T18:30:00Z"))?;
        span.bounds().map(|(from, to)| (from.to_string(), to.to_string()))
    }

    #[test]
    fn a_range_is_widened_to_whole_hours_or_days() {
        for (unit, from, to, whole_from, whole_to) in [
            (
                Unit::Hour,
                "2026-11-24T10:30:00Z",
                "2026-11-24T11:00:00.000001Z",
                "2026-11-24T10:00:00Z",
                "2026-11-24T12:00:00Z",
            ),
            (
                Unit::Hour,
                "2026-11-24T10:00:00Z",
                "2026-11-24T11:00:00Z",
                "2026-11-24T10:00:00Z",
                "2026-11-24T11:00:00Z",
            ),
            (
                Unit::Day,
                "1969-12-30T10:00:00Z",
                "1969-12-30T11:00:00Z",
                "1969-12-30T00:00:00Z",
                "1969-12-31T00:00:00Z",
            ),
        ] {
            let span = span(unit, Some(from), Some(to)).expect("valid");
            assert_eq!(span, (whole_from.to_owned(), whole_to.to_owned()));
        }
    }

    #[test]
    fn an_open_range_ends_with_the_hour_or_day_of_now() {
        let hours = ("2026-11-23T19:00:00Z".to_owned(), "2026-11-24T19:00:00Z".to_owned());
        assert_eq!(span(Unit::Hour, None, None).expect("valid"), hours);
        let days = ("2026-10-26T00:00:00Z".to_owned(), "2026-11-25T00:00:00Z".to_owned());
        assert_eq!(span(Unit::Day, None, None).expect("valid"), days);
        let one = ("2026-11-24T18:00:00Z".to_owned(), "2026-11-24T19:00:00Z".to_owned());
        assert_eq!(span(Unit::Hour, Some("2026-11-24T18:00:00Z"), None).expect("valid"), one);
    }

    #[test]
    fn a_range_has_a_start_before_its_end_and_a_longest_length() {
        let refused = |unit, from, to| span(unit, from, to).expect_err("refused").detail().to_owned();
        for (from, to) in
            [("2026-11-24T19:00:00Z", None), ("2026-11-24T10:00:00Z", Some("2026-11-24T10:00:00Z"))]
        {
            assert!(refused(Unit::Hour, Some(from), to).starts_with("from: must be before to"));
        }
        assert!(span(Unit::Hour, Some("2026-10-24T19:00:00Z"), None).is_ok());
        assert_eq!(
            refused(Unit::Hour, Some("2026-10-24T18:59:59Z"), None),
            "from: is 745 hours before to; at most 744 are counted"
        );
        assert!(refused(Unit::Day, Some("0001-01-01T00:00:00Z"), None).contains("at most 366"));
        assert!(refused(Unit::Day, None, Some("9999-12-30T22:00:00Z")).contains("too far"));
    }

    #[test]
    fn hours_without_a_trigger_count_zero() {
        let span = Span { unit: Unit::Hour, from: 0, to: 3 * 3_600 };
        let counts = [Count { start: Timestamp::from_second(3_600).expect("in range"), triggers: 7 }];
        let filled: Vec<(i64, i64)> =
            span.filled(&counts).iter().map(|bucket| (bucket.start.as_second(), bucket.triggers)).collect();
        assert_eq!(filled, [(0, 0), (3_600, 7), (7_200, 0)]);
    }
}
