//! Values that are JSON and cannot be kept.
//!
//! A payload is stored byte for byte in a column of type `json`, and Postgres' own functions must be able to read it. They
//! fail at a string with U+0000, at half of a surrogate pair, and at a number with more decimal places than `numeric` has.
//! Rules compare numbers as binary64, so what is beyond that is refused too.

use super::place::Place;
use super::split::string_end;

/// The most decimal places of Postgres' `numeric`.
const MAX_DECIMALS: i64 = 16_383;
/// Postgres reads no exponent from here on, not even of a zero.
const EXPONENT_LIMIT: i64 = (1 << 30) - 1;
/// A number that is not zero as binary64 has too many decimals only in a text longer than this.
pub(super) const LONG: usize = 8_000;

/// A value that cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// What is wrong with it.
    pub reason: &'static str,
    /// Which value it is (RFC 6901); of a name, the object that has it.
    pub pointer: String,
    /// Where it stands in the text.
    pub place: Place,
}

/// Finds the first value of a JSON text that cannot be kept.
#[must_use]
pub fn find(json: &[u8]) -> Option<Flaw> {
    let mut walk = Walk { levels: Vec::new(), is_name: false };
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        let end = match byte {
            b'"' => string_end(json, at)? + 1,
            b'-' | b'0'..=b'9' => at + json[at..].iter().take_while(|byte| is_of_number(**byte)).count(),
            _ => at + 1,
        };
        if let Some(reason) = walk.step(&json[at..end]) {
            return Some(Flaw { reason, pointer: walk.pointer(), place: Place::of(json, at) });
        }
        at = end;
    }
    None
}

/// Whether something in the text may be an exponent of four digits or more, without which no number in a text that is not
/// [`LONG`] has too many decimals.
pub(super) fn has_long_exponent(json: &[u8]) -> bool {
    memchr::memchr2_iter(b'e', b'E', json).any(|at| {
        let exponent = json.get(at + 1..).unwrap_or_default();
        let digits = exponent.strip_prefix(b"-").or(exponent.strip_prefix(b"+")).unwrap_or(exponent);
        digits.first_chunk::<4>().is_some_and(|digits| digits.iter().all(u8::is_ascii_digit))
    })
}

fn is_of_number(byte: u8) -> bool {
    matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')
}

/// An object, at the member of this name, or an array, at the element of this number.
enum Level<'a> {
    Object(&'a [u8]),
    Array(usize),
}

/// The way to the value at hand.
struct Walk<'a> {
    levels: Vec<Level<'a>>,
    /// Whether a string here is a name.
    is_name: bool,
}

impl<'a> Walk<'a> {
    /// Goes over the next token; what is wrong with it.
    fn step(&mut self, token: &'a [u8]) -> Option<&'static str> {
        match token {
            [b'"', string @ .., b'"'] => {
                let flaw = string_flaw(string);
                if !std::mem::replace(&mut self.is_name, false) {
                    return flaw;
                }
                // A bad name names nothing: what has it is named.
                let object = self.levels.pop();
                if flaw.is_none() {
                    self.levels.extend(object.map(|_| Level::Object(string)));
                }
                return flaw;
            }
            [b'{'] => {
                self.levels.push(Level::Object(b""));
                self.is_name = true;
            }
            [b'['] => self.levels.push(Level::Array(0)),
            [b'}' | b']'] => {
                self.levels.pop();
                self.is_name = false;
            }
            [b','] => match self.levels.last_mut() {
                Some(Level::Array(index)) => *index += 1,
                Some(Level::Object(_)) => self.is_name = true,
                None => {}
            },
            [b'-' | b'0'..=b'9', ..] => return number_flaw(token),
            _ => {}
        }
        None
    }

    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for level in &self.levels {
            pointer.push('/');
            match level {
                Level::Array(index) => pointer.push_str(&index.to_string()),
                Level::Object(name) => {
                    let quoted = [b"\"", *name, b"\""].concat();
                    let name = serde_json::from_slice(&quoted)
                        .unwrap_or_else(|_| String::from_utf8_lossy(name).into_owned());
                    pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
                }
            }
        }
        pointer
    }
}

