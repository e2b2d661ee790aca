use super::*;

const FULL: &str = r#"{"event_id":"e-1","event_type":"purchase","user_id":"u-42","timestamp":"2026-11-23T05:00:00Z","properties":{"amount":129.99},"context":{}}"#;

fn limits() -> Limits {
    Limits {
        max_event_bytes: 400,
        max_depth: 6,
        max_event_id_bytes: 8,
        max_user_id_bytes: 8,
        max_event_type_bytes: 8,
    }
}

fn arrival() -> Arrival {
    Arrival::at("2026-11-23T05:00:00.123456789Z".parse().expect("a time"))
}

/// Id, type, user and payload of the event.
fn read(json: &str) -> Result<[String; 4], EnvelopeError> {
    EnvelopeReader::new(limits()).read(json.as_bytes(), &arrival(), Uuid::max, |envelope| {
        let payload = String::from_utf8(envelope.payload.to_vec()).expect("JSON is UTF-8");
        [envelope.event_id.into(), envelope.event_type.into(), envelope.user_id.into(), payload]
    })
}

fn refusal(json: &str) -> Refusal {
    read(json).expect_err(json).into()
}

#[test]
fn a_full_event_is_kept_byte_for_byte() {
    assert_eq!(read(FULL), Ok(["e-1".into(), "purchase".into(), "u-42".into(), FULL.into()]));
}

