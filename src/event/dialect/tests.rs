use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::{Arrival, EnvelopeReader, Limits, Place, Refusal};
use super::*;

const SEGMENT: Dialect<'_> = Dialect::Segment { call: None, shared: SegmentShared::NONE };
/// The payload that a message becomes.
fn read(dialect: Dialect<'_>, message: impl AsRef<[u8]>) -> Result<String, EnvelopeError> {
    let arrival = Arrival::at(Timestamp::UNIX_EPOCH);
    EnvelopeReader::new(Limits::DEFAULT).read_message(
        dialect,
        message.as_ref(),
        &arrival,
        Uuid::nil,
        |envelope| String::from_utf8(envelope.payload.to_vec()).expect("JSON is UTF-8"),
    )
}

fn event(dialect: Dialect<'_>, message: &Value) -> Value {
    let payload = read(dialect, message.to_string()).expect("accepted");
    serde_json::from_str(&payload).expect("JSON")
}

fn refusal(dialect: Dialect<'_>, message: &str) -> Refusal {
    read(dialect, message).expect_err(message).into()
}

/// The whole of what is refused, a case a paragraph.
fn refusals(dialect: Dialect<'_>, cases: &[&str]) -> String {
    let shown = cases.iter().map(|json| {
        let Refusal { pointer, detail, event_id, place } = refusal(dialect, json);
        let place = place.map_or(String::new(), |place| format!(" at {place}"));
        format!(
            "{json}\n  {pointer:?}: {detail}{place}{}",
            event_id.map_or(String::new(), |id| format!(" [{id}]"))
        )
    });
    shown.collect::<Vec<_>>().join("\n")
}

fn cloud_event(source: &str, id: &str) -> Value {
    json!({"specversion": "1.0", "source": source, "id": id, "type": "t", "subject": "u"})
}

fn cloud_event_id(source: &str, id: &str) -> String {
    event(Dialect::CloudEvents, &cloud_event(source, id))["event_id"].as_str().expect("a string").to_owned()
}

#[test]
fn values_are_written_as_they_came() {
    let message = r#"{ "data" : {"b":1.50e2,"a":[ 1 ,{"c":"\u00e9"}],"a":2} , "id":"\u0031", "source":"/s",
        "specversion":"1.0","type":"\u0074","subject":"u","time":null,"n":12345678901234567890}"#;
    assert_eq!(
        read(Dialect::CloudEvents, message).expect("accepted"),
        concat!(
            r#"{"timestamp":"1970-01-01T00:00:00Z","event_id":"/s 1","event_type":"\u0074","user_id":"u","#,
            r#""properties":{"b":1.50e2,"a":[ 1 ,{"c":"\u00e9"}],"a":2},"#,
            r#""context":{"source":"/s","id":"\u0031","n":12345678901234567890}}"#
        )
    );
    let message = r#"{"type":"group","groupId":"g\u0031","traits":{"n": 1.0},"anonymousId":"a","userId":"",
        "context":{ "ip":"::1" },"originalTimestamp":"2026-11-23T05:00:00Z","writeKey":"secret","x/y":[1 ]}"#;
    assert_eq!(
        read(SEGMENT, message).expect("accepted"),
        concat!(
            r#"{"event_id":"00000000-0000-0000-0000-000000000000","event_type":"group","user_id":"a","#,
            r#""timestamp":"2026-11-23T05:00:00Z","properties":{"n": 1.0},"#,
            r#""context":{"segment":{"type":"group","groupId":"g\u0031","x/y":[1 ]},"ip":"::1"}}"#
        )
    );
}

