//! Why an event does, or does not, trigger a campaign: decided by the worker's own catalog, and explained.

use std::sync::Arc;

use jiff::Timestamp;

use super::{ActiveCampaign, ActiveCampaigns, Catalog, Definition, Scratch, Status, Timing, UnreadableRule};
use crate::event::{Document, JsonError, Parser};
use crate::rules::{Explanation, explain};

/// Deeper than any limit that ingest can be given, as for the worker.
const MAX_DEPTH: usize = 1024;

/// One event held against one campaign.
#[derive(Clone, Debug)]
pub struct Trial {
    /// How the event fares with the rule.
    pub explanation: Explanation,
    /// Where its time lies beside that of the campaign.
    pub timing: Timing,
    /// Whether it triggers the campaign: it matches, and the campaign is active, and in its time.
    pub would_trigger: bool,
    /// What decided, in a sentence.
    pub sentence: String,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The rule.
    #[error(transparent)]
    Rule(#[from] UnreadableRule),
    /// The event.
    #[error(transparent)]
    Event(#[from] JsonError),
    /// The catalog and the explanation do not agree, which is a fault of this program.
    #[error("the catalog and the explanation disagree on whether the event matches")]
    Disagreement,
}

impl Trial {
    /// Holds `event`, a JSON text, against campaign `id` as it is defined, as if it was received at `moment`.
    pub fn of(id: i64, definition: &Definition, event: &[u8], moment: Timestamp) -> Result<Self, TrialError> {
        let Definition { status, ref rules, starts_at, ends_at, .. } = *definition;
        let campaign = ActiveCampaign::read(id, 0, starts_at, ends_at, rules)?;
        let pattern = campaign.pattern.clone();
        let catalog = Catalog::compile(0, &ActiveCampaigns::from([(id, Arc::new(campaign))]));
        let mut scratch = Scratch::default();
        let hold_against = |event: Document<'_>| {
            let is_triggered = catalog.triggered(&event, moment, &mut scratch).next().is_some();
            (is_triggered, explain(&pattern, &event))
        };
        let (is_triggered, explanation) = Parser::new(MAX_DEPTH).parse(event, hold_against)?;
        let timing = Timing::of(moment, starts_at, ends_at);
        if is_triggered != (explanation.matches() && timing == Timing::Running) {
            return Err(TrialError::Disagreement);
        }
        let sentence = sentence(&explanation, status, timing);
        Ok(Self { explanation, timing, would_trigger: is_triggered && status == Status::Active, sentence })
    }
}

/// The sentence of the explanation, and what keeps the campaign from being triggered by an event that matches.
fn sentence(explanation: &Explanation, status: Status, timing: Timing) -> String {
    let inactive = (status != Status::Active).then(|| format!("it is {status}"));
    let outside = match timing {
        Timing::Early(start) => Some(format!("its time begins only at {start}")),
        Timing::Running => None,
        Timing::Over(end) => Some(format!("its time ended at {end}")),
    };
    let obstacles: Vec<String> = inactive.into_iter().chain(outside).collect();
    if !explanation.matches() || obstacles.is_empty() {
        return explanation.sentence().to_owned();
    }
    format!("{}; but the campaign is not triggered: {}", explanation.sentence(), obstacles.join(", and "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(status: Status, event: &str, second: i64) -> Trial {
        let bound = |second| Timestamp::from_second(second).ok();
        let definition = Definition {
            name: String::new(),
            description: String::new(),
            status,
            rules: r#"{"a":[1]}"#.to_owned(),
            starts_at: bound(10),
            ends_at: bound(20),
        };
        let moment = Timestamp::from_second(second).expect("in range");
        Trial::of(7, &definition, event.as_bytes(), moment).expect("valid")
    }

    #[test]
    fn an_event_triggers_a_campaign_that_is_active_and_in_its_time() {
        for (status, event, second, triggers) in [
            (Status::Active, r#"{"a":1}"#, 10, true),
            (Status::Active, r#"{"a":2}"#, 10, false),
            (Status::Active, r#"{"a":1}"#, 9, false),
            (Status::Active, r#"{"a":1}"#, 20, false),
            (Status::Paused, r#"{"a":1}"#, 10, false),
        ] {
            assert_eq!(trial(status, event, second).would_trigger, triggers, "{status} {event} {second}");
        }
    }

    #[test]
    fn the_sentence_says_what_is_in_the_way_of_an_event_that_matches() {
        let sentences = [
            trial(Status::Active, r#"{"a":1}"#, 10),
            trial(Status::Active, r#"{"a":1}"#, 9),
            trial(Status::Paused, r#"{"a":1}"#, 10),
            trial(Status::Archived, r#"{"a":1}"#, 20),
            trial(Status::Draft, r#"{"a":2}"#, 20),
        ]
        .map(|trial| trial.sentence);
        insta::assert_snapshot!(sentences.join("\n"));
    }

    #[test]
    fn a_rule_that_asks_often_for_a_field_of_many_values_makes_a_short_explanation() {
        let branches = vec![r#"{"a":[0]}"#; 100].join(",");
        let definition = Definition {
            name: String::new(),
            description: String::new(),
            status: Status::Active,
            rules: format!(r#"{{"$or":[{branches}]}}"#),
            starts_at: None,
            ends_at: None,
        };
        for (value, times) in [("1".to_owned(), 1_000), (format!("\"{}\"", "x".repeat(1_000)), 20)] {
            let event = format!(r#"{{"a":[{}]}}"#, vec![value; times].join(","));
            let trial = Trial::of(7, &definition, event.as_bytes(), Timestamp::UNIX_EPOCH).expect("valid");
            let text = serde_json::to_vec(trial.explanation.rule()).expect("it has text keys only");
            assert!(text.len() < 400_000, "{} bytes", text.len());
        }
    }
}
