//! What a client says of a campaign, read and checked: all of it, or what is to change. Pure.

use jiff::Timestamp;

use crate::api::Problem;
use crate::api::members::Members;
use crate::api::merge_patch::merge;
use crate::campaign::{Definition, Status, Timing};
use crate::event::flaw;
use crate::rules::{Review, RuleError};

const MAX_NAME: usize = 200;
const MAX_DESCRIPTION: usize = 10_000;

/// What is to change of a campaign: a JSON object with the members that get another value.
#[derive(Clone, Copy, Debug)]
pub struct Patch<'a> {
    /// The object.
    pub body: &'a [u8],
    /// Whether rules are merged into those that there are (RFC 7396); else they take their place.
    pub merges_rules: bool,
}

/// Reads what is said of a new campaign.
pub(super) fn read(body: &[u8]) -> Result<Definition, Problem> {
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
        Some(rules) => {
            review(rules, &mut members);
        }
        None => members.fault("/rules", "rules is required: an event pattern"),
    }
    let rules = rules.unwrap_or_default().to_owned();
    let definition = Definition { name, description, status, rules, starts_at, ends_at };
    check_time(&definition, "/ends_at", &mut members);
    members.finish("name, rules, description, status, starts_at, ends_at")?;
    Ok(definition)
}

impl Patch<'_> {
    /// What it makes of a campaign. A member that is `null` is removed, where a campaign can be without it.
    pub(super) fn apply(self, campaign: &Definition) -> Result<Definition, Problem> {
        let mut members = Members::read(self.body)?;
        let mut changed = campaign.clone();
        if members.has("name") {
            changed.name = members.require_text("name", MAX_NAME);
        }
        if members.take_null("description") {
            changed.description.clear();
        } else if let Some(description) = members.take_text("description", MAX_DESCRIPTION) {
            changed.description = description;
        }
        if let Some(rules) = members.take_raw("rules") {
            changed.rules = self.rules(&campaign.rules, rules, &mut members);
            review(&changed.rules, &mut members);
        }
        let later = if members.has("ends_at") { "/ends_at" } else { "/starts_at" };
        if members.has("starts_at") {
            changed.starts_at = members.take_time("starts_at");
        }
        if members.has("ends_at") {
            changed.ends_at = members.take_time("ends_at");
        }
        if members.take_raw("status").is_some() {
            members.fault(
                "/status",
                "status is not changed here; use POST /campaigns/{id}/activate, /pause or /archive",
            );
        }
        check_time(&changed, later, &mut members);
        members.finish("name, rules, description, starts_at, ends_at")?;
        Ok(changed)
    }

    fn rules(self, rules: &str, change: &str, members: &mut Members<'_>) -> String {
        if !self.merges_rules {
            return change.to_owned();
        }
        merge(rules, change).unwrap_or_else(|| {
            members.fault("/rules", "rules is nested too deep");
            rules.to_owned()
        })
    }
}

/// Checks a rule, and points to what is wrong with it, under `/rules`. Returns what it warns of.
pub(super) fn review(rules: &str, members: &mut Members<'_>) -> Vec<RuleError> {
    let (refused, warnings) = match Review::of(rules) {
        Ok(review) => (review.refused().to_vec(), review.warnings().to_vec()),
        Err(errors) => (errors.errors().to_vec(), Vec::new()),
    };
    for error in &refused {
        members.fault(&pointer(error), &error.detail);
    }
    if refused.is_empty()
        && let Some(flaw) = flaw::find(rules.as_bytes())
    {
        // No accepted event has such a value, and Postgres' functions could not read the rule.
        members.fault(&format!("/rules{}", flaw.pointer), flaw.reason);
    }
    warnings
}

fn pointer(error: &RuleError) -> String {
    format!("/rules{}", error.pointer)
}

/// What there is to say of a campaign that was saved: what its rule warns of, and whether it is over.
pub(super) fn warnings_of(definition: &Definition, now: Timestamp) -> Vec<RuleError> {
    let mut warnings = warnings(&definition.rules);
    let timing = Timing::of(now, definition.starts_at, definition.ends_at);
    if let (Status::Active, Timing::Over(end)) = (definition.status, timing) {
        let detail = format!("the campaign is active, and triggers nothing since its end at {end}");
        warnings.push(RuleError { pointer: "/ends_at".to_owned(), detail });
    }
    warnings
}

/// What a rule that is saved warns of, with pointers into the body.
pub(super) fn warnings(rules: &str) -> Vec<RuleError> {
    let review = Review::of(rules).unwrap_or_default();
    let warning = |error: &RuleError| RuleError { pointer: pointer(error), detail: error.detail.clone() };
    review.warnings().iter().map(warning).collect()
}

