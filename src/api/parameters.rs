//! The query of a URL: known parameters, each at most once, each checked.

use std::borrow::Cow;

use jiff::Timestamp;
use percent_encoding::percent_decode_str;

use super::{Kind, Problem};
use crate::event::parse_time;

/// The parameters that are left to read.
#[derive(Debug)]
pub(super) struct Parameters<'a> {
    left: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    has_plus: bool,
}

/// What to know where nothing was found and a plus was sent: a query is form-encoded, so it stood for a space.
const PLUS: &str = "in a URL, + stands for a space; where a plus was meant, write %2B";

impl<'a> Parameters<'a> {
    /// The parameters of `query`; those not in `known`, those given twice, and empty ones are refused: a script with
    /// a variable that was not set must not be shown everything.
    pub(super) fn read(query: Option<&'a str>, known: &[&str]) -> Result<Self, Problem> {
        let query = query.unwrap_or_default();
        if percent_decode_str(query).decode_utf8().is_err() {
            return Err(not_utf8(query));
        }
        let mut left: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
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
        Ok(Self { left, has_plus: query.contains('+') })
    }

    /// What to tell a client that found nothing, if its query may have meant something else.
    pub(super) fn note_on_nothing(&self) -> Option<&'static str> {
        self.has_plus.then_some(PLUS)
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
        let parse = |text: &str| whole(text)?.try_into().ok().filter(|limit| (1..=most).contains(limit));
        self.take("limit", &wanted, parse)
    }

    /// Takes a number that names something.
    pub(super) fn take_number(&mut self, name: &str, wanted: &str) -> Result<Option<i64>, Problem> {
        self.take(name, wanted, |text| whole(text).filter(|number| *number > 0))
    }

    /// Takes `from` and `to`, of which the first comes before the second.
    pub(super) fn take_range(&mut self) -> Result<(Option<Timestamp>, Option<Timestamp>), Problem> {
        let (from, to) = (self.take_time("from")?, self.take_time("to")?);
        match (from, to) {
            (Some(from), Some(to)) if from >= to => {
                Err(invalid("from", &format!("must be before to, which is {to}")))
            }
            range => Ok(range),
        }
    }

    /// Takes a point in time.
    pub(super) fn take_time(&mut self, name: &str) -> Result<Option<Timestamp>, Problem> {
        let wanted = "an RFC 3339 time such as 2026-11-23T05:00:00Z, before 9999-12-30T22:00:00Z (in a URL, + is written %2B)";
        self.take(name, wanted, parse_time)
    }
}

/// The whole number that a text is, written as this server writes it: with no sign but a minus, and no zeros before it.
pub(super) fn whole(text: &str) -> Option<i64> {
    text.parse().ok().filter(|number: &i64| number.to_string() == text)
}

/// The refusal of a query that is not UTF-8, by the parameter that is not.
fn not_utf8(query: &str) -> Problem {
    let is_text = |text: &str| percent_decode_str(text).decode_utf8().is_ok();
    let parameter = query.split('&').find(|parameter| !is_text(parameter)).unwrap_or_default();
    let name: String = parameter.split('=').next().unwrap_or_default().chars().take(64).collect();
    invalid(&name, "is not UTF-8 once it is percent-decoded")
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
    fn a_plus_is_a_space_and_is_noted() {
        let note = |query| Parameters::read(Some(query), &["user_id"]).expect("valid").note_on_nothing();
        assert!(note("user_id=a+b").is_some_and(|note| note.contains("%2B")));
        assert_eq!(note("user_id=a%2Bb%20c"), None);
    }

    #[test]
    fn a_range_begins_before_it_ends() {
        fn range(query: &str) -> Result<(Option<Timestamp>, Option<Timestamp>), Problem> {
            Parameters::read(Some(query), &["from", "to"]).expect("valid").take_range()
        }
        let (from, to) = ("from=2026-11-24T00:00:00Z", "to=2026-11-24T00:00:00.000001Z");
        assert!(range(&format!("{from}&{to}")).is_ok() && range(from).is_ok() && range(to).is_ok());
        for to in ["2026-11-24T00:00:00Z", "2026-11-23T00:00:00Z"] {
            let refused = range(&format!("{from}&to={to}")).expect_err(to);
            assert!(refused.detail().starts_with("from: must be before to"), "{}", refused.detail());
        }
    }

    #[test]
    fn a_number_has_one_spelling() {
        assert_eq!(["1", "-7", "0", "9223372036854775807"].map(|text| whole(text).is_some()), [true; 4]);
        for text in ["01", "+1", "-0", "", " 1", "1.0", "9223372036854775808", "\u{664}"] {
            assert_eq!(whole(text), None, "{text}");
        }
    }

    #[test]
    fn an_empty_parameter_is_not_taken_for_none() {
        assert_eq!(refusal("user_id="), "user_id: is empty; give it a value or leave it out");
    }

    #[test]
    fn a_bad_parameter_is_named_with_what_is_wanted() {
        let queries = [
            "q=x",
            "limit=1&limit=2",
            "limit=0",
            "limit=201",
            "limit=ten",
            "limit=010",
            "from=yesterday",
            "user_id=%00",
            "limit=1&user_id=%ff",
        ];
        let shown: Vec<String> = queries.into_iter().map(refusal).collect();
        insta::assert_snapshot!(shown.join("\n"));
    }
}
