//! Integers that are written with a fraction or an exponent.
//!
//! The parser reads `9007199254740993.0` as the nearest binary64, which is 9007199254740992. An integer of 64 bits keeps its
//! value however it is written; so those are read again, digit by digit. Numbers so large are rare, and all others are
//! passed over.

use simd_json::{Node, StaticNode};

/// From here on binary64 leaves out integers.
const FIRST_INEXACT: f64 = 9_007_199_254_740_992.0;
/// Beyond all integers of 64 bits.
const LAST_INEXACT: f64 = 18_446_744_073_709_551_616.0;

/// Gives integers of 64 bits back what binary64 took from them. `json` is the text that the nodes were read from.
pub(super) fn restore_integers(nodes: &mut [Node<'_>], json: &[u8]) {
    if nodes.iter().any(may_be_inexact) {
        restore(nodes, json);
    }
}

fn may_be_inexact(node: &Node<'_>) -> bool {
    matches!(node, Node::Static(StaticNode::F64(float)) if (FIRST_INEXACT..=LAST_INEXACT).contains(&float.abs()))
}

#[cold]
fn restore(nodes: &mut [Node<'_>], json: &[u8]) {
    let is_number = |node: &&mut Node<'_>| {
        matches!(node, Node::Static(StaticNode::I64(_) | StaticNode::U64(_) | StaticNode::F64(_)))
    };
    for (node, text) in nodes.iter_mut().filter(is_number).zip(Numbers { rest: json }) {
        if may_be_inexact(node)
            && let Some(integer) = integer(text)
        {
            *node = Node::Static(integer);
        }
    }
}

/// The numbers of a JSON text, in order.
struct Numbers<'j> {
    rest: &'j [u8],
}

impl<'j> Iterator for Numbers<'j> {
    type Item = &'j [u8];

    fn next(&mut self) -> Option<&'j [u8]> {
        loop {
            let (first, after) = self.rest.split_first()?;
            match first {
                b'"' => self.rest = after_string(after),
                b'-' | b'0'..=b'9' => {
                    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
                    let end = self.rest.iter().position(|byte| !is_part(byte)).unwrap_or(self.rest.len());
                    let (number, rest) = self.rest.split_at(end);
                    self.rest = rest;
                    return Some(number);
                }
                _ => self.rest = after,
            }
        }
    }
}

/// What comes behind a string that begins here.
fn after_string(mut text: &[u8]) -> &[u8] {
    loop {
        match text {
            [b'"', rest @ ..] => return rest,
            [b'\\', _, rest @ ..] | [_, rest @ ..] => text = rest,
            [] => return text,
        }
    }
}

