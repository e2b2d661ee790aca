use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::header::HeaderValue;
use proptest::prelude::*;

use super::*;

fn gzip(text: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(text).expect("a Vec takes any write");
    encoder.finish().expect("a Vec takes any write")
}

fn zstd(text: &[u8], level: i32) -> Vec<u8> {
    zstd::encode_all(text, level).expect("a Vec takes any write")
}

/// Unpacked, up to a limit; what was asked for never exceeds it by more than a piece.
fn unpack_up_to(limit: usize, encoding: Encoding, packed: &[u8]) -> Result<Vec<u8>, Problem> {
    encoding.unpack(packed, |length| {
        assert!(length <= limit + PIECE, "{length} bytes were unpacked");
        if length > limit { Err(Problem::new(Kind::TooLarge, "too large")) } else { Ok(()) }
    })
}

fn unpack(encoding: Encoding, packed: &[u8]) -> Result<Vec<u8>, Problem> {
    unpack_up_to(1 << 20, encoding, packed)
}

fn kind(result: Result<Vec<u8>, Problem>) -> Kind {
    result.expect_err("it is refused").kind()
}

/// The text packed in either way, in several members or frames.
fn packed(parts: &[Vec<u8>], level: u8) -> [(Encoding, Vec<u8>); 2] {
    let gzip = parts.iter().flat_map(|part| gzip(part, u32::from(level % 10))).collect();
    let zstd = parts.iter().flat_map(|part| zstd(part, i32::from(level % 10))).collect();
    [(Encoding::Gzip, gzip), (Encoding::Zstd, zstd)]
}

/// Text, some of which can be packed well.
fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..2_000),
        (any::<u8>(), 0_usize..100_000).prop_map(|(byte, length)| vec![byte; length]),
    ]
}

proptest! {
    #[test]
    fn what_was_packed_is_unpacked(parts in prop::collection::vec(text(), 1..4), level: u8) {
        for (encoding, packed) in packed(&parts, level) {
            prop_assert_eq!(unpack(encoding, &packed).expect("whole"), parts.concat());
        }
    }

    #[test]
    fn what_breaks_off_or_goes_on_is_refused(part in text(), level: u8, at: prop::sample::Index, more in 1_u8..) {
        for (encoding, packed) in packed(&[part], level) {
            let cut = &packed[..=at.index(packed.len() - 1)];
            prop_assert_eq!(kind(unpack(encoding, cut)), Kind::NotDecodable);
            let longer = [&packed[..], &[more; 9]].concat();
            prop_assert_eq!(kind(unpack(encoding, &longer)), Kind::NotDecodable);
        }
    }

    #[test]
    fn any_bytes_are_unpacked_within_the_limit_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        head in 0_usize..20,
    ) {
        for (encoding, mut packed) in packed(&[vec![b'x'; 100_000]], 1) {
            packed.truncate(head);
            packed.extend_from_slice(&bytes);
            let _ = unpack_up_to(1_000, encoding, &packed);
        }
    }

    #[test]
    fn a_flipped_bit_of_gzip_is_noticed_or_changes_nothing(part in text(), at: prop::sample::Index, bit in 0..8_u8) {
        let mut packed = gzip(&part, 6);
        let at = at.index(packed.len());
        packed[at] ^= 1_u8 << bit;
        if let Ok(text) = unpack(Encoding::Gzip, &packed) {
            prop_assert_eq!(text, part);
        }
    }
}

#[test]
fn far_more_than_the_limit_is_given_up_there() {
    let zeros = || io::repeat(0).take(1 << 26);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    io::copy(&mut zeros(), &mut encoder).expect("a Vec takes any write");
    let gzipped = encoder.finish().expect("a Vec takes any write");
    let zstd = zstd::encode_all(zeros(), 1).expect("a Vec takes any write");
    let members = gzip(&vec![0; 1 << 20], 9).repeat(1 << 10);
    for (encoding, bomb) in [(Encoding::Gzip, gzipped), (Encoding::Zstd, zstd), (Encoding::Gzip, members)] {
        assert!(bomb.len() < 5 << 20, "{} bytes would be too large as they are", bomb.len());
        let mut refusal = None;
        let allocated =
            allocation_counter::measure(|| refusal = Some(unpack_up_to(5 << 20, encoding, &bomb)));
        assert_eq!(kind(refusal.expect("it was measured")), Kind::TooLarge);
        assert!(allocated.bytes_max < 3 * (5 << 20), "{} bytes", allocated.bytes_max);
    }
}

#[test]
fn a_window_of_more_than_eight_mebibytes_is_refused() {
    let with_window = |log: u32| {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("level 1");
        encoder.window_log(log).expect("a window");
        encoder.write_all(b"text").expect("a Vec takes any write");
        encoder.finish().expect("a Vec takes any write")
    };
    assert_eq!(unpack(Encoding::Zstd, &with_window(ZSTD_WINDOW_LOG)).expect("allowed"), b"text");
    let refused = unpack(Encoding::Zstd, &with_window(ZSTD_WINDOW_LOG + 1)).expect_err("too large");
    assert_eq!(refused.kind(), Kind::NotDecodable);
    assert!(refused.detail().contains("at most 8 MiB"), "{}", refused.detail());
}

#[test]
fn the_header_names_one_encoding_that_is_read() {
    let of = |values: &[&'static str]| {
        let headers = values.iter().map(|value| (CONTENT_ENCODING, HeaderValue::from_static(value)));
        let mut map = HeaderMap::new();
        headers.for_each(|(name, value)| _ = map.append(name, value));
        Encoding::of(&map).map_err(|problem| problem.kind())
    };
    for (values, encoding) in [
        (&[][..], Encoding::Identity),
        (&["identity"], Encoding::Identity),
        (&["GZip"], Encoding::Gzip),
        (&["x-gzip"], Encoding::Gzip),
        (&["zstd"], Encoding::Zstd),
        (&["identity , gzip,"], Encoding::Gzip),
    ] {
        assert_eq!(of(values), Ok(encoding), "{values:?}");
    }
    for values in [&["br"][..], &["deflate"], &["gzip, gzip"], &["gzip", "zstd"], &["gzip;q=1"]] {
        assert_eq!(of(values), Err(Kind::UnsupportedEncoding), "{values:?}");
    }
}
