//! Whole bodies: how events lie in them, and how large they are.

use super::{Pipeline, event};

const LIMIT: usize = 65_536;

/// An event of so many bytes.
fn event_of(id: &str, bytes: usize) -> String {
    let pad = bytes - event(id, r#""p":"""#).len();
    event(id, &format!(r#""p":"{}""#, "x".repeat(pad)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_stored_up_to_their_limit_in_bytes_and_refused_beyond() {
    let mut pipeline = Pipeline::start().await;
    let lines = [LIMIT - 1, LIMIT, LIMIT + 1, 20 * LIMIT]
        .map(|bytes| event_of(&bytes.to_string(), bytes).into_bytes());
    let refusals = pipeline.post_lines(&lines).await;
    let long = |bytes| Some(format!("the event is {bytes} bytes long; the limit is {LIMIT}"));
    assert_eq!(refusals, [None, None, long(LIMIT + 1), long(20 * LIMIT)]);
    pipeline.assert_all_stored().await;

    let body = event_of("alone", LIMIT + 1);
    assert_eq!(pipeline.post("application/json", body).await.problem(422), long(LIMIT + 1).unwrap());
    let body = format!("{}{}", event("padded", ""), " ".repeat(LIMIT));
    pipeline.post("application/json", body).await.expect(202);
    pipeline.accepted.push(event("padded", "").into_bytes());
    pipeline.assert_all_stored().await;
    pipeline.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_no_json_are_refused_whole_and_their_events_are_not_stored() {
    let mut pipeline = Pipeline::start().await;
    let good = event("never", "");
    let bodies: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"\0".to_vec(),
        b"\xff\xfe[\0]\0".to_vec(),
        format!("\u{feff}\u{feff}{good}").into_bytes(),
        format!("[\u{feff}{good}]").into_bytes(),
        format!("[{good}").into_bytes(),
        format!("[{good},").into_bytes(),
        format!("[{good},]").into_bytes(),
        format!("[,{good}]").into_bytes(),
        format!("[{good}] x").into_bytes(),
        format!("[{good}][{good}]").into_bytes(),
        format!("[{good} {good}]").into_bytes(),
        format!("{good}{good}").into_bytes(),
        format!("{good},").into_bytes(),
        format!("[{good}}}").into_bytes(),
        format!("[{good},\"\\\"").into_bytes(),
        [b"[", good.as_bytes(), b",\"\xff\"]"].concat(),
        [b"[", good.as_bytes(), b",\0]"].concat(),
    ];
    for body in bodies {
        let reply = pipeline.post("application/json", body).await;
        assert!(reply.problem(400).contains("not valid JSON"), "{}", reply.text);
    }
    // An array that is whole is read event by event.
    let deep = ["[".repeat(100_000), "]".repeat(100_000)].concat();
    for (body, status) in [("[".repeat(100_000), 400), (deep, 422), ("[[]]".to_owned(), 422)] {
        assert!(!pipeline.post("application/json", body).await.problem(status).is_empty());
    }
    pipeline.assert_all_stored().await;
    pipeline.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_end_in_any_way_and_empty_ones_do_not_count() {
    let mut pipeline = Pipeline::start().await;
    let events = ["a", "b", "c", "d"].map(|id| event(id, ""));
    let [a, b, c, d] = &events;
    let body = format!("\r\n\n \t\n{a}\r\n\r\n  {b}\t \n\n\n{c}\n\r{d}");
    assert_eq!(pipeline.post("application/x-ndjson", body).await.expect(202)["accepted"], 4);
    pipeline.accepted.extend(events.clone().map(String::into_bytes));
    pipeline.assert_all_stored().await;

    for body in ["", "\n", "\r\n\r\n", " \t\n"] {
        let reply = pipeline.post("application/x-ndjson", body).await;
        assert_eq!(reply.problem(422), "the body holds no event", "{body:?}");
    }
    // A carriage return alone ends no line.
    let reply = pipeline.post("application/x-ndjson", format!("{a}\r{b}")).await;
    assert!(reply.problem(422).contains("not valid JSON"));
    pipeline.assert_all_stored().await;
    pipeline.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_array_of_more_events_than_allowed_is_refused_whole() {
    let mut pipeline = Pipeline::start().await;
    let body = format!("[{}{}]", "{},".repeat(10_000), event("never", ""));
    assert!(pipeline.post("application/json", body).await.problem(413).contains("10000"));
    let body = format!("[{}{}]", "{},".repeat(9_999), event("last", ""));
    assert_eq!(pipeline.post("application/json", body).await.expect(207)["accepted"], 1);
    pipeline.accepted.push(event("last", "").into_bytes());
    pipeline.assert_all_stored().await;
    pipeline.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_byte_order_mark_before_a_body_is_skipped_and_one_elsewhere_is_named() {
    let mut pipeline = Pipeline::start().await;
    let events = ["a", "b", "c"].map(|id| event(id, ""));
    let [a, b, c] = &events;
    pipeline.post("application/json", format!("\u{feff}{a}")).await.expect(202);
    pipeline.post("application/json", format!("\u{feff} [{b}]")).await.expect(202);
    let lines = pipeline.post("application/x-ndjson", format!("\u{feff}{c}\n\u{feff}{a}")).await.expect(207);
    assert_eq!(
        lines["rejected"][0]["detail"],
        "not valid JSON: a byte order mark stands before it at line 2 column 1"
    );
    let wide: Vec<u8> = a.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let reply = pipeline.post("application/json", [b"\xff\xfe".to_vec(), wide].concat()).await;
    assert!(reply.problem(400).contains("UTF-16"), "{}", reply.text);
    pipeline.accepted.extend(events.map(String::into_bytes));
    pipeline.assert_all_stored().await;
    pipeline.end().await;
}