/// The integer that a JSON number is, if it is one of 64 bits.
fn integer(text: &[u8]) -> Option<StaticNode> {
    let (negative, text) = text.strip_prefix(b"-").map_or((false, text), |text| (true, text));
    let e = text.iter().position(|byte| byte.eq_ignore_ascii_case(&b'e'));
    let (mantissa, exponent) = text.split_at(e.unwrap_or(text.len()));
    let exponent = match exponent {
        [] => 0,
        [_, exponent @ ..] => str::from_utf8(exponent).ok()?.parse::<i64>().ok()?,
    };
    let point = mantissa.iter().position(|byte| *byte == b'.').unwrap_or(mantissa.len());
    let fraction = i64::try_from(mantissa.len().saturating_sub(point + 1)).ok()?;
    let zeros = mantissa.iter().rev().take_while(|byte| matches!(byte, b'0' | b'.'));
    let zeros = i64::try_from(zeros.filter(|byte| **byte == b'0').count()).ok()?;
    // The digits up to the last that is not 0, as an integer, times a power of ten.
    let power = u32::try_from(exponent.checked_sub(fraction)?.checked_add(zeros)?).ok()?;
    let digits = mantissa.iter().filter(|byte| **byte != b'.');
    let count = digits.clone().count().checked_sub(usize::try_from(zeros).ok()?)?;
    let significant = digits
        .take(count)
        .try_fold(0_i128, |value, digit| value.checked_mul(10)?.checked_add(i128::from(digit - b'0')))?;
    let magnitude = significant.checked_mul(10_i128.checked_pow(power)?)?;
    let value = if negative { -magnitude } else { magnitude };
    i64::try_from(value).map(StaticNode::I64).or_else(|_| u64::try_from(value).map(StaticNode::U64)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Parser;
    use proptest::prelude::*;

    fn read(json: &str) -> Vec<StaticNode> {
        let numbers = |nodes: &[Node<'_>]| {
            nodes
                .iter()
                .filter_map(|node| if let Node::Static(number) = node { Some(*number) } else { None })
                .collect()
        };
        Parser::new(8).parse(json.as_bytes(), |document| numbers(document.nodes())).expect("valid")
    }

    #[test]
    fn integers_of_64_bits_keep_their_value_however_they_are_written() {
        for (text, value) in [
            ("9007199254740993.0", 9_007_199_254_740_993_i64),
            ("9007199254740993e0", 9_007_199_254_740_993),
            ("90071992547409930.00E-1", 9_007_199_254_740_993),
            ("9.007199254740993e+15", 9_007_199_254_740_993),
            ("-9007199254740993.0", -9_007_199_254_740_993),
            ("0.0009223372036854775807e22", i64::MAX),
            ("-9223372036854775808.0", i64::MIN),
        ] {
            assert_eq!(read(text), [StaticNode::I64(value)], "{text}");
        }
        assert_eq!(read("18446744073709551615.0"), [StaticNode::U64(u64::MAX)]);
    }

    #[test]
    fn other_numbers_are_left_as_they_are() {
        for text in [
            "9007199254740993.5",
            "18446744073709551616",
            "1e18446744073709551616000e0",
            "1.5",
            "1e300",
            "9e-9",
        ] {
            let Ok(float) = text.parse::<f64>() else { continue };
            assert_eq!(read(text), [StaticNode::F64(float)], "{text}");
        }
        assert_eq!(read("10e15"), [StaticNode::I64(10_000_000_000_000_000)]);
    }

    #[test]
    fn each_number_is_found_among_strings_that_look_like_numbers() {
        let json = r#"{"1":"2\"3","-4\\":[5,9007199254740993.0,true,"e6",null,1e3],"x":-7}"#;
        let expected = [
            StaticNode::I64(5),
            StaticNode::I64(9_007_199_254_740_993),
            StaticNode::Bool(true),
            StaticNode::Null,
            StaticNode::F64(1e3),
            StaticNode::I64(-7),
        ];
        assert_eq!(read(json), expected);
    }

    proptest! {
        #[test]
        fn whatever_the_spelling_an_integer_is_read_exactly(integer in any::<i64>(), zeros in 0..6_usize, form in 0..4) {
            prop_assume!(integer != 0);
            let magnitude = i128::from(integer).unsigned_abs().to_string();
            let sign = if integer < 0 { "-" } else { "" };
            let text = match form {
                0 => format!("{sign}{magnitude}.{}", "0".repeat(zeros + 1)),
                1 => format!("{sign}{magnitude}{}e-{zeros}", "0".repeat(zeros)),
                2 => format!("{sign}{}.{}0e{}", &magnitude[..1], &magnitude[1..], magnitude.len() - 1),
                _ => format!("{sign}0.{magnitude}E+{}", magnitude.len()),
            };
            let read = read(&text);
            let same = match read[..] {
                [StaticNode::I64(read)] => read == integer,
                // Below 2^53 binary64 is exact.
                [StaticNode::F64(float)] => float.abs() < FIRST_INEXACT && format!("{float:.0}").replace("-0", "0") == integer.to_string(),
                _ => false,
            };
            prop_assert!(same, "{text} is read as {read:?}");
        }
    }
}
