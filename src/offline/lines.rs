//! A file or standard input, line by line.

use super::OfflineError;
use crate::event::split::trim;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// The longest text that is read at once; a longer one ends the run, so that memory stays bounded whatever a file holds.
const MAX_BYTES: u64 = 64 << 20;

/// Some editors put it in front of UTF-8; it means nothing.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// What a path names; `-` is standard input.
pub(super) struct Lines<'p> {
    path: &'p Path,
    input: Box<dyn BufRead>,
    /// The number of the line that was read last; the first one is 1.
    number: usize,
}

impl<'p> Lines<'p> {
    pub(super) fn open(path: &'p Path) -> Result<Self, OfflineError> {
        let input: Box<dyn BufRead> = if path == Path::new("-") {
            Box::new(io::stdin().lock())
        } else {
            let file = File::open(path).map_err(OfflineError::unreadable(path))?;
            Box::new(BufReader::with_capacity(1 << 20, file))
        };
        Ok(Self { path, input, number: 0 })
    }

    /// Reads the next line that is not blank into `line`, in place of what it holds and without its end. Returns its number
    /// in the file; nothing when there is none.
    pub(super) fn read_into(&mut self, line: &mut Vec<u8>) -> Result<Option<usize>, OfflineError> {
        while self.read_any_into(line)? {
            if !trim(line).is_empty() {
                return Ok(Some(self.number));
            }
        }
        Ok(None)
    }

    fn read_any_into(&mut self, line: &mut Vec<u8>) -> Result<bool, OfflineError> {
        line.clear();
        let read = (&mut self.input).take(MAX_BYTES).read_until(b'\n', line);
        let length = read.map_err(OfflineError::unreadable(self.path))?;
        if line.pop_if(|last| *last == b'\n').is_none() {
            self.refuse_longer(length, "a line")?;
        }
        self.number += 1;
        if self.number == 1 && line.starts_with(BYTE_ORDER_MARK) {
            line.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(length > 0)
    }

    /// Reads all of it.
    pub(super) fn read_whole(mut self) -> Result<Vec<u8>, OfflineError> {
        let mut text = Vec::new();
        let read = (&mut self.input).take(MAX_BYTES).read_to_end(&mut text);
        let length = read.map_err(OfflineError::unreadable(self.path))?;
        self.refuse_longer(length, "it")?;
        Ok(text)
    }

    fn refuse_longer(&self, length: usize, what: &str) -> Result<(), OfflineError> {
        if (length as u64) < MAX_BYTES {
            return Ok(());
        }
        let too_long = format!("{what} is longer than {MAX_BYTES} bytes");
        Err(OfflineError::unreadable(self.path)(io::Error::other(too_long)))
    }
}

/// The JSON text of a value that stands in a line as it is, or as text in a string.
pub(super) fn text_of(raw: &RawValue) -> Cow<'_, str> {
    serde_json::from_str::<String>(raw.get()).map_or(Cow::Borrowed(raw.get()), Cow::Owned)
}

/// What is wrong with a line, and the column where.
pub(super) fn complaint(error: &serde_json::Error) -> (String, usize) {
    let said = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    (said.strip_suffix(&place).unwrap_or(&said).to_owned(), error.column())
}
