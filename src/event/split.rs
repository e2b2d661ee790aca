//! A body of many events → the text of each.
//!
//! The texts are found, not checked: each is parsed once, when its envelope is read. So a body costs no memory beyond
//! itself, however many values it holds.

use super::{JsonError, Place};

/// The lines of an NDJSON body, without the white space around them and without empty ones.
pub fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(body);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = memchr::memchr(b'\n', text);
        rest = end.and_then(|end| text.get(end + 1..));
        Some(end.map_or(text, |end| &text[..end]))
    })
    .map(trim)
    .filter(|line| !line.is_empty())
}

/// The body without a byte order mark before it, which some editors and shells write (RFC 8259, section 8.1).
#[must_use]
pub fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// The text without JSON's white space around it.
#[must_use]
pub fn trim(text: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    let Some(start) = text.iter().position(is_text) else { return &[] };
    let end = text.iter().rposition(is_text).map_or(start, |last| last + 1);
    &text[start..end]
}

/// The elements of a JSON array, each as its text.
///
/// If every text is valid JSON, and no error came, then the whole is a valid array, and the other way round.
#[derive(Debug)]
pub struct Elements<'a> {
    text: &'a [u8],
    at: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    Inside,
    End,
}

impl<'a> Elements<'a> {
    /// The elements of `text`, a JSON array with no white space around it.
    #[must_use]
    pub fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, state: State::Start }
    }

    /// The next element, if the array has one more.
    fn advance(&mut self) -> Result<Option<&'a [u8]>, JsonError> {
        if self.state == State::Start && !self.take(b'[') {
            return Err(self.expected("'['"));
        }
        let end =
            element_end(self.text, self.at).ok_or_else(|| expected("']'", self.text, self.text.len()))?;
        let element = trim(&self.text[self.at..end]);
        let first = self.state == State::Start;
        self.at = end;
        if self.take(b',') {
            self.state = State::Inside;
        } else if self.take(b']') {
            self.state = State::End;
            if self.at != self.text.len() {
                return Err(self.expected("the end"));
            }
            if first && element.is_empty() {
                return Ok(None);
            }
        } else {
            return Err(self.expected("',' or ']'"));
        }
        if element.is_empty() {
            return Err(self.expected("a value before this"));
        }
        Ok(Some(element))
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.text.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    fn expected(&self, what: &str) -> JsonError {
        expected(what, self.text, self.at)
    }
}

fn expected(what: &str, text: &[u8], at: usize) -> JsonError {
    JsonError::Malformed { reason: format!("expected {what}"), place: Place::of(text, at) }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<&'a [u8], JsonError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::End {
            return None;
        }
        let element = self.advance();
        if element.is_err() {
            self.state = State::End;
        }
        element.transpose()
    }
}

/// Where the element that begins at `start` ends: at the first comma or closing bracket that is its parent's.
fn element_end(text: &[u8], start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = start;
    loop {
        match text.get(at)? {
            b'"' => at = string_end(text, at)?,
            b'[' | b'{' => depth += 1,
            b',' if depth == 0 => return Some(at),
            b']' | b'}' => match depth.checked_sub(1) {
                Some(outer) => depth = outer,
                None => return Some(at),
            },
            _ => {}
        }
        at += 1;
    }
}

/// Where the string that begins at `start` has its closing quote.
///
/// Strings in events are short: eight bytes at a time take half of what `memchr2`, made for long ones, does.
pub(super) fn string_end(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        while let Some(eight) = text.get(at..).and_then(<[u8]>::first_chunk::<8>) {
            let word = u64::from_le_bytes(*eight);
            let found = bytes_equal(word, b'"') | bytes_equal(word, b'\\');
            if found != 0 {
                at += found.trailing_zeros() as usize / 8;
                break;
            }
            at += 8;
        }
        match text.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Sets the high bit of the lowest byte in `word` that equals `byte`, and perhaps of higher ones; of none where no byte
/// does ("Determine if a word has a byte equal to n", Bit Twiddling Hacks, S. E. Anderson).
fn bytes_equal(word: u64, byte: u8) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let difference = word ^ (ONES * u64::from(byte));
    difference.wrapping_sub(ONES) & !difference & (ONES << 7)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-z\"\\\\,\\[\\]{}\n\u{e9}]{0,24}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map("[a-z\"\\\\]{0,3}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    fn is_json(text: &[u8]) -> bool {
        serde_json::from_slice::<Value>(text).is_ok()
    }

    proptest! {
        #[test]
        fn an_array_is_cut_into_the_texts_of_its_elements(
            values in prop::collection::vec(json(), 0..8),
            pretty: bool,
        ) {
            let text = if pretty { serde_json::to_string_pretty(&values) } else { serde_json::to_string(&values) };
            let text = text.expect("values serialise");
            let found: Vec<Value> = Elements::new(text.as_bytes())
                .map(|element| serde_json::from_slice(element.expect("the array is valid")).expect("an element"))
                .collect();
            prop_assert_eq!(found, values);
        }

        #[test]
        fn texts_are_the_clients_own(values in prop::collection::vec(json(), 0..8)) {
            let texts: Vec<String> = values.iter().map(Value::to_string).collect();
            let array = format!("[ {} ]", texts.join(" ,\t"));
            let found: Vec<&[u8]> = Elements::new(array.as_bytes()).map(|element| element.expect("valid")).collect();
            prop_assert_eq!(found, texts.iter().map(String::as_bytes).collect::<Vec<_>>());
            let ndjson = texts.join("\r\n \n");
            let found: Vec<&[u8]> = lines(ndjson.as_bytes()).collect();
            prop_assert_eq!(found, texts.iter().map(String::as_bytes).collect::<Vec<_>>());
        }

        #[test]
        fn the_whole_is_an_array_exactly_when_all_its_elements_are_json(text in r#"\[[\[\]{},":\\ a1n]{0,24}\]?"#) {
            let elements: Result<Vec<_>, _> = Elements::new(trim(text.as_bytes())).collect();
            let valid = elements.is_ok_and(|elements| elements.into_iter().all(is_json));
            prop_assert_eq!(valid, is_json(text.as_bytes()), "{}", text);
        }
    }

    #[test]
    fn errors_say_what_was_expected_and_where() {
        for (text, message) in [
            ("", "expected '[' at line 1 column 1"),
            ("[", "expected ']' at line 1 column 2"),
            ("[1,", "expected ']' at line 1 column 4"),
            ("[1,\n]", "expected a value before this at line 2 column 2"),
            ("[1}", "expected ',' or ']' at line 1 column 3"),
            ("[1] 2", "expected the end at line 1 column 4"),
            ("[\"a]", "expected ']' at line 1 column 5"),
        ] {
            let last = Elements::new(text.as_bytes()).last().expect("at least the error");
            let error = last.expect_err(text).to_string();
            assert!(error.ends_with(message), "{text}: {error}");
        }
    }

    #[test]
    fn an_empty_array_and_an_empty_body_hold_nothing() {
        assert_eq!(Elements::new(b"[ \n]").count(), 0);
        assert_eq!(lines(b" \n\r\n\n").count(), 0);
        assert_eq!(lines(b"").count(), 0);
    }
}
