//! `Content-Encoding`: how a body is packed, and its text.
//!
//! Invariants: what a body unpacks to is asked for in pieces, and nothing is unpacked beyond the piece that is refused, so
//! a few bytes that stand for gigabytes cost no more than the limit; a decoder takes at most [`ZSTD_WINDOW_LOG`]'s window.

use std::io::{self, BufRead, Read};

use flate2::bufread::MultiGzDecoder;
use hyper::HeaderMap;
use hyper::header::CONTENT_ENCODING;
use zstd::stream::read::Decoder as ZstdDecoder;

use crate::api::{Kind, Problem};

/// The largest window that zstd may want, as a power of two: the 8 MiB that are allowed in HTTP (RFC 9659).
const ZSTD_WINDOW_LOG: u32 = 23;
/// So many bytes are unpacked between two questions for more room.
const PIECE: usize = 64 * 1024;

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Not at all.
    Identity,
    /// RFC 1952, of any number of members.
    Gzip,
    /// RFC 8878, of any number of frames.
    Zstd,
}

impl Encoding {
    /// What the headers say.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut found = Self::Identity;
        for value in headers.get_all(CONTENT_ENCODING) {
            for name in value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                let encoding = match &*name.to_ascii_lowercase() {
                    b"" | b"identity" => continue,
                    b"gzip" | b"x-gzip" => Self::Gzip,
                    b"zstd" => Self::Zstd,
                    _ => return Err(unsupported(&format!("{value:?} is not read here"))),
                };
                if std::mem::replace(&mut found, encoding) != Self::Identity {
                    return Err(unsupported("names more than one encoding"));
                }
            }
        }
        Ok(found)
    }

    /// Unpacks a body. Before the text grows, `take_room` is asked with the length that it would have.
    pub(super) fn unpack(
        self,
        packed: &[u8],
        take_room: impl FnMut(usize) -> Result<(), Problem>,
    ) -> Result<Vec<u8>, Problem> {
        match self {
            Self::Identity => read(packed, "", take_room),
            Self::Gzip => read(MultiGzDecoder::new(packed), "gzip", take_room),
            Self::Zstd => {
                let decoder = zstd_decoder(packed).map_err(|error| broken("zstd", &error))?;
                read(decoder, "zstd (with windows of at most 8 MiB)", take_room)
            }
        }
    }
}

fn zstd_decoder<R: BufRead>(packed: R) -> io::Result<ZstdDecoder<'static, R>> {
    let mut decoder = ZstdDecoder::with_buffer(packed)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG)?;
    Ok(decoder)
}

fn read(
    mut decoder: impl Read,
    name: &str,
    mut take_room: impl FnMut(usize) -> Result<(), Problem>,
) -> Result<Vec<u8>, Problem> {
    let mut text = Vec::new();
    let mut piece = vec![0; PIECE];
    loop {
        match decoder.read(&mut piece) {
            Ok(0) => return Ok(text),
            Ok(length) => {
                take_room(text.len() + length)?;
                text.extend_from_slice(&piece[..length]);
            }
            Err(error) => return Err(broken(name, &error)),
        }
    }
}

fn broken(name: &str, error: &io::Error) -> Problem {
    let detail = match error.kind() {
        io::ErrorKind::UnexpectedEof => format!("the body breaks off; it is not whole {name}"),
        _ => format!("the body is not valid {name}: {error}"),
    };
    Problem::new(Kind::NotDecodable, detail)
}

fn unsupported(complaint: &str) -> Problem {
    let detail = format!("Content-Encoding {complaint}; send the body as it is, or as gzip or zstd");
    Problem::new(Kind::UnsupportedEncoding, detail)
}

#[cfg(test)]
mod tests;
