//! Times as RFC 3339 writes them.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

/// The instant that `text` names, or `None` when it is not an RFC 3339 date-time before 9999-12-30T22:00:00Z. What comes
/// later lies beyond a `Timestamp`, but for one second.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    let time: Option<Timestamp> = if is_time(text) { text.parse().ok() } else { None };
    time.filter(|time| time.as_second() < Timestamp::MAX.as_second())
}

/// Whether `text` is an RFC 3339 date-time (section 5.6).
///
/// jiff reads more than that (basic format, times without seconds, zone annotations), and to parse costs several times
/// what this check does, which events go through one by one.
#[must_use]
pub fn is_time(text: &str) -> bool {
    let Some((date_time, rest)) = text.as_bytes().split_first_chunk::<19>() else { return false };
    let offset = match rest {
        [b'.', first, more @ ..] if first.is_ascii_digit() => {
            let digits = more.iter().take_while(|byte| byte.is_ascii_digit()).count();
            more.get(digits..).unwrap_or_default()
        }
        rest => rest,
    };
    follows(date_time, b"0000-00-00T00:00:00")
        && is_date(number(&date_time[..4]), number(&date_time[5..7]), number(&date_time[8..10]))
        && number(&date_time[11..13]) < 24
        && number(&date_time[14..16]) < 60
        && is_offset(offset)
        && (number(&date_time[17..19]) < 60 || is_leap_second(text))
}

/// Whether a time whose second is 60 can be a leap second (section 5.7): those are inserted before midnight UTC at the end of
/// a month, since 1972.
fn is_leap_second(text: &str) -> bool {
    const FIRST_YEAR: i16 = 1972;
    // jiff reads 60 as 59.
    let Ok(time) = text.parse::<Timestamp>() else { return false };
    let utc = Offset::UTC.to_datetime(time);
    text.as_bytes()[17..19] == *b"60"
        && utc.year() >= FIRST_YEAR
        && utc.day() == utc.date().days_in_month()
        && (utc.hour(), utc.minute()) == (23, 59)
}

fn is_date(year: i16, month: i16, day: i16) -> bool {
    let part = |number: i16| i8::try_from(number).unwrap_or(0);
    Date::new(year, part(month), part(day)).is_ok()
}

fn is_offset(text: &[u8]) -> bool {
    follows(text, b"Z") || (follows(text, b"+00:00") && number(&text[1..3]) < 24 && number(&text[4..6]) < 60)
}

/// The value of some digits, four at most.
fn number(digits: &[u8]) -> i16 {
    digits.iter().fold(0, |number, digit| number * 10 + i16::from(digit - b'0'))
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
            ("2017-01-01T05:29:60.5+05:30", 1_483_228_799),
            ("2015-06-30t16:59:60-07:00", 1_435_708_799),
        ] {
            assert_eq!(parse(text).map(Timestamp::as_second), Some(seconds), "{text}");
        }
    }

    #[test]
    fn the_last_time_is_the_one_before_the_bound_that_messages_name() {
        assert!(parse("9999-12-30T21:59:59.999999999Z").is_some());
        assert_eq!(parse("9999-12-31T21:58:59+23:59"), parse("9999-12-30T21:59:59Z"));
        for text in ["9999-12-30T22:00:00Z", "9999-12-30T22:00:00.999Z", "9999-12-30T22:00:01Z"] {
            assert!(parse(text).is_none() && is_time(text), "{text}");
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
            "1970-13-01T00:00:00Z",
            "1970-00-01T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:60:00Z",
            "1970-01-01T00:00:61Z",
            "2026-11-30T12:00:60Z",
            "2026-11-30T23:58:60Z",
            "2026-11-29T23:59:60Z",
            "2026-11-30T23:59:60+01:00",
            "1970-12-31T23:59:60Z",
            "1970-01-01T00:00:00+24:00",
            "1970-01-01T00:00:00+00:60",
            "1970-01-01T00:00:00.12",
            "1970-01-01T00:00:00Zé",
            "1970-01-01T00:00:00+0100",
            "1970-01-01T00:00:00+01:00:00",
            " 1970-01-01T00:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
