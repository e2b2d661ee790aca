//! Values, each in an event of its own, sent as lines: those refused are refused alone.

use super::{Pipeline, event, event_with, shown};

/// What is to become of an event.
#[derive(Clone, Copy, Debug)]
enum Expected {
    Stored,
    /// The reason says this.
    Refused(&'static str),
}
use Expected::{Refused, Stored};

const NO_JSON: Expected = Refused("not valid JSON");
const DEEP: Expected = Refused("nested too deep; the limit is 64");
const NUL: Expected = Refused("U+0000");

/// Sends the events in one body, and checks the fate of each.
async fn assert_fates(pipeline: &mut Pipeline, cases: &[(Vec<u8>, Expected)]) {
    let lines: Vec<_> = cases.iter().map(|(line, _)| line.clone()).collect();
    let refusals = pipeline.post_lines(&lines).await;
    for ((line, expected), refusal) in cases.iter().zip(refusals) {
        let as_expected = match (expected, &refusal) {
            (Stored, None) => true,
            (Refused(reason), Some(refusal)) => refusal.contains(reason),
            _ => false,
        };
        assert!(as_expected, "{} should be {expected:?}, was {refusal:?}", shown(line));
    }
    pipeline.assert_all_stored().await;
}

/// Each value as the member `v` of the properties of an event.
fn in_properties<'a>(
    group: &'a str,
    values: &'a [(&'a [u8], Expected)],
) -> impl Iterator<Item = (Vec<u8>, Expected)> + 'a {
    values.iter().enumerate().map(move |(number, (value, expected))| {
        let event = event(&format!("{group} {number}"), r#""v":@"#);
        let (before, after) = event.split_once('@').unwrap();
        ([before.as_bytes(), value, after.as_bytes()].concat(), *expected)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_and_texts_are_stored_as_they_were_written_or_refused() {
    let mut pipeline = Pipeline::start().await;
    let digits = "1".repeat(400);
    let [long_zero, too_long_zero] = [16_383, 16_384].map(|decimals| format!("0.{}", "0".repeat(decimals)));
    let [long_half, too_long_half] = [16_382, 16_383].map(|decimals| format!("0.5{}", "0".repeat(decimals)));
    let numbers: Vec<(&[u8], Expected)> = vec![
        (b"-0", Stored),
        (b"-0.0e-0", Stored),
        (b"1E5", Stored),
        (b"1e+05", Stored),
        (b"5e-324", Stored),
        (b"1e-400", Stored),
        (b"1e-16383", Stored),
        (b"-12.5e-16382", Stored),
        (b"0e1073741822", Stored),
        (b"1e-16384", Refused("decimal places")),
        (b"-12.5E-16383", Refused("decimal places")),
        (b"0e-20000", Refused("decimal places")),
        (b"1e-99999999999999999999", Refused("decimal places")),
        (long_zero.as_bytes(), Stored),
        (too_long_zero.as_bytes(), Refused("decimal places")),
        (long_half.as_bytes(), Stored),
        (too_long_half.as_bytes(), Refused("decimal places")),
        (b"0e1073741823", Refused("exponent")),
        (b"1.7976931348623157e308", Stored),
        (b"18446744073709551615", Stored),
        (b"18446744073709551616", Stored),
        (b"-9223372036854775809", Stored),
        (b"0.1000000000000000055511151231257827021181583404541015625", Stored),
        (b"1e400", Refused("a number is out of range")),
        (b"-1e400", Refused("out of range")),
        (b"1e99999999999999999999", Refused("out of range")),
        (digits.as_bytes(), Refused("out of range")),
        (b"01", NO_JSON),
        (b"+1", NO_JSON),
        (b".5", NO_JSON),
        (b"1.", NO_JSON),
        (b"1e", NO_JSON),
        (b"-", NO_JSON),
        (b"0x10", NO_JSON),
        (b"NaN", NO_JSON),
        (b"Infinity", NO_JSON),
    ];
    let numbers: Vec<_> = in_properties("number", &numbers).collect();
    assert_fates(&mut pipeline, &numbers).await;

    let texts: [(&[u8], Expected); 35] = [
        (br#""\u0000""#, NUL),
        (br#"{"\u0000":1}"#, NUL),
        (br#"[{"a":"\\\u0000"}]"#, NUL),
        (br#""\\u0000""#, Stored),
        (br#"{"\\u0000":"\\\\u0000"}"#, Stored),
        (br#""\u0001\u001f\b\f\n\r\t\/\\\"""#, Stored),
        (br#""\ud83d\ude00""#, Stored),
        (br#""\uFFFF\uFFFE\uDBFF\uDFFF""#, Stored),
        ("\"\u{ffff}\u{fdd0}\u{10ffff}\"".as_bytes(), Stored),
        ("\"\u{202e}\u{200f}\u{2028}\u{2029}\u{feff}\u{7f}\u{85}\"".as_bytes(), Stored),
        ("\"e\u{301} \u{e9}\"".as_bytes(), Stored),
        (br#""\ud800""#, Refused("surrogate")),
        (br#""\udc00""#, Refused("surrogate")),
        (br#""\ud800\ud800""#, Refused("surrogate")),
        (br#""\ud800x""#, Refused("surrogate")),
        (br#"{"\udfff":1}"#, Refused("surrogate")),
        (br#""\u12""#, NO_JSON),
        (br#""\x41""#, NO_JSON),
        (br#""\"#, NO_JSON),
        (br#"""#, NO_JSON),
        (b"\"\0\"", NO_JSON),
        (b"\"\x01\"", NO_JSON),
        (b"\"\t\"", NO_JSON),
        (b"\"\x1f\"", NO_JSON),
        (b"\0", NO_JSON),
        (b"\x0c1", NO_JSON),
        ("\u{a0}1".as_bytes(), NO_JSON),
        ("\u{feff}1".as_bytes(), NO_JSON),
        (b"\"\x80\"", NO_JSON),
        (b"\"\xff\xfe\"", NO_JSON),
        (b"\"\xc0\x80\"", NO_JSON),
        (b"\"\xed\xa0\x80\"", NO_JSON),
        (b"\"\xf4\x90\x80\x80\"", NO_JSON),
        (b"\"\xe2\x82\"", NO_JSON),
        (b"'x'", NO_JSON),
    ];
    let texts: Vec<_> = in_properties("text", &texts).collect();
    assert_fates(&mut pipeline, &texts).await;
    pipeline.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn structures_are_stored_as_they_were_written_or_refused() {
    let mut pipeline = Pipeline::start().await;
    // The event and its properties are two levels.
    let nested = |open: &str, inside: &str, close: &str, levels: usize| {
        [open.repeat(levels), inside.to_owned(), close.repeat(levels)].concat()
    };
    let (arrays, objects) =
        (|levels| nested("[", "", "]", levels), |levels| nested("{\"k\":", "1", "}", levels));
    let [huge_key, many] =
        [format!("{{\"{}\":1}}", "k".repeat(60_000)), format!("[{}1]", "1,".repeat(30_000))];
    let members = (0..5_000).map(|key| format!("\"{key}\":{key}")).collect::<Vec<_>>().join(",");
    let unclosed = "[".repeat(60_000);
    let values: Vec<(String, Expected)> = vec![
        (arrays(62), Stored),
        (objects(62), Stored),
        (arrays(63), DEEP),
        (objects(63), DEEP),
        (arrays(30_000), DEEP),
        (objects(9_000), DEEP),
        (unclosed, DEEP),
        (huge_key, Stored),
        (many, Stored),
        (format!("{{{members}}}"), Stored),
        (r#"{"":{"":[{},[],"",null]}}"#.to_owned(), Stored),
        (r#"{"a":1,"a":{"a":2,"a":3},"\u0061":4}"#.to_owned(), Stored),
        (" [ 1 ,\t2\r] ".to_owned(), Stored),
        ("[1,]".to_owned(), NO_JSON),
        ("{\"a\":1,}".to_owned(), NO_JSON),
        ("{\"a\"}".to_owned(), NO_JSON),
        ("{a:1}".to_owned(), NO_JSON),
        ("[1 2]".to_owned(), NO_JSON),
        ("tru".to_owned(), NO_JSON),
        ("1}} x".to_owned(), NO_JSON),
        ("1 // x".to_owned(), NO_JSON),
        ("[".to_owned(), NO_JSON),
        (String::new(), NO_JSON),
    ];
    let values: Vec<_> = values.iter().map(|(value, expected)| (value.as_bytes(), *expected)).collect();
    let values: Vec<_> = in_properties("structure", &values).collect();
    assert_fates(&mut pipeline, &values).await;
    pipeline.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_becomes_a_column_is_stored_up_to_its_limit_in_bytes() {
    let mut pipeline = Pipeline::start().await;
    let texts = |texts: &[(String, Expected)], event: &dyn Fn(usize, &str) -> String| -> Vec<_> {
        let events = texts.iter().enumerate();
        events.map(|(number, (text, expected))| (event(number, text).into_bytes(), *expected)).collect()
    };
    let common = |limit: usize| {
        [
            ("\u{e9}".repeat(limit / 2), Stored),
            ("\u{1f600}".repeat(limit / 4), Stored),
            ("\\ud83d\\ude01".repeat(limit / 4), Stored),
            ("\\u00e8".repeat(limit / 2), Stored),
            ("x".repeat(limit), Stored),
            (format!("{}x", "\u{e9}".repeat(limit / 2)), Refused("the limit is")),
            (format!("{}\\u0078", "\\u00e9".repeat(limit / 2)), Refused("the limit is")),
            ("x".repeat(limit + 1), Refused("the limit is")),
            ("x".repeat(60_000), Refused("the limit is")),
            (String::new(), Refused("is empty")),
            ("\\u0000".to_owned(), NUL),
            ("a\\u0000b".to_owned(), NUL),
            ("\\ud800".to_owned(), Refused("surrogate")),
            ("\u{202e}\u{ffff}\u{10ffff}\\u0001\\t\\\\ '; drop table events; --".to_owned(), Stored),
            (" ".to_owned(), Refused("is blank")),
            ("\u{3000}\\t".to_owned(), Refused("is blank")),
            (" x ".to_owned(), Stored),
            ("\\\\N".to_owned(), Stored),
        ]
    };
    let ids = texts(&common(128), &|_, id| event_with(&format!("\"{id}\""), "\"t\"", "\"u\"", ""));
    assert_fates(&mut pipeline, &ids).await;
    let users = texts(&common(256), &|number, user| {
        event_with(&format!("\"user {number}\""), "\"t\"", &format!("\"{user}\""), "")
    });
    assert_fates(&mut pipeline, &users).await;
    let types = texts(&common(256), &|number, event_type| {
        event_with(&format!("\"type {number}\""), &format!("\"{event_type}\""), "\"u\"", "")
    });
    assert_fates(&mut pipeline, &types).await;
    let others = ["null", "1", "true", "[]", "{}"]
        .map(|id| (event_with(id, "\"t\"", "\"u\"", "").into_bytes(), Refused("must be a string")));
    assert_fates(&mut pipeline, &others).await;
    assert_columns_are_as_in_payloads(&pipeline).await;
    pipeline.end().await;
}

/// The columns hold what a parser of another make reads in the payload.
async fn assert_columns_are_as_in_payloads(pipeline: &Pipeline) {
    let columns = "select payload::text, event_id, user_id, event_type from events";
    for row in pipeline.server.stores.postgres().await.query(columns, &[]).await.unwrap() {
        let payload: serde_json::Value = serde_json::from_str(row.get(0)).unwrap();
        for (column, name) in [(1, "event_id"), (2, "user_id"), (3, "event_type")] {
            assert_eq!(payload[name], row.get::<_, &str>(column));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_that_are_unknown_repeated_or_of_another_type_are_refused() {
    let mut pipeline = Pipeline::start().await;
    let with = |id: &str, more: &str| format!("{},{more}}}", event(id, "").strip_suffix('}').unwrap());
    let cases: Vec<(String, Expected)> = vec![
        (with("a", r#""event_id":"b""#), Refused("event_id is given twice")),
        (with("b", r#""\u0065vent_id":"b""#), Refused("event_id is given twice")),
        (with("c", r#""properties":{}"#), Refused("properties is given twice")),
        (with("d", r#""user_id":"other""#), Refused("user_id is given twice")),
        (with("e", r#""":1"#), Refused("is not a member")),
        (with("f", r#""\u0000":1"#), Refused("is not a member")),
        (with("g", &format!("\"{}\":1", "k".repeat(60_000))), Refused("is not a member")),
        (with("h", r#""Context":{}"#), Refused("is not a member")),
        (with("i", r#""context":[]"#), Refused("must be an object")),
        (with("j", r#""context":{"\u0000":"\u0000"}"#), NUL),
        ("[]".to_owned(), Refused("an event is a JSON object")),
        ("null".to_owned(), Refused("an event is a JSON object")),
        ("\"x\"".to_owned(), Refused("an event is a JSON object")),
        ("{}".to_owned(), Refused("event_type is required")),
        (format!("\u{feff}{}", event("k", "")), NO_JSON),
        (format!("{} {{}}", event("l", "")), NO_JSON),
        (event("m", "")[1..].to_owned(), NO_JSON),
        (event("n", "").strip_suffix('}').unwrap().to_owned(), NO_JSON),
        (format!("\u{b}{}", event("o", "")), NO_JSON),
    ];
    let cases: Vec<_> = cases.into_iter().map(|(event, expected)| (event.into_bytes(), expected)).collect();
    assert_fates(&mut pipeline, &cases).await;

    let timestamps = ["", "2026-02-30T00:00:00Z", "2026-11-23", "9999-12-31T23:59:60Z\\u0000", "infinity"];
    let cases = timestamps.map(|time| {
        let event = event("time", "").replace("2026-11-23T05:00:00Z", time);
        (event.into_bytes(), Refused("timestamp is not an RFC 3339 time"))
    });
    assert_fates(&mut pipeline, &cases).await;
    pipeline.end().await;
}
