//! Patterns and events as JSON text, drawn from a fuzzer's bytes: few keys and values, so that they often meet.
//!
//! Bytes that run out are zeros, and the first choice is always one that ends.

use libfuzzer_sys::arbitrary::{Result, Unstructured};

const KEYS: [&str; 6] = ["a", "b", "c", "a.b", "b.a", "a.b.c"];
const STRINGS: [&str; 16] = [
    "x", "", "X", "xy", "yx", "xyx", "xxyx", "é", "É", "10.0.0.1", "10.1.0.1", "::1", "a*b", "1", "null",
    "yxxyxxy",
];
const NUMBERS: [&str; 14] = [
    "1",
    "0",
    "-0.0",
    "1.0",
    "1e0",
    "2",
    "2.5",
    "-1",
    "100",
    "9007199254740993",
    "9007199254740992.0",
    "9007199254740993.0",
    "90071992547409930e-1",
    "1e300",
];
const WILDCARDS: [&str; 8] = ["x*", "*", "*x", "x*y", "*xyx*", "xx*x", "*xyx*xxy*", "a\\\\*b"];
const NETWORKS: [&str; 4] = ["10.0.0.0/8", "10.0.0.1/32", "0.0.0.0/0", "::/0"];
const MAX_DEPTH: usize = 5;

type Bytes<'a, 'b> = &'a mut Unstructured<'b>;

fn list(
    bytes: Bytes<'_, '_>,
    at_least: u8,
    item: impl Fn(Bytes<'_, '_>) -> Result<String>,
) -> Result<Vec<String>> {
    let count = bytes.int_in_range(at_least..=at_least + 3)?;
    (0..count).map(|_| item(bytes)).collect()
}

fn string(bytes: Bytes<'_, '_>) -> Result<String> {
    Ok(format!("{:?}", bytes.choose(&STRINGS)?))
}

fn number(bytes: Bytes<'_, '_>) -> Result<String> {
    Ok((*bytes.choose(&NUMBERS)?).to_owned())
}

fn scalar(bytes: Bytes<'_, '_>) -> Result<String> {
    match bytes.int_in_range(0..=6)? {
        0..=2 => string(bytes),
        3..=5 => number(bytes),
        _ => Ok((*bytes.choose(&["true", "false", "null"])?).to_owned()),
    }
}

fn ignoring_case(bytes: Bytes<'_, '_>) -> Result<String> {
    Ok(format!(r#"{{"equals-ignore-case":{}}}"#, string(bytes)?))
}

fn affix(bytes: Bytes<'_, '_>) -> Result<&'static str> {
    Ok(bytes.choose(&["prefix", "suffix"])?)
}

/// An entry of a field's list. Some are refused, such as a range whose bounds are the wrong way round.
fn wanted(bytes: Bytes<'_, '_>) -> Result<String> {
    Ok(match bytes.int_in_range(0..=14)? {
        0..=3 => scalar(bytes)?,
        4 => r#"{"exists":true}"#.to_owned(),
        5 => r#"{"exists":false}"#.to_owned(),
        6 => format!(r#"{{"{}":{}}}"#, affix(bytes)?, string(bytes)?),
        7 => format!(r#"{{"{}":{}}}"#, affix(bytes)?, ignoring_case(bytes)?),
        8 => ignoring_case(bytes)?,
        9 => format!(r#"{{"wildcard":"{}"}}"#, bytes.choose(&WILDCARDS)?),
        10 => format!(r#"{{"cidr":"{}"}}"#, bytes.choose(&NETWORKS)?),
        11 => {
            format!(r#"{{"numeric":["{}",{}]}}"#, bytes.choose(&["<", "<=", ">", ">=", "="])?, number(bytes)?)
        }
        12 => {
            let (lower, upper) = (bytes.choose(&[">", ">="])?, bytes.choose(&["<", "<="])?);
            format!(r#"{{"numeric":["{lower}",{},"{upper}",{}]}}"#, number(bytes)?, number(bytes)?)
        }
        13 => format!(r#"{{"anything-but":[{}]}}"#, list(bytes, 1, |bytes| string(bytes))?.join(",")),
        _ => excluded(bytes)?,
    })
}

fn excluded(bytes: Bytes<'_, '_>) -> Result<String> {
    let operand = match bytes.int_in_range(0..=4)? {
        0 => number(bytes)?,
        1 => format!("[{}]", list(bytes, 1, |bytes| number(bytes))?.join(",")),
        2 => format!(r#"{{"{}":{}}}"#, affix(bytes)?, string(bytes)?),
        3 => format!(r#"{{"wildcard":"{}"}}"#, bytes.choose(&WILDCARDS)?),
        _ => ignoring_case(bytes)?,
    };
    Ok(format!(r#"{{"anything-but":{operand}}}"#))
}

/// A pattern object; some are refused.
pub(crate) fn pattern(bytes: Bytes<'_, '_>) -> Result<String> {
    pattern_at(bytes, 0)
}

fn pattern_at(bytes: Bytes<'_, '_>, depth: usize) -> Result<String> {
    let inner = |bytes: Bytes<'_, '_>| pattern_at(bytes, depth + 1);
    let entry = |bytes: Bytes<'_, '_>| {
        let kind = if depth == MAX_DEPTH { 0 } else { bytes.int_in_range(0..=9)? };
        Ok(match kind {
            0..=4 => {
                let wanted = list(bytes, 1, |bytes| wanted(bytes))?;
                format!("{:?}:[{}]", bytes.choose(&KEYS)?, wanted.join(","))
            }
            5 | 6 => format!("{:?}:{}", bytes.choose(&KEYS)?, inner(bytes)?),
            7 => format!(r#""$or":[{}]"#, list(bytes, 2, inner)?.join(",")),
            8 => format!(r#""$and":[{}]"#, list(bytes, 1, inner)?.join(",")),
            _ => format!(r#""$not":{}"#, inner(bytes)?),
        })
    };
    Ok(format!("{{{}}}", list(bytes, 1, entry)?.join(",")))
}

/// An event: any JSON object, keys given twice and keys with dots included.
pub(crate) fn event(bytes: Bytes<'_, '_>) -> Result<String> {
    object(bytes, 0)
}

fn object(bytes: Bytes<'_, '_>, depth: usize) -> Result<String> {
    let entry = |bytes: Bytes<'_, '_>| Ok(format!("{:?}:{}", bytes.choose(&KEYS)?, value(bytes, depth + 1)?));
    Ok(format!("{{{}}}", list(bytes, 0, entry)?.join(",")))
}

fn value(bytes: Bytes<'_, '_>, depth: usize) -> Result<String> {
    let kind = if depth > MAX_DEPTH { 0 } else { bytes.int_in_range(0..=7)? };
    match kind {
        0..=3 => scalar(bytes),
        4 | 5 => object(bytes, depth),
        _ => Ok(format!("[{}]", list(bytes, 0, |bytes| value(bytes, depth + 1))?.join(","))),
    }
}
