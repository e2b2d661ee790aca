//! Where requests begin and end in what a client sends, and refusing what two servers could read differently.
//!
//! A proxy before this server and the server itself must agree on where each request ends, or a client could hide one
//! request in another. hyper is lenient in places (of a length beside chunks it uses the chunks, a bare LF ends a line), and
//! does not show afterwards what it met. So each byte passes here first. What is ambiguous by RFC 9112 is refused, and what
//! is let through has one meaning only.
//!
//! Invariants: the verdict does not depend on how the bytes are cut into pieces; an ambiguous head is refused before its
//! end, so it never becomes a request; memory is one unfinished line, at most [`LONGEST_HEAD`].

use super::head::Head;

/// The most bytes of a head, and of what may stand behind the last chunk.
pub(super) const LONGEST_HEAD: usize = 16 * 1024;
/// Digits of a chunk's size: its number fits, whatever they are.
const CHUNK_DIGITS: u8 = 15;

/// What is wrong with what was sent.
pub(super) type Reason = &'static str;

/// The reason that calls for an answer of its own.
pub(super) const TOO_LONG: Reason = "the head is too long";

/// A refusal, and at which byte of the piece at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) at: usize,
    pub(super) reason: Reason,
}

/// Follows one connection.
#[derive(Debug)]
pub(super) struct Framing {
    place: Place,
    /// The line that is not complete yet, where the place is one with lines.
    line: Vec<u8>,
    /// Bytes that the lines of this place may still have.
    left: usize,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A line of a head, or the end of it.
    Head(Head),
    /// So many bytes of a body.
    Body(u64),
    /// The size of a chunk.
    Size(Size),
    /// So many bytes of a chunk.
    Chunk(u64),
    /// The CR behind a chunk.
    ChunkCr,
    /// The LF behind that.
    ChunkLf,
    /// A line behind the last chunk, or the end of them.
    Trailers,
}

/// A line with the size of a chunk, as far as it was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Size {
    value: u64,
    digits: u8,
    in_extension: bool,
    after_cr: bool,
}

impl Framing {
    pub(super) fn new() -> Self {
        Self { place: Place::Head(Head::default()), line: Vec::new(), left: LONGEST_HEAD }
    }

    /// How many bytes of an unfinished head there are; `None` where something else comes next.
    pub(super) fn unfinished_head(&self) -> Option<usize> {
        match self.place {
            Place::Head(_) | Place::Trailers => Some(LONGEST_HEAD - self.left),
            _ => None,
        }
    }

    /// Follows the next piece. After a refusal there must not be another.
    pub(super) fn follow(&mut self, piece: &[u8]) -> Result<(), Refused> {
        let mut at = 0;
        while at < piece.len() {
            let rest = &piece[at..];
            let refused = |reason| Refused { at, reason };
            at += match self.place {
                Place::Head(_) | Place::Trailers => {
                    self.line(rest).map_err(|(offset, reason)| Refused { at: at + offset, reason })?
                }
                Place::Body(left) => {
                    let (taken, left) = skip(left, rest);
                    self.place = if left == 0 { Place::Head(Head::default()) } else { Place::Body(left) };
                    taken
                }
                Place::Chunk(left) => {
                    let (taken, left) = skip(left, rest);
                    self.place = if left == 0 { Place::ChunkCr } else { Place::Chunk(left) };
                    taken
                }
                Place::ChunkCr | Place::ChunkLf | Place::Size(_) => {
                    self.place = self.place.after(rest[0]).map_err(refused)?;
                    1
                }
            };
        }
        Ok(())
    }

    /// Takes what there is of a line: how many bytes that is, or at which of them it is refused.
    fn line(&mut self, rest: &[u8]) -> Result<usize, (usize, Reason)> {
        if self.left == 0 {
            return Err((0, TOO_LONG));
        }
        let rest = &rest[..rest.len().min(self.left)];
        let Some(end) = memchr::memchr(b'\n', rest) else {
            self.line.extend_from_slice(rest);
            self.left -= rest.len();
            return Ok(rest.len());
        };
        let refused = |reason| (end, reason);
        let mut begun = std::mem::take(&mut self.line);
        let line = if begun.is_empty() {
            &rest[..end]
        } else {
            begun.extend_from_slice(&rest[..end]);
            &begun
        };
        let line = line.strip_suffix(b"\r").ok_or("a line ends with LF alone").map_err(refused)?;
        if memchr::memchr2(b'\r', b'\0', line).is_some() {
            return Err(refused("a line holds a CR or a NUL"));
        }
        let is_end = line.is_empty() && self.place != Place::Head(Head::default());
        self.left = if is_end { LONGEST_HEAD } else { self.left - end - 1 };
        self.place = self.place.after_line(line).map_err(refused)?;
        Ok(end + 1)
    }
}

impl Place {
    fn after_line(self, line: &[u8]) -> Result<Self, Reason> {
        match self {
            Self::Head(head) if !line.is_empty() || head.is_unbegun() => Ok(Self::Head(head.with(line)?)),
            Self::Head(head) => Ok(match head.end()? {
                Ending::Length(0) => Self::Head(Head::default()),
                Ending::Length(length) => Self::Body(length),
                Ending::Chunks => Self::Size(Size::default()),
            }),
            _ if line.is_empty() => Ok(Self::Head(Head::default())),
            trailers => Ok(trailers),
        }
    }