#[test]
fn what_is_absent_is_put_in_behind_the_opening_brace() {
    let [id, _, _, payload] = read(r#"{ "event_type":"a","user_id":"u"}"#).expect("accepted");
    assert_eq!(id, "ffffffff-ffff-ffff-ffff-ffffffffffff");
    assert_eq!(
        payload,
        r#"{"event_id":"ffffffff-ffff-ffff-ffff-ffffffffffff","timestamp":"2026-11-23T05:00:00.123456Z", "event_type":"a","user_id":"u"}"#
    );
    let [.., payload] = read(r#"{"event_type":"a","user_id":"u","event_id":"e"}"#).expect("accepted");
    assert_eq!(
        payload,
        r#"{"timestamp":"2026-11-23T05:00:00.123456Z","event_type":"a","user_id":"u","event_id":"e"}"#
    );
}

#[test]
fn what_was_put_in_reads_back_as_the_same_event() {
    let [id, kind, user, payload] = read(r#"{"event_type":"a","user_id":"u"}"#).expect("accepted");
    let wide = Limits { max_event_id_bytes: 36, ..limits() };
    let again = EnvelopeReader::new(wide).read(payload.as_bytes(), &arrival(), Uuid::nil, |envelope| {
        assert_eq!([envelope.event_id, envelope.event_type, envelope.user_id], [&*id, &*kind, &*user]);
        assert_eq!(envelope.payload, payload.as_bytes());
    });
    assert_eq!(again, Ok(()));
}

#[test]
fn names_and_values_are_compared_unescaped() {
    let [_, kind, user, _] = read(r#"{"event\u005ftype":"\u00e9","user_id":"a\nb"}"#).expect("accepted");
    assert_eq!([&*kind, &*user], ["é", "a\nb"]);
    assert_eq!(refusal(r#"{"event\u005ftype":"a","event_type":"a"}"#).detail, "event_type is given twice");
}

#[test]
fn refusals_name_the_place_and_what_is_allowed() {
    let cases = [
        r#"{"user_id":"u"}"#,
        r#"{"event_type":"a"}"#,
        r#"{"event_type":"","user_id":"u"}"#,
        r#"{"event_type":" \t","user_id":"u"}"#,
        r#"{"event_type":"a","user_id":"\u00a0"}"#,
        r#"{"event_type":7,"user_id":"u"}"#,
        r#"{"event_type":"a","user_id":null}"#,
        r#"{"event_type":"a","user_id":"123456789"}"#,
        r#"{"event_type":"a","user_id":"u\u0000"}"#,
        r#"{"event_type":"a","user_id":"u","event_id":""}"#,
        r#"{"event_type":"a","user_id":"u","event_id":" "}"#,
        r#"{"event_type":"a","user_id":"u","event_id":[1]}"#,
        r#"{"event_type":"a","user_id":"u","timestamp":"yesterday"}"#,
        r#"{"event_type":"a","user_id":"u","timestamp":1700000000}"#,
        r#"{"event_type":"a","user_id":"u","properties":[]}"#,
        r#"{"event_type":"a","user_id":"u","context":true}"#,
        r#"{"event_type":"a","user_id":"u","context":{},"context":{}}"#,
        r#"{"event_type":"a","user_id":"u","a/b~c":1}"#,
        r#"{"event_type":"a","user_id":"u","properties":{"a":[[[[[1]]]]]}}"#,
        "[]",
        "\"event\"",
        "{",
    ];
    let shown: Vec<String> = cases
        .iter()
        .map(|json| {
            let Refusal { pointer, detail, .. } = refusal(json);
            format!("{json}\n  {pointer:?}: {detail}")
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn a_refused_event_is_named_by_its_id() {
    let id = |json| refusal(json).event_id;
    assert_eq!(id(r#"{"event_id":"e-1","user_id":"u"}"#), Some("e-1".into()));
    assert_eq!(id(r#"{"nonsense":1,"event_id":"e-1"}"#), Some("e-1".into()));
    assert_eq!(id(r#"{"event_id":"much too long","user_id":"u"}"#), None);
    assert_eq!(id(r#"{"event_id":7}"#), None);
    assert_eq!(id(r#"{"event_id":"e","user_id":"u","properties":{"a":[[[[[[1]]]]]]}}"#), Some("e".into()));
    assert_eq!(id(&format!(r#"{{"event_id":"e","properties":"{}"}}"#, "x".repeat(400))), Some("e".into()));
}

#[test]
fn an_event_longer_than_the_limit_is_refused_and_one_as_long_is_not() {
    let event = |padding: usize| {
        format!(
            r#"{{"event_id":"e","event_type":"a","user_id":"u","timestamp":"2026-11-23T05:00:00Z","properties":{{"p":"{}"}}}}"#,
            "x".repeat(padding)
        )
    };
    let fits = 400 - event(0).len();
    assert!(read(&event(fits)).is_ok());
    assert_eq!(refusal(&event(fits + 1)).detail, "the event is 401 bytes long; the limit is 400");
}

#[test]
fn text_that_is_not_json_is_told_apart_from_a_refused_event() {
    for json in ["", "{", "{\"user_id\":\"\u{1}\"}", "{}{}"] {
        assert!(matches!(read(json), Err(EnvelopeError::Malformed(_))), "{json:?}");
    }
}

#[test]
fn a_value_that_cannot_be_kept_is_refused_with_its_place_and_the_events_id() {
    for value in
        [r#""\ud83d""#, r#""\u0000""#, r#"{"\u0000":1}"#, "1e400", "1e-16384", "0.0e-20000", "[0e9999999999]"]
    {
        let json =
            format!(r#"{{"event_id":"e-1","event_type":"a","user_id":"u","properties":{{"a":{value}}}}}"#);
        let refusal = refusal(&json);
        assert_eq!(refusal.event_id.as_deref(), Some("e-1"), "{value}");
        assert!(refusal.pointer.starts_with("/properties/a"), "{value}: {}", refusal.pointer);
        assert!(
            refusal.place.is_some_and(|place| place.line == 1 && place.column >= 67),
            "{value}: {refusal:?}"
        );
    }
    for value in [r#""\\u0000""#, "0.0", "0", "1e-16383", "1.5e300"] {
        let json =
            format!(r#"{{"event_id":"e-1","event_type":"a","user_id":"u","properties":{{"a":{value}}}}}"#);
        assert!(read(&json).is_ok(), "{value}");
    }
}

#[test]
fn the_reader_is_reusable_after_a_refusal() {
    let mut reader = EnvelopeReader::new(limits());
    let mut read = |json: &str| reader.read(json.as_bytes(), &arrival(), Uuid::max, |_| ()).is_ok();
    assert!(!read("{"));
    assert!(!read("{}"));
    assert!(read(FULL));
}