#[test]
fn what_is_wrong_with_a_cloud_event_is_named_in_its_own_words() {
    let cases = [
        r#"{"id":"1"}"#,
        r#"{"specversion":1.0}"#,
        r#"{"specversion":"0.3"}"#,
        r#"{"specversion":"1.0","id":"1"}"#,
        r#"{"specversion":"1.0","source":"/s"}"#,
        r#"{"specversion":"1.0","source":"/s","id":7}"#,
        r#"{"specversion":"1.0","source":"","id":"1"}"#,
        r#"{"specversion":"1.0","source":"/s","id":"1","type":" ","subject":"u"}"#,
        r#"{"specversion":"1.0","source":"/s","source":"/s","id":"1"}"#,
        r#"{"specversion":"1.0","source":"/a b","id":"1"}"#,
        r#"{"specversion":"1.0","source":"/s","id":"1","type":"t"}"#,
        r#"{"specversion":"1.0","source":"/s","id":"1","type":"t","subject":null}"#,
        r#"{"specversion":"1.0","source":"/s","id":"1","type":"t","subject":"u","time":"now"}"#,
        r#"{"specversion":"1.0","source":"/s","id":"1","type":"t","subject":"u","data":"text"}"#,
        r#"{"specversion":"1.0","source":"/s","id":"1","type":"t","subject":"u","data_base64":"AA=="}"#,
        r#"{"specversion":"1.0","source":"/s","id":"1","type":"t","subject":"u","user_id":"u"}"#,
        r#"{"specversion":"1.0","source":"/s","id":"1\u0000","type":"t","subject":"u"}"#,
        r#"{"specversion":"0.3","source":"/s","id":"1","type":"t","subject":"u"}"#,
        r#"{"specversion":"1.0","source":"/s","id":"1","type":"t","subject":"u","x":1,"tier":1,"tier":2}"#,
        r#"{"specversion":"1.0","source":"/s","id":"1","type":"t","subject":"u","data":{"a":["\ud83d"]}}"#,
        "[]",
        r#"{"specversion":"1.0","n":1e999}"#,
    ];
    insta::assert_snapshot!(refusals(Dialect::CloudEvents, &cases));
}

