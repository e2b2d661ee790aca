use proptest::prelude::*;

use super::*;

fn record() -> impl Strategy<Value = (i64, String, String, String, Vec<u8>)> {
    (-9_000_000_000_000_000..9_000_000_000_000_000_i64, ".{1,40}", ".{0,20}", ".{0,20}", any::<Vec<u8>>())
}

fn encode(records: &[(i64, String, String, String, Vec<u8>)]) -> Vec<u8> {
    let mut encoded = Records::default();
    for (received_at, event_id, event_type, user_id, payload) in records {
        let received_at = Timestamp::from_microsecond(*received_at).expect("within jiff's range");
        encoded.push(&EventRecord { received_at, event_id, event_type, user_id, payload });
    }
    encoded.into_frame()
}

fn one_event() -> Vec<u8> {
    encode(&[(1, "id".into(), "type".into(), "user".into(), b"{}".to_vec())])
}

proptest! {
    #[test]
    fn a_frame_reads_back_as_written(records in prop::collection::vec(record(), 0..20)) {
        let frame = Frame::decode(encode(&records).into()).expect("just written");
        prop_assert_eq!(frame.len(), records.len());
        for (read, (received_at, id, event_type, user, payload)) in frame.events().zip(&records) {
            prop_assert_eq!(read.received_at.as_microsecond(), *received_at);
            prop_assert_eq!((read.event_id, read.event_type, read.user_id), (&**id, &**event_type, &**user));
            prop_assert_eq!(read.payload, &**payload);
        }
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
        let frame = [vec![0; HEADER], body].concat();
        let frame = Records { events, received_at: 0, frame }.into_frame();
        let _ = Frame::decode(frame.into());
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
fn a_newer_version_is_named() {
    let mut bytes = one_event();
    bytes[2] = 9;
    assert_eq!(Frame::decode(bytes.into()), Err(FrameError::UnknownVersion(9)));
}
