//! Times as RFC 3339 writes them.

use jiff::Timestamp;

/// The instant that `text` names, or `None` when it is not an RFC 3339 date-time.
///
/// jiff reads more than RFC 3339 (basic format, times without seconds, zone annotations); the form is held to section
/// 5.6 first, so that every reader of a stored event understands its `timestamp`.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    if has_form(text.as_bytes()) { text.parse().ok() } else { None }
}

fn has_form(text: &[u8]) -> bool {
    let Some((date_time, rest)) = text.split_first_chunk::<19>() else { return false };
    let offset = match rest {
        [b'.', fraction @ ..] => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return false;
            }
            fraction.get(digits..).unwrap_or_default()
        }
        rest => rest,
    };
    follows(date_time, b"0000-00-00T00:00:00") && (follows(offset, b"Z") || follows(offset, b"+00:00"))
}

/// Whether `text` is like `form`: a digit for each `0`, either sign for `+`, the same letter in either case otherwise.
fn follows(text: &[u8], form: &[u8]) -> bool {
    text.len() == form.len()
        && text.iter().zip(form).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            b'+' => matches!(byte, b'+' | b'-'),
            form => byte.eq_ignore_ascii_case(form),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3339_times_are_read() {
        for (text, seconds) in [
            ("1970-01-01T00:00:01Z", 1),
            ("1970-01-01t00:00:01z", 1),
            ("1970-01-01T01:00:01+01:00", 1),
            ("1969-12-31T23:30:00.000-00:30", 0),
            ("1970-01-01T00:00:01.999999999Z", 1),
            ("2016-12-31T23:59:60Z", 1_483_228_799),
        ] {
            assert_eq!(parse(text).map(Timestamp::as_second), Some(seconds), "{text}");
        }
    }

    #[test]
    fn other_times_are_not() {
        for text in [
            "",
            "now",
            "1970-01-01",
            "1970-01-01T00:00:00",
            "1970-01-01T00:00Z",
            "19700101T000000Z",
            "1970-01-01 00:00:00Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00Z[UTC]",
            "1970-02-30T00:00:00Z",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:00:00+0100",
            "1970-01-01T00:00:00+01:00:00",
            " 1970-01-01T00:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