#[test]
fn what_is_wrong_with_a_segment_message_is_named_in_its_own_words() {
    let cases = [
        r#"{"userId":"u"}"#,
        r#"{"userId":"u","type":"charge"}"#,
        r#"{"userId":"u","type":7}"#,
        r#"{"userId":"u","type":"track","messageId":"m"}"#,
        r#"{"type":"identify"}"#,
        r#"{"type":"identify","userId":7}"#,
        r#"{"type":"identify","userId":"u","userId":"u"}"#,
        r#"{"type":"identify","userId":"","anonymousId":["a"]}"#,
        r#"{"type":"identify","userId":"u","traits":[]}"#,
        r#"{"type":"page","userId":"u","properties":7}"#,
        r#"{"type":"page","userId":"u","context":"x"}"#,
        r#"{"type":"page","userId":"u","timestamp":"2026-11-23"}"#,
        r#"{"type":"page","userId":"u","originalTimestamp":0}"#,
        r#"{"type":"page","userId":"u","messageId":""}"#,
        r#"{"type":"page","userId":" ","anonymousId":"a"}"#,
        r#"{"type":"page","messageId":"m"}"#,
        r#"{"type":"charge","messageId":"m"}"#,
        r#"{"type":"page","userId":"u","messageId":"m","groupId":1,"groupId":2}"#,
        r#"{"type":"page","userId":"u","messageId":"m","properties":{"a":1e400}}"#,
        "7",
    ];
    insta::assert_snapshot!(refusals(SEGMENT, &cases));
    let track = Dialect::Segment { call: Some(SegmentCall::Track), shared: SegmentShared::NONE };
    assert_eq!(refusal(track, r#"{"type":"page"}"#).detail, "type is not \"track\", as the route says");
}

/// The context that a page view with `context` has in a batch that says `shared`.
fn context_in_batch(context: &str, shared: &str) -> String {
    let body = format!(r#"{{"batch":[],{shared}}}"#);
    let shared = SegmentBatch::read(body.as_bytes()).expect("a batch").shared();
    let message = format!(
        r#"{{"messageId":"m","type":"page","userId":"u","timestamp":"2026-11-23T05:00:00Z",{context}}}"#
    );
    let event = read(Dialect::Segment { call: None, shared }, message).expect("accepted");
    event.split_once(r#""context":"#).expect("a context").1.strip_suffix('}').expect("the end").to_owned()
}

#[test]
fn a_batchs_context_and_integrations_are_merged_with_those_of_each_message() {
    for (context, shared, merged) in [
        (
            r#""context":{ "ip":"::1", "app" : 1.0 }"#,
            r#""context":{"ip":"::2","app":2,"os" : {"a":null}}"#,
            r#"{"segment":{"type":"page"},"ip":"::1","app":1.0,"os":{"a":null}}"#,
        ),
        (r#""x":1"#, r#""context":{"ip":"::2"}"#, r#"{"segment":{"type":"page","x":1},"ip":"::2"}"#),
        (r#""context":null"#, r#""context":{"ip":"::2"}"#, r#"{"segment":{"type":"page"},"ip":"::2"}"#),
        (r#""context":{"ip":"::1"}"#, r#""context":null"#, r#"{"segment":{"type":"page"},"ip":"::1"}"#),
        (
            r#""integrations":{"All":true,"A":1}"#,
            r#""integrations":{"A":2,"B":[ 1]}"#,
            r#"{"segment":{"type":"page","integrations":{"All":true,"A":1,"B":[ 1]}}}"#,
        ),
        (
            r#""x":1"#,
            r#""integrations":{"A":2}"#,
            r#"{"segment":{"type":"page","integrations":{"A":2},"x":1}}"#,
        ),
        (
            r#""context":{"ip":"::1","se\u0067ment":[1 ]}"#,
            r#""context":{"segment":2,"os":3}"#,
            r#"{"segment":{"type":"page","context":{"segment":[1 ]}},"ip":"::1","os":3}"#,
        ),
        (
            r#""context":{"segment":7}"#,
            r#""integrations":null"#,
            r#"{"segment":{"type":"page","context":{"segment":7}}}"#,
        ),
    ] {
        assert_eq!(context_in_batch(context, shared), merged, "{context} in {shared}");
    }
    for shared in [r#""context":7"#, r#""integrations":[]"#] {
        let refusal = Refusal::from(
            SegmentBatch::read(format!(r#"{{"batch":[],{shared}}}"#).as_bytes()).expect_err(shared),
        );
        assert!(refusal.detail.ends_with("must be an object"), "{}", refusal.detail);
    }
}

#[test]
fn limits_hold_for_the_message_and_for_the_event() {
    let with_data = |bytes: usize| {
        let mut message = cloud_event("/s", "1");
        message["data"] = json!({"p": "x".repeat(bytes)});
        message.to_string()
    };
    assert!(read(Dialect::CloudEvents, with_data(65_000)).is_ok());
    assert!(refusal(Dialect::CloudEvents, &with_data(65_535)).detail.contains("the limit is 65536"));
    let body = json!({"batch": [], "context": {"p": "x".repeat(65_500)}}).to_string();
    let shared = SegmentBatch::read(body.as_bytes()).expect("a batch").shared();
    let message = r#"{"type":"page","userId":"u"}"#;
    assert!(refusal(Dialect::Segment { call: None, shared }, message).detail.contains("the limit is 65536"));
    let deep = format!(r#"{{"type":"page","userId":"u","x":{}{}}}"#, "[".repeat(62), "]".repeat(62));
    assert!(refusal(SEGMENT, &deep).detail.contains("64 levels"));
}

#[test]
fn an_id_that_is_too_long_to_be_read_is_its_hash() {
    assert_eq!(cloud_event_id("/shop", "17"), "/shop 17");
    assert_eq!(cloud_event_id("/shop", &"1".repeat(122)).len(), 128);
    let hashed = cloud_event_id("/shop", &"1".repeat(123));
    assert_eq!(hashed, "sha256:7nNMlA2apuWZLSDuZ1k08NT_E7u808eywoO8KLcFCkM");
}

#[test]
fn headers_are_unquoted_and_decoded_once() {
    let composed = |value: &str| {
        let attributes = [("subject", value.as_bytes())];
        compose_cloud_event(attributes.into_iter(), None, b"")
            .map(|text| String::from_utf8(text).expect("JSON"))
    };
    for (header, value) in [
        ("plain", "plain"),
        ("Euro%20%E2%82%AC%20%f0%9f%98%80", "Euro € 😀"),
        (r#""a \"b\" \\c""#, r#"a "b" \c"#),
        ("\"%41\"", "A"),
        ("%2541", "%41"),
        ("100%", "100%"),
        ("", ""),
        ("\"", "\""),
    ] {
        let text = composed(header).expect(header);
        assert_eq!(
            serde_json::from_str::<Value>(&text).expect("JSON"),
            json!({"subject": value}),
            "{header}"
        );
    }
    for header in ["%C0%A0", "\"a\"b\"", "\"a\\\""] {
        let refusal = Refusal::from(composed(header).expect_err(header));
        assert_eq!(refusal.pointer, "/subject", "{header}");
    }
}

#[test]
fn a_source_in_a_header_is_that_of_the_json_format() {
    let id = |source: &str| {
        let text = |text: &'static str| text.as_bytes();
        let attributes = [("specversion", text("1.0")), ("id", text("1")), ("source", source.as_bytes())];
        let attributes = attributes.into_iter().chain([("type", text("t")), ("subject", text("u"))]);
        let composed = compose_cloud_event(attributes, None, b"").expect(source);
        read(Dialect::CloudEvents, composed).map(|event| {
            serde_json::from_str::<Value>(&event).expect("JSON")["event_id"]
                .as_str()
                .expect("a text")
                .to_owned()
        })
    };
    for (header, source) in
        [("/a%2Fb", "/a%2Fb"), ("/a%252Fb", "/a%2Fb"), ("/a%20b", "/a%20b"), ("\"/a\"", "/a")]
    {
        assert_eq!(id(header).expect(header), cloud_event_id(source, "1"), "{header}");
    }
    let refusal = Refusal::from(id("/a b").expect_err("a space"));
    assert!(refusal.detail.contains("write %20"), "{}", refusal.detail);
}

#[test]
fn a_refused_header_names_the_event_and_a_content_type_may_not_be_contradicted() {
    let compose = |more: (&'static str, &'static [u8])| {
        let attributes = [("id", &b"1"[..]), ("source", b"/s"), more];
        compose_cloud_event(attributes.into_iter(), Some(b"application/json"), b"{}")
    };
    for more in [("datacontenttype", &b"text/json"[..]), ("note", b"%C0"), ("note", b"%00")] {
        let refusal = Refusal::from(compose(more).expect_err("refused"));
        assert_eq!(refusal.event_id.as_deref(), Some("/s 1"), "{}", refusal.detail);
        assert_eq!(refusal.pointer, format!("/{}", more.0));
    }
    let composed = String::from_utf8(compose(("datacontenttype", b"application/json")).expect("the same"));
    assert_eq!(composed.expect("text").matches("datacontenttype").count(), 1);
}

#[test]
fn data_in_a_body_keeps_its_columns_and_begins_on_the_second_line() {
    let attributes = [("specversion", &b"1.0"[..]), ("id", b"1"), ("source", b"/s"), ("type", b"t")];
    let data = b"{\"a\": \"\\ud800\"}";
    let composed = compose_cloud_event(attributes.into_iter(), None, data).expect("composed");
    let refusal = Refusal::from(read(Dialect::CloudEvents, composed).expect_err("half of a pair"));
    assert_eq!(refusal.place, Some(Place { line: 2, column: 7 }));
    assert_eq!(refusal.pointer, "/data/a");
}

#[test]
fn data_cannot_pass_for_an_attribute() {
    let attributes = [("id", b"1".as_slice())];
    for data in [r#"{}, "subject":"u""#, "{}}", "1 2", "{"] {
        let composed =
            compose_cloud_event(attributes.into_iter(), Some(b"application/json"), data.as_bytes());
        assert!(matches!(composed, Err(EnvelopeError::Malformed(_))), "{data}");
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z\"\\\\\u{1}\u{e9} ]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            members(inner).prop_map(Value::Object),
        ]
    })
}

fn members(value: impl Strategy<Value = Value>) -> impl Strategy<Value = serde_json::Map<String, Value>> {
    prop::collection::hash_map("[a-z]{0,6}", value, 0..5).prop_map(|members| members.into_iter().collect())
}

/// A message with members of the names that matter, and any values.
fn message() -> impl Strategy<Value = Value> {
    let names = "specversion|id|source|type|subject|time|data|data_base64|messageId|event|userId|anonymousId|traits|properties|context|timestamp|[a-z_/]{0,4}";
    let value = prop_oneof![
        json_value(),
        prop::sample::select(vec!["1.0", "track", "page", "2026-11-23T05:00:00Z", ""]).prop_map(Value::from)
    ];
    prop::collection::hash_map(names, value, 0..12)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

proptest! {
    #[test]
    fn data_and_attributes_are_kept(data in members(json_value()), extra in members(json_value()), id in "[ -~]{1,200}") {
        let mut sent = cloud_event("/s", &id);
        sent["data"] = json!(data);
        for (name, value) in &extra {
            prop_assume!(!name.is_empty() && sent.get(name).is_none() && !matches!(&**name, "time" | "data"));
            sent[name] = value.clone();
        }
        let event = event(Dialect::CloudEvents, &sent);
        prop_assert_eq!(&event["properties"], &json!(data));
        let mut context = json!({"source": "/s", "id": id});
        context.as_object_mut().expect("an object").extend(extra.into_iter().filter(|(_, value)| !value.is_null()));
        prop_assert_eq!(&event["context"], &context);
    }

    #[test]
    fn traits_context_and_strangers_are_kept(
        traits in members(json_value()),
        context in members(json_value()),
        stranger in json_value(),
    ) {
        let sent = json!({"type": "identify", "userId": "u", "traits": traits, "context": context, "stranger": stranger});
        let event = event(SEGMENT, &sent);
        prop_assert_eq!(&event["properties"], &json!(traits));
        let mut expected = json!({"segment": {"type": "identify", "stranger": stranger}});
        if stranger.is_null() {
            expected["segment"].as_object_mut().expect("an object").remove("stranger");
        }
        expected.as_object_mut().expect("an object").extend(context);
        prop_assert_eq!(&event["context"], &expected);
    }

    #[test]
    fn two_cloud_events_have_one_id_only_if_they_are_the_same(
        (source, id) in ("[!-~]{1,3}", "[ -~]{1,3}"),
        (other_source, other_id) in ("[!-~]{1,3}", "[ -~]{1,3}"),
        pad in prop_oneof![Just(0_usize), Just(130)],
    ) {
        let pad = "x".repeat(pad);
        let event_id = |source: &str, id: &str| cloud_event_id(source, &format!("{id}{pad}"));
        let same = (&source, &id) == (&other_source, &other_id);
        prop_assert_eq!(event_id(&source, &id) == event_id(&other_source, &other_id), same);
        prop_assert!(event_id(&source, &id).len() <= 128);
    }

    #[test]
    fn any_message_is_accepted_or_refused_with_a_place_in_it(message in message()) {
        for dialect in [Dialect::CloudEvents, SEGMENT] {
            if let Err(error) = read(dialect, message.to_string()) {
                let Refusal { pointer, detail, .. } = error.into();
                prop_assert!(pointer.is_empty() || pointer.starts_with('/'), "{}", pointer);
                prop_assert!(!detail.contains("event_") && !detail.contains("user_id"), "{}", detail);
            }
        }
    }

    #[test]
    fn any_text_is_accepted_or_refused(text in r#"[\[\]{},":\\ a1n]{0,24}"#) {
        for dialect in [Dialect::CloudEvents, SEGMENT] {
            prop_assert!(read(dialect, &text).is_err());
        }
        let _ = SegmentBatch::read(text.as_bytes());
        let _ = compose_cloud_event([("a", text.as_bytes())].into_iter(), Some(text.as_bytes()), text.as_bytes());
    }
}
