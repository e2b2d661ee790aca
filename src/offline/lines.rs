//! A file or standard input, line by line.

use super::OfflineError;
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
    at_start: bool,
}

impl<'p> Lines<'p> {
    pub(super) fn open(path: &'p Path) -> Result<Self, OfflineError> {
        let input: Box<dyn BufRead> = if path == Path::new("-") {
            Box::new(io::stdin().lock())
        } else {
            let file = File::open(path).map_err(OfflineError::unreadable(path))?;
            Box::new(BufReader::with_capacity(1 << 20, file))
        };
        Ok(Self { path, input, at_start: true })
    }

    /// Reads the next line into `line`, in place of what it holds and without its end; false when there is none.
    pub(super) fn read_into(&mut self, line: &mut Vec<u8>) -> Result<bool, OfflineError> {
        line.clear();
        let read = (&mut self.input).take(MAX_BYTES).read_until(b'\n', line);
        let length = read.map_err(OfflineError::unreadable(self.path))?;
        if line.pop_if(|last| *last == b'\n').is_none() {
            self.refuse_longer(length, "a line")?;
        }
        if std::mem::take(&mut self.at_start) && line.starts_with(BYTE_ORDER_MARK) {
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