fn check_time(definition: &Definition, pointer: &str, members: &mut Members<'_>) {
    if definition.starts_at.zip(definition.ends_at).is_some_and(|(start, end)| end <= start) {
        members.fault(pointer, "ends_at must be later than starts_at");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(body: &str) -> String {
        let problem = read(body.as_bytes()).expect_err(body);
        serde_json::to_string_pretty(&problem).expect("a problem serialises")
    }

    fn campaign() -> Definition {
        let body = r#"{"name":"n","description":"d","rules":{"properties":{"a":["x"],"b":["y"]}},"starts_at":"2026-01-02T00:00:00Z"}"#;
        read(body.as_bytes()).expect("valid")
    }

    fn patched(body: &str, merges_rules: bool) -> Result<Definition, Problem> {
        Patch { body: body.as_bytes(), merges_rules }.apply(&campaign())
    }

    #[test]
    fn a_rule_with_a_value_that_no_event_can_have_is_refused() {
        for value in [r#""\u0000""#, "1e-20000"] {
            let refused = problem(&format!(r#"{{"name":"n","rules":{{"properties":{{"a":[{value}]}}}}}}"#));
            assert!(refused.contains("/rules/properties/a/0") && refused.contains("PostgreSQL"), "{refused}");
        }
    }

    #[test]
    fn a_campaign_keeps_its_rule_as_it_was_written() {
        let body = r#"{"name":"Big", "rules": {"properties": {"amount": [{"numeric": [">=", 1.50e2]}]}} }"#;
        let definition = read(body.as_bytes()).expect("valid");
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
        let body = r#"{"name":"n","rules":{"user_id":["x"]},"starts_at":"2026-01-02T00:00:00Z","ends_at":"2026-01-02T01:00:00+01:00"}"#;
        assert!(problem(body).contains("ends_at must be later than starts_at"));
    }

    #[test]
    fn an_end_within_the_microsecond_of_the_start_is_no_later() {
        let body = r#"{"name":"n","rules":{"user_id":["x"]},"starts_at":"2026-01-02T00:00:00.0000011Z","ends_at":"2026-01-02T00:00:00.0000019Z"}"#;
        assert!(problem(body).contains("ends_at must be later than starts_at"));
    }

    #[test]
    fn a_body_that_is_not_an_object_is_told_from_one_that_is_not_json() {
        assert!(problem("{").contains("not-json"));
        assert!(problem("{} {}").contains("not-json"));
        assert!(problem("[]").contains("expected a JSON object"));
    }

    #[test]
    fn a_patch_changes_what_it_names_and_null_removes() {
        let changed =
            patched(r#"{"name":"other","description":null,"starts_at":null}"#, false).expect("valid");
        assert_eq!(
            changed,
            Definition { name: "other".into(), description: String::new(), starts_at: None, ..campaign() }
        );
        assert_eq!(patched("{}", true).expect("valid"), campaign());
        assert_eq!(
            patched(r#"{"starts_at":"2026-01-02T01:00:00.0000001+01:00"}"#, true).expect("valid"),
            campaign()
        );
    }

    #[test]
    fn an_active_campaign_that_is_over_is_warned_of() {
        let warned = |status: &str, now: &str| {
            let body = format!(
                r#"{{"name":"n","rules":{{"properties":{{"a":[1]}}}},"status":"{status}","ends_at":"2026-01-02T00:00:00Z"}}"#
            );
            let definition = read(body.as_bytes()).expect("valid");
            warnings_of(&definition, now.parse().expect("a time"))
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        let over =
            "/ends_at: the campaign is active, and triggers nothing since its end at 2026-01-02T00:00:00Z";
        assert_eq!(warned("active", "2026-01-02T00:00:00Z"), [over]);
        assert!(warned("active", "2026-01-01T23:59:59Z").is_empty());
        assert!(warned("draft", "2026-01-03T00:00:00Z").is_empty());
    }

    #[test]
    fn rules_are_replaced_or_merged() {
        let body = r#"{"rules":{"properties":{"b":null,"c":[1.50]}}}"#;
        assert_eq!(patched(body, true).expect("valid").rules, r#"{"properties":{"a":["x"],"c":[1.50]}}"#);
        let body = r#"{"rules":{ "properties":{"c":[1.50]}}}"#;
        assert_eq!(patched(body, false).expect("valid").rules, r#"{ "properties":{"c":[1.50]}}"#);
    }

    #[test]
    fn what_a_patch_cannot_do_is_said() {
        let body = r#"{"name":null,"description":7,"rules":{"b":null,"a":null,"c":[{"exists":1}]},"status":"active",
            "ends_at":"2026-01-01T00:00:00Z","id":7}"#;
        let problem = patched(body, false).expect_err(body);
        insta::assert_snapshot!(serde_json::to_string_pretty(&problem).expect("a problem serialises"));
    }
}
