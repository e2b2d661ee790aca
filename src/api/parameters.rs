//! The query of a URL: known parameters, each at most once, each checked.

use std::borrow::Cow;

use jiff::Timestamp;

use super::{Kind, Problem};
use crate::event::parse_time;

/// The parameters that are left to read.
#[derive(Debug)]
pub(super) struct Parameters<'a> {
    left: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Parameters<'a> {
    /// The parameters of `query`; those not in `known`, those given twice, and empty ones are refused: a script with
    /// a variable that was not set must not be shown everything.
    pub(super) fn read(query: Option<&'a str>, known: &[&str]) -> Result<Self, Problem> {
        let mut left: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if !known.contains(&&*name) {
                let shown: String = name.chars().take(64).collect();
                return Err(invalid(&shown, &format!("is not known here; use {}", known.join(", "))));
            }
            if left.iter().any(|(other, _)| *other == name) {
                return Err(invalid(&name, "is given twice"));
            }
            if value.is_empty() {
                return Err(invalid(&name, "is empty; give it a value or leave it out"));
            }
            left.push((name, value));
        }
        Ok(Self { left })
    }

    /// Takes the parameter, if it was given, through `parse`; `wanted` says what that accepts.
    pub(super) fn take<T>(
        &mut self,
        name: &str,
        wanted: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(at) = self.left.iter().position(|(given, _)| given == name) else { return Ok(None) };
        let (_, value) = self.left.swap_remove(at);
        let parsed = parse(&value);
        if parsed.is_none() {
            let shown: String = value.chars().take(64).collect();
            return Err(invalid(name, &format!("{shown:?} is not {wanted}")));
        }
        Ok(parsed)
    }

    /// Takes a text that can be stored, of any kind.
    pub(super) fn take_text(&mut self, name: &str) -> Result<Option<String>, Problem> {
        self.take(name, "text without U+0000", |text| (!text.contains('\0')).then(|| text.to_owned()))
    }

    /// Takes `limit`, the most items wanted in one page: from 1 to `most`.
    pub(super) fn take_limit(&mut self, most: u16) -> Result<Option<u16>, Problem> {
        let wanted = format!("a number from 1 to {most}");
        self.take("limit", &wanted, |text| text.parse().ok().filter(|limit| (1..=most).contains(limit)))
    }

    /// Takes a point in time.
    pub(super) fn take_time(&mut self, name: &str) -> Result<Option<Timestamp>, Problem> {
        let wanted = "an RFC 3339 time such as 2026-11-23T05:00:00Z, before 9999-12-30T22:00:00Z (in a URL, + is written %2B)";
        self.take(name, wanted, parse_time)
    }
}

/// The refusal of a parameter, or of a header.
pub(super) fn invalid(name: &str, complaint: &str) -> Problem {
    Problem::new(Kind::InvalidParameter, format!("{name}: {complaint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(query: &str) -> String {
        let read = || -> Result<(), Problem> {
            let mut parameters = Parameters::read(Some(query), &["limit", "from", "user_id"])?;
            parameters.take_limit(200)?;
            parameters.take_time("from")?;
            parameters.take_text("user_id")?;
            Ok(())
        };
        read().expect_err(query).detail().to_owned()
    }

    #[test]
    fn parameters_are_decoded() {
        let mut parameters =
            Parameters::read(Some("user_id=a%20b%26+c"), &["limit", "user_id"]).expect("valid");
        assert_eq!(parameters.take_text("user_id").expect("valid").as_deref(), Some("a b& c"));
        assert_eq!(parameters.take_limit(10).expect("valid"), None);
    }

    #[test]
    fn an_empty_parameter_is_not_taken_for_none() {
        assert_eq!(refusal("user_id="), "user_id: is empty; give it a value or leave it out");
    }

    #[test]
    fn a_bad_parameter_is_named_with_what_is_wanted() {
        let queries =
            ["q=x", "limit=1&limit=2", "limit=0", "limit=201", "limit=ten", "from=yesterday", "user_id=%00"];
        let shown: Vec<String> = queries.into_iter().map(refusal).collect();
        insta::assert_snapshot!(shown.join("\n"));
    }
}