/// What is wrong with the inside of a string.
fn string_flaw(string: &[u8]) -> Option<&'static str> {
    const HALF: Option<&str> = Some("a \\u escape is half of a surrogate pair");
    let mut at = 0;
    while let Some(skipped) = memchr::memchr(b'\\', &string[at..]) {
        at += skipped;
        match code_unit(string, at) {
            None => at += 2,
            Some(0) => return Some("a string holds U+0000, which PostgreSQL cannot read"),
            Some(0xd800..=0xdbff) => match code_unit(string, at + 6) {
                Some(0xdc00..=0xdfff) => at += 12,
                _ => return HALF,
            },
            Some(0xdc00..=0xdfff) => return HALF,
            Some(_) => at += 6,
        }
        if at >= string.len() {
            break;
        }
    }
    None
}

/// What the `\u` escape at `at` stands for, if there is one.
fn code_unit(string: &[u8], at: usize) -> Option<u16> {
    let [b'\\', b'u', digits @ ..] = string.get(at..at + 6)? else { return None };
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// What is wrong with a number.
fn number_flaw(number: &[u8]) -> Option<&'static str> {
    const DECIMALS: Option<&str> =
        Some("a number has more than 16383 decimal places, which PostgreSQL cannot read");
    let text = std::str::from_utf8(number).ok()?;
    if text.parse::<f64>().ok()?.is_infinite() {
        return Some("a number is out of range; the largest is 1.797e308");
    }
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let decimals = mantissa.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    // What does not fit has more digits than any that does.
    let exponent = exponent.parse::<i64>().unwrap_or(if exponent.starts_with('-') {
        i64::MIN / 2
    } else {
        i64::MAX / 2
    });
    if i64::try_from(decimals).ok()?.saturating_sub(exponent) > MAX_DECIMALS {
        return DECIMALS;
    }
    (exponent >= EXPONENT_LIMIT).then_some("a number's exponent is larger than PostgreSQL can read")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(json: &str) -> Option<(&'static str, String, usize)> {
        find(json.as_bytes()).map(|Flaw { reason, pointer, place }| (reason, pointer, place.column))
    }

    #[test]
    fn the_first_value_that_cannot_be_kept_is_named_with_its_place() {
        for (json, reason, pointer, column) in [
            (r#"{"a":{"b/c":[1,"\ud83d"]},"d":"\u0000"}"#, "surrogate", "/a/b~1c/1", 16),
            (r#"["\ude00"]"#, "surrogate", "/0", 2),
            (r#"["\ud83d\u0041"]"#, "surrogate", "/0", 2),
            (r#"["\ud83dx\ude00"]"#, "surrogate", "/0", 2),
            (r#"{"a":1,"b":"x\\\u0000"}"#, "U+0000", "/b", 12),
            (r#"{"a":{"x\u0000":1}}"#, "U+0000", "/a", 7),
            (r#"{"\u0061":1e400}"#, "out of range", "/a", 11),
            ("[1,[{}],-1e309]", "out of range", "/2", 9),
            ("1e-16384", "decimal places", "", 1),
            ("[0.0e-16383]", "decimal places", "/0", 2),
            ("[1e-99999999999999999999]", "decimal places", "/0", 2),
            ("[0e1073741823]", "exponent", "/0", 2),
            ("[0e99999999999999999999]", "exponent", "/0", 2),
        ] {
            let (is, at, place) = found(json).unwrap_or_else(|| panic!("{json}"));
            assert!(is.contains(reason), "{json}: {is}");
            assert_eq!((at.as_str(), place), (pointer, column), "{json}");
        }
    }

    #[test]
    fn what_looks_like_it_and_is_not_is_kept() {
        for json in [
            r#"{"a":"\\u0000","b":"\\\\u0000","c":"\ud83d\ude00\u0001","d":"1e400"}"#,
            r#"{"u0000":"\"","\\u0000":[]}"#,
            "[1e-16383,0.0e-16382,1e308,-0,0e1073741822,12345678901234567890123]",
            "\"\\n\"",
            "true",
            "",
        ] {
            assert_eq!(found(json), None, "{json}");
        }
    }
}
