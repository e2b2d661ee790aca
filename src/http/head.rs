//! A request's head, as far as it tells where the request ends and for whom it is: line by line, strictly.

use super::framing::{Ending, Reason};

/// Digits of a body's length: its number fits, whatever they are.
const LENGTH_DIGITS: usize = 18;

/// The codings of a transfer beside chunks (RFC 9112, section 7.2).
const CODINGS: [&[u8]; 5] = [b"gzip", b"x-gzip", b"deflate", b"compress", b"x-compress"];

/// What the lines so far have said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    version: Option<Version>,
    length: Option<u64>,
    is_chunked: bool,
    has_host: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Http10,
    Http11,
}

impl Head {
    /// Whether its first line is still to come.
    pub(super) fn is_unbegun(&self) -> bool {
        self.version.is_none()
    }

    /// The head with one more line, which is not its end. Before the first one, empty lines may stand.
    pub(super) fn with(self, line: &[u8]) -> Result<Self, Reason> {
        if self.is_unbegun() {
            return if line.is_empty() {
                Ok(self)
            } else {
                Ok(Self { version: Some(version(line)?), ..self })
            };
        }
        let colon = memchr::memchr(b':', line).ok_or("a header has no colon")?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.is_empty() || name.iter().any(|byte| !byte.is_ascii_graphic()) {
            return Err("a header's name holds a space, or its line continues the one before");
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            self.with_length(value)
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.with_encoding(value)
        } else if name.eq_ignore_ascii_case(b"host") {
            self.with_host(value)
        } else {
            Ok(self)
        }
    }

    fn with_length(self, value: &[u8]) -> Result<Self, Reason> {
        if self.length.is_some() || self.is_chunked {
            return Err("the body's end is said twice");
        }
        if value.is_empty() || value.len() > LENGTH_DIGITS || !value.iter().all(u8::is_ascii_digit) {
            return Err("Content-Length is not a number");
        }
        let length = value.iter().fold(0, |length, digit| length * 10 + u64::from(digit - b'0'));
        Ok(Self { length: Some(length), ..self })
    }

    fn with_encoding(self, value: &[u8]) -> Result<Self, Reason> {
        if self.length.is_some() || self.is_chunked {
            return Err("the body's end is said twice");
        }
        // Other codings are answered with 501. They do not change where the body ends.
        let mut codings = value.rsplit(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        let is_chunked = codings.next().is_some_and(|last| last.eq_ignore_ascii_case(b"chunked"));
        let are_known = codings.all(|coding| CODINGS.iter().any(|known| coding.eq_ignore_ascii_case(known)));
        if self.version == Some(Version::Http10) || !is_chunked || !are_known {
            return Err("Transfer-Encoding is not chunked, or not known to the version");
        }
        Ok(Self { is_chunked: true, ..self })
    }

    fn with_host(self, value: &[u8]) -> Result<Self, Reason> {
        let is_host = value.iter().all(|byte| byte.is_ascii_graphic() && !b"/?#@\\".contains(byte));
        if self.has_host || !is_host {
            return Err("Host is not one host");
        }
        Ok(Self { has_host: true, ..self })
    }

    /// What follows the head.
    pub(super) fn end(self) -> Result<Ending, Reason> {
        if self.version == Some(Version::Http11) && !self.has_host {
            return Err("Host is missing");
        }
        Ok(if self.is_chunked { Ending::Chunks } else { Ending::Length(self.length.unwrap_or(0)) })
    }
}

/// The version in a request line, which has three words.
fn version(line: &[u8]) -> Result<Version, Reason> {
    let mut words = line.split(|byte| *byte == b' ');
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some([_, ..]), Some([_, ..]), Some(b"HTTP/1.1"), None) => Ok(Version::Http11),
        (Some([_, ..]), Some([_, ..]), Some(b"HTTP/1.0"), None) => Ok(Version::Http10),
        _ => Err("the request line is not one of HTTP/1.1 or HTTP/1.0"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Result<Ending, Reason> {
        lines.iter().try_fold(Head::default(), |head, line| head.with(line.as_bytes()))?.end()
    }

    const FIRST: [&str; 2] = ["POST /events HTTP/1.1", "Host: example.org:8080"];

    #[test]
    fn a_head_says_where_the_body_ends() {
        let with = |header| read(&[FIRST[0], FIRST[1], header]);
        assert_eq!(with("Accept: */*"), Ok(Ending::Length(0)));
        assert_eq!(with("CONTENT-length:\t5 "), Ok(Ending::Length(5)));
        assert_eq!(with("Transfer-Encoding: CHUNKED"), Ok(Ending::Chunks));
        assert_eq!(with("Transfer-Encoding: gzip, chunked"), Ok(Ending::Chunks));
        assert_eq!(read(&["", "GET / HTTP/1.0"]), Ok(Ending::Length(0)));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        let (length, chunked) = ("Content-Length: 5", "Transfer-Encoding: chunked");
        for lines in [
            [length, chunked],
            [chunked, length],
            [length, length],
            [length, "Content-Length: 6"],
            [chunked, chunked],
            ["Content-Length: 5, 5", ""],
            ["Content-Length: +5", ""],
            ["Content-Length: 0x5", ""],
            ["Content-Length:", ""],
            ["Content-Length: 9999999999999999999", ""],
            ["Content-Length : 5", ""],
            ["Transfer-Encoding: xchunked", ""],
            ["Transfer-Encoding: identity", ""],
            ["Transfer-Encoding: identity, chunked", ""],
            ["Transfer-Encoding: chunked, identity", ""],
            ["Transfer-Encoding: gzip", ""],
            ["Transfer-Encoding: chunked, gzip", ""],
            ["Transfer-Encoding: chunked, chunked", ""],
            ["Transfer-Encoding: unknown, chunked", ""],
            ["Transfer-Encoding:\u{b}chunked", ""],
            [" folded: x", ""],
            ["no colon", ""],
            [": no name", ""],
            ["Host: another", ""],
        ] {
            let lines: Vec<&str> = FIRST.into_iter().chain(lines).filter(|line| !line.is_empty()).collect();
            assert!(read(&lines).is_err(), "{lines:?}");
        }
        for lines in [
            ["GET / HTTP/1.1", "Accept: */*"],
            ["GET / HTTP/1.1", "Host: a b"],
            ["GET / HTTP/1.1", "Host: a/b"],
            ["GET / HTTP/1.0", chunked],
            ["GET / HTTP/2.0", "Host: x"],
            ["GET /  HTTP/1.1", "Host: x"],
            ["GET / x HTTP/1.1", "Host: x"],
            ["GET /", "Host: x"],
        ] {
            assert!(read(&lines).is_err(), "{lines:?}");
        }
    }
}
