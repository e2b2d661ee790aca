use proptest::prelude::*;

use super::*;

/// An event's time, sender, id, type, user and payload.
type Event = (i64, Sender, String, String, String, Vec<u8>);

fn sender() -> impl Strategy<Value = Sender> {
    (any::<bool>(), prop::option::of(1..=i64::MAX))
        .prop_map(|(browser, key)| Sender { class: SenderClass::of(browser), key })
}

fn record() -> impl Strategy<Value = Event> {
    let time = -9_000_000_000_000_000..9_000_000_000_000_000_i64;
    (time, sender(), ".{1,40}", ".{0,20}", ".{0,20}", any::<Vec<u8>>())
}

fn encode(records: &[Event]) -> Vec<u8> {
    let mut encoded = Records::default();
    for (received_at, sender, event_id, event_type, user_id, payload) in records {
        let (received_at, sender) =
            (Timestamp::from_microsecond(*received_at).expect("within jiff's range"), *sender);
        encoded.push(&EventRecord { received_at, sender, event_id, event_type, user_id, payload });
    }
    encoded.into_frame()
}

/// The events as the release before wrote them: without their senders.
fn encode_version_1(records: &[Event]) -> Vec<u8> {
    let mut body = Vec::new();
    for (received_at, _, event_id, event_type, user_id, payload) in records {
        body.extend_from_slice(&received_at.to_le_bytes());
        for text in [event_id, event_type, user_id] {
            body.extend_from_slice(&u16::try_from(text.len()).expect("short").to_le_bytes());
        }
        body.extend_from_slice(&u32::try_from(payload.len()).expect("short").to_le_bytes());
        for text in [event_id, event_type, user_id] {
            body.extend_from_slice(text.as_bytes());
        }
        body.extend_from_slice(payload);
    }
    let (events, received_at) =
        (u32::try_from(records.len()).expect("few"), records.first().map_or(0, |event| event.0));
    let mut header = b"cf\x01\0".to_vec();
    header.extend_from_slice(&events.to_le_bytes());
    header.extend_from_slice(&received_at.to_le_bytes());
    header.extend_from_slice(&u32::try_from(body.len()).expect("short").to_le_bytes());
    let checksum = checksum(&header, &body);
    [header, checksum.to_le_bytes().to_vec(), body].concat()
}

fn one_event() -> Vec<u8> {
    encode(&[(1, Sender::default(), "id".into(), "type".into(), "user".into(), b"{}".to_vec())])
}

/// Frames the body as it is.
fn framed(events: u32, body: Vec<u8>) -> Result<Frame, FrameError> {
    let frame = [vec![0; HEADER], body].concat();
    Frame::decode(Records { events, received_at: 0, frame }.into_frame().into())
}

proptest! {
    #[test]
    fn a_frame_reads_back_as_written(records in prop::collection::vec(record(), 0..20)) {
        let frame = Frame::decode(encode(&records).into()).expect("just written");
        prop_assert_eq!(frame.len(), records.len());
        for (read, (received_at, sender, id, event_type, user, payload)) in frame.events().zip(&records) {
            prop_assert_eq!((read.received_at.as_microsecond(), read.sender), (*received_at, *sender));
            prop_assert_eq!((read.event_id, read.event_type, read.user_id), (&**id, &**event_type, &**user));
            prop_assert_eq!(read.payload, &**payload);
        }
    }

    #[test]
    fn a_frame_of_the_release_before_reads_as_one_that_a_server_sent(
        records in prop::collection::vec(record(), 0..20)
    ) {
        let written = encode_version_1(&records);
        let by_server = |event: Event| (event.0, Sender::default(), event.2, event.3, event.4, event.5);
        let same = encode(&records.into_iter().map(by_server).collect::<Vec<_>>());
        let decode = |bytes: Vec<u8>| Frame::decode(bytes.into()).expect("just written");
        let (before, now) = (decode(written), decode(same));
        prop_assert!(before.events().eq(now.events()));
        prop_assert_eq!(before.received_at(), now.received_at());
    }

    #[test]
    fn runs_appended_to_one_another_are_one_frame(
        first in prop::collection::vec(record(), 0..5),
        second in prop::collection::vec(record(), 0..5),
    ) {
        let whole = encode(&[first.clone(), second.clone()].concat());
        let decode = |bytes: Vec<u8>| {
            let frame = Frame::decode(bytes.into()).expect("just written");
            let mut records = Records::default();
            frame.events().for_each(|event| records.push(&event));
            records
        };
        let mut joined = decode(encode(&first));
        joined.append(decode(encode(&second)));
        prop_assert_eq!(joined.into_frame(), whole);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in any::<Vec<u8>>()) {
        prop_assert!(Frame::decode(bytes.into()).is_err());
    }

    #[test]
    fn a_body_with_a_valid_checksum_never_panics(events in any::<u32>(), body in any::<Vec<u8>>()) {
        let _ = framed(events, body);
    }

    #[test]
    fn a_changed_byte_is_noticed(at in any::<prop::sample::Index>(), change in 1..=255_u8) {
        let mut bytes = one_event();
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        prop_assert!(Frame::decode(bytes.into()).is_err());
    }

    #[test]
    fn a_frame_cut_off_anywhere_is_refused(cut in any::<prop::sample::Index>()) {
        let mut bytes = one_event();
        bytes.truncate(cut.index(bytes.len()));
        prop_assert!(Frame::decode(bytes.into()).is_err());
    }
}

#[test]
fn a_sender_that_no_encoder_writes_is_refused() {
    let event = |class: u8, key: i64| [&[0; EVENT_HEADER_1][..], &[class], &key.to_le_bytes()].concat();
    for (class, key, what) in [(2, 0, "its class is not known"), (0, -1, "the id of its key is negative")] {
        assert_eq!(framed(1, event(class, key)), Err(FrameError::MalformedEvent { index: 0, what }));
    }
    assert!(framed(1, event(1, 7)).is_ok());
}

#[test]
fn a_newer_version_is_named() {
    let mut bytes = one_event();
    bytes[2] = 9;
    assert_eq!(Frame::decode(bytes.into()), Err(FrameError::UnknownVersion(9)));
}
