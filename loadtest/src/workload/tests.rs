//! What holds for a whole workload.

use std::collections::HashMap;

use serde_json::Value;

use super::*;

const SHAPE: Shape =
    Shape { users: NonZeroU32::new(1_000).unwrap(), campaigns: 200, duplicates: 0.2, ..Shape::of_seed(11) };

fn workload(shape: &Shape) -> Workload {
    let timestamp = "2026-11-23T05:00:00.5Z".parse().expect("a time");
    Workload::new(RunId::random(), shape, timestamp)
}

fn documents(batch: &Batch) -> Vec<Value> {
    batch
        .body
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).expect("JSON"))
        .collect()
}

/// Follows `rules.md` for the operators that the tool's patterns use.
fn matches(pattern: &Value, document: &Value) -> bool {
    match pattern {
        Value::Object(fields) => fields
            .iter()
            .all(|(name, pattern)| document.get(name).is_some_and(|value| matches(pattern, value))),
        Value::Array(choices) => choices.iter().any(|choice| match choice.get("numeric") {
            Some(condition) => {
                assert_eq!(condition[0], ">=");
                document.as_f64().is_some_and(|value| value >= condition[1].as_f64().expect("a number"))
            }
            None => choice == document,
        }),
        _ => false,
    }
}

#[test]
fn the_same_seed_gives_the_same_events_and_rules() {
    let (one, other) = (workload(&SHAPE), workload(&SHAPE));
    let renamed = |workload: &Workload| {
        let body = String::from_utf8(workload.batch(0..500).body).expect("UTF-8");
        body.replace(&workload.run().to_string(), "run")
    };
    assert_eq!(renamed(&one), renamed(&other));
    assert_eq!(one.rules(), other.rules());
    assert_ne!(renamed(&one), renamed(&workload(&Shape { seed: 12, ..SHAPE })));
}

#[test]
fn a_batch_is_the_same_however_the_sequence_is_cut() {
    let workload = workload(&SHAPE);
    let whole = workload.batch(0..300);
    let parts = [0..1, 1..120, 120..300].map(|positions| workload.batch(positions).body).concat();
    assert_eq!(whole.body, parts);
}

#[test]
fn a_repeated_event_has_the_same_bytes() {
    let workload = workload(&SHAPE);
    let batch = workload.batch(0..3_000);
    let mut seen: HashMap<u64, &[u8]> = HashMap::new();
    let mut repeated = 0;
    for (&number, line) in batch.numbers.iter().zip(batch.body.split(|&byte| byte == b'\n')) {
        if let Some(first) = seen.insert(number, line) {
            assert_eq!(first, line);
            repeated += 1;
        }
    }
    assert!(repeated > 300, "{repeated}");
}

#[test]
fn an_event_is_in_the_envelope_and_of_about_300_bytes() {
    let workload = workload(&SHAPE);
    let batch = workload.batch(0..1_000);
    let bytes = batch.body.len() / batch.numbers.len();
    assert!((280..340).contains(&bytes), "{bytes} bytes an event");
    for (&number, document) in batch.numbers.iter().zip(documents(&batch)) {
        assert_eq!(document["event_id"], workload.run().event_id(number));
        assert_eq!(document["timestamp"], "2026-11-23T05:00:00.500Z");
        let names: Vec<&String> = document.as_object().expect("an object").keys().collect();
        assert_eq!(names, ["context", "event_id", "event_type", "properties", "timestamp", "user_id"]);
    }
}

#[test]
fn expected_triggers_are_what_the_patterns_say_of_the_events_as_sent() {
    let workload = workload(&SHAPE);
    let patterns: Vec<Value> = workload.rules().iter().map(Rule::pattern).collect();
    let batch = workload.batch(0..5_000);
    let mut triggered = 0;
    for (&number, document) in batch.numbers.iter().zip(documents(&batch)) {
        let by_pattern: Vec<usize> =
            (0..patterns.len()).filter(|&index| matches(&patterns[index], &document)).collect();
        let expected: Vec<usize> = workload.triggered_by(number).collect();
        assert_eq!(expected, by_pattern, "{document}");
        triggered += expected.len();
    }
    assert!(triggered > 100, "{triggered}");
}

#[test]
fn few_users_and_event_types_make_most_events() {
    let workload = workload(&Shape { duplicates: 0.0, ..SHAPE });
    let (mut views, mut first_tenth) = (0, 0);
    for document in documents(&workload.batch(0..10_000)) {
        let user = document["user_id"].as_str().and_then(|id| id.strip_prefix("user-")).expect("a user");
        first_tenth += usize::from(user.parse::<u32>().expect("a number") < 100);
        views += usize::from(document["event_type"] == "product_viewed");
    }
    assert!((4_300..5_000).contains(&first_tenth), "{first_tenth}");
    assert!((4_300..4_700).contains(&views), "{views}");
}

#[test]
fn without_skew_users_and_event_types_are_alike() {
    let workload = workload(&Shape { duplicates: 0.0, skew: 0, ..SHAPE });
    let documents = documents(&workload.batch(0..10_000));
    let user = |document: &Value| document["user_id"].as_str().expect("a user") < "user-000100";
    let tenth = documents.iter().filter(|document| user(document)).count();
    let views = documents.iter().filter(|document| document["event_type"] == "product_viewed").count();
    assert!((900..1_100).contains(&tenth) && (1_150..1_350).contains(&views), "{tenth} {views}");
}

#[test]
fn events_are_as_large_as_was_asked_for_and_small_ones_are_likelier() {
    let sizes = |payload: &str| -> Vec<usize> {
        let workload =
            workload(&Shape { payload: Some(payload.parse().expect("a size")), duplicates: 0.0, ..SHAPE });
        let batch = workload.batch(0..2_000);
        assert_eq!(documents(&batch).len(), 2_000);
        batch.body.split(|&byte| byte == b'\n').map(<[u8]>::len).filter(|&size| size > 0).collect()
    };
    assert!(sizes("1000").iter().all(|&size| size == 1_000));
    let sizes_drawn = sizes("500..8500");
    assert!(sizes_drawn.iter().all(|size| (500..=8_500).contains(size)));
    let small = sizes_drawn.iter().filter(|size| **size < 1_300).count();
    assert!((850..1_000).contains(&small), "{small}");
    assert!(sizes_drawn.iter().any(|size| *size > 8_000));
    assert!(sizes("1").iter().all(|size| (280..340).contains(size)), "what happens is not cut");
}

#[test]
fn the_share_of_poison_is_what_was_asked_for_and_a_repeated_event_stays_poison() {
    assert_eq!(workload(&SHAPE).batch(0..1_000).poison, Vec::<usize>::new());
    let batch = workload(&Shape { poison: 0.1, ..SHAPE }).batch(0..10_000);
    assert!((800..1_200).contains(&batch.poison.len()), "{}", batch.poison.len());
    let mut kinds: HashMap<u64, bool> = HashMap::new();
    for (place, number) in batch.numbers.iter().enumerate() {
        let is_poison = batch.poison.binary_search(&place).is_ok();
        assert_eq!(*kinds.entry(*number).or_insert(is_poison), is_poison, "{number}");
    }
}

#[test]
fn what_is_no_size_is_refused_with_what_is_one() {
    for text in ["", "0", "-1", "200..100", "100..", "17000000", "many"] {
        let refusal = text.parse::<Payload>().expect_err(text).to_string();
        assert!(refusal.contains("200..8000"), "{refusal}");
    }
    for text in ["1000", "200..8000"] {
        assert_eq!(text.parse::<Payload>().expect(text).to_string(), text);
    }
}