    fn after(self, byte: u8) -> Result<Self, Reason> {
        match (self, byte) {
            (Self::ChunkCr, b'\r') => Ok(Self::ChunkLf),
            (Self::ChunkLf, b'\n') => Ok(Self::Size(Size::default())),
            (Self::Size(size), _) => size.after(byte),
            _ => Err("a chunk is not followed by CR LF"),
        }
    }
}

impl Size {
    fn after(self, byte: u8) -> Result<Place, Reason> {
        let digit = char::from(byte).to_digit(16);
        match byte {
            b'\n' if self.after_cr && self.value == 0 => return Ok(Place::Trailers),
            b'\n' if self.after_cr => return Ok(Place::Chunk(self.value)),
            _ if self.after_cr => return Err("a chunk's size is not followed by CR LF"),
            b'\r' if self.digits > 0 => return Ok(Place::Size(Self { after_cr: true, ..self })),
            b'\t' | b' '..=b'~' | 0x80.. if self.in_extension => return Ok(Place::Size(self)),
            b';' if self.digits > 0 => return Ok(Place::Size(Self { in_extension: true, ..self })),
            _ => {}
        }
        match digit {
            Some(digit) if !self.in_extension && self.digits < CHUNK_DIGITS => {
                let value = self.value * 16 + u64::from(digit);
                Ok(Place::Size(Self { value, digits: self.digits + 1, ..self }))
            }
            _ => Err("a chunk's size is not one"),
        }
    }
}

/// What follows a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// A body of so many bytes.
    Length(u64),
    /// A body in chunks.
    Chunks,
}

/// How many bytes of `piece` belong to the `left` ones, and how many are left then.
fn skip(left: u64, piece: &[u8]) -> (usize, u64) {
    let taken = usize::try_from(left).map_or(piece.len(), |left| left.min(piece.len()));
    (taken, left - taken as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn follow(pieces: &[&[u8]]) -> Result<Framing, (usize, Reason)> {
        let (mut framing, mut before) = (Framing::new(), 0);
        for piece in pieces {
            framing.follow(piece).map_err(|Refused { at, reason }| (before + at, reason))?;
            before += piece.len();
        }
        Ok(framing)
    }

    fn is_between_requests(framing: &Framing) -> bool {
        framing.line.is_empty() && framing.place == Place::Head(Head::default())
    }

    const HEAD: &str = "POST /events HTTP/1.1\r\nHost: x\r\n";

    #[test]
    fn requests_of_every_kind_follow_one_another() {
        let requests = format!(
            "{HEAD}\r\n\r\n{HEAD}content-length: 5\r\n\r\nab\r\n\0{HEAD}Transfer-Encoding: Chunked\r\n\r\n4\r\na\r\n\n\r\n1F;x=\"y\"\r\n{}\r\n0\r\nTrailer: x\r\n\r\nGET / HTTP/1.0\r\n\r\n",
            "\n".repeat(31)
        );
        assert!(is_between_requests(&follow(&[requests.as_bytes()]).expect("nothing is wrong")));
    }

    #[test]
    fn what_is_wrong_with_chunks_is_refused_at_its_byte() {
        let chunked = format!("{HEAD}transfer-encoding: chunked\r\n\r\n");
        for (body, at) in [
            ("\r\n", 0),
            ("+5\r\n", 0),
            ("0x5\r\n", 1),
            ("5 \r\n", 1),
            ("5\n", 1),
            ("5\rx", 2),
            ("fffffffffffffffff\r\n", 15),
            ("1;a\nb\r\n", 3),
            ("1\r\nab", 4),
            ("1\r\na\n", 4),
            ("0\r\n\n", 3),
        ] {
            let refused = follow(&[chunked.as_bytes(), body.as_bytes()]).expect_err(body);
            assert_eq!(refused.0, chunked.len() + at, "{body:?}");
        }
    }

    #[test]
    fn a_head_has_a_longest_however_it_is_made_up() {
        let fits = |line: &str| {
            let lines = line.repeat((LONGEST_HEAD - HEAD.len()) / line.len());
            format!("{HEAD}{lines}")
        };
        for line in ["x: y\r\n", "x"] {
            let head = fits(line);
            assert!(follow(&[head.as_bytes()]).is_ok());
            let refused = follow(&[head.as_bytes(), line.repeat(7).as_bytes()]).expect_err("too long");
            assert_eq!(refused, (LONGEST_HEAD, TOO_LONG));
        }
        assert!(
            follow(&[format!("{HEAD}\r\n").repeat(9000).as_bytes()]).is_ok(),
            "each head counts for itself"
        );
    }

    proptest! {
        #[test]
        fn the_verdict_does_not_depend_on_how_the_bytes_are_cut(
            parts in proptest::collection::vec(
                prop_oneof![
                    Just(HEAD), Just("\r\n"), Just("content-length: 9\r\n"), Just("transfer-encoding: chunked\r\n"),
                    Just("5\r\nhello\r\n"), Just("0\r\n\r\n"), Just("\n"), Just("x"), Just("GET / HTTP/1.0\r\n\r\n"),
                ],
                0..20,
            ),
            cuts in proptest::collection::vec(1_usize..40, 1..40),
        ) {
            let whole = parts.concat().into_bytes();
            let (mut pieces, mut rest) = (Vec::new(), whole.as_slice());
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break; }
                let (piece, behind) = rest.split_at((*cut).min(rest.len()));
                pieces.push(piece);
                rest = behind;
            }
            let verdict = |framing: Result<Framing, (usize, Reason)>| framing.map(|framing| (framing.place, framing.line));
            prop_assert_eq!(verdict(follow(&pieces)), verdict(follow(&[&whole])));
        }
    }
}
