//! Rows in the form that Postgres' binary `COPY` reads. Pure.
//!
//! ```text
//! "PGCOPY\n\xff\r\n\0" · flags i32 · extension length i32 · row … · -1 i16
//! row   = fields i16 · field …
//! field = length i32 · value
//! ```
//!
//! Integers are big-endian; times are microseconds since 2000-01-01 UTC. Source: the PostgreSQL manual, `COPY`, "Binary
//! Format", and the `…recv` functions of the types.

use jiff::Timestamp;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
const END: i16 = -1;
/// Instead of a field's length.
const NULL: i32 = -1;
const INT8_OID: i32 = 20;
/// Microseconds from the Unix epoch to Postgres'.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

/// Rows being encoded.
#[derive(Debug)]
pub struct CopyRows {
    bytes: Vec<u8>,
    rows: usize,
}

impl CopyRows {
    /// No rows yet; `capacity` bytes are set aside.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        let mut bytes = Vec::with_capacity(capacity + SIGNATURE.len() + 10);
        bytes.extend_from_slice(SIGNATURE);
        bytes.extend_from_slice(&[0; 8]);
        Self { bytes, rows: 0 }
    }

    /// Begins a row of so many fields; exactly as many must follow.
    pub fn row(&mut self, fields: i16) -> &mut Self {
        self.rows += 1;
        self.bytes.extend_from_slice(&fields.to_be_bytes());
        self
    }

    /// A `text`, `json` or `bytea` field.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.length(value.len());
        self.bytes.extend_from_slice(value);
        self
    }

    /// A `text`, `json` or `bytea` field, or null.
    pub fn optional(&mut self, value: Option<&[u8]>) -> &mut Self {
        if let Some(value) = value {
            return self.bytes(value);
        }
        self.bytes.extend_from_slice(&NULL.to_be_bytes());
        self
    }

    /// A `smallint` field.
    pub fn int2(&mut self, value: i16) -> &mut Self {
        self.length(2);
        self.bytes.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// An `integer` field.
    pub fn int4(&mut self, value: i32) -> &mut Self {
        self.length(4);
        self.bytes.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// A `bigint` field.
    pub fn int8(&mut self, value: i64) -> &mut Self {
        self.length(8);
        self.bytes.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// A `bigint` field, or null.
    pub fn optional_int8(&mut self, value: Option<i64>) -> &mut Self {
        match value {
            Some(value) => self.int8(value),
            None => self.optional(None),
        }
    }

    /// A `boolean` field.
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.bytes(&[u8::from(value)])
    }

    /// A `timestamptz` field.
    pub fn timestamp(&mut self, value: Timestamp) -> &mut Self {
        self.int8(value.as_microsecond() - POSTGRES_EPOCH)
    }

    /// A `bigint[]` field.
    pub fn int8_array(&mut self, values: impl ExactSizeIterator<Item = i64>) -> &mut Self {
        let count = values.len();
        let dimensions = i32::from(count > 0);
        self.length(if count == 0 { 12 } else { 20 + 12 * count });
        // dimensions, "has nulls", element type
        for word in [dimensions, 0, INT8_OID] {
            self.bytes.extend_from_slice(&word.to_be_bytes());
        }
        if count > 0 {
            self.length(count);
            self.bytes.extend_from_slice(&1_i32.to_be_bytes());
        }
        values.for_each(|value| {
            self.int8(value);
        });
        self
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The whole text of the `COPY`.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.extend_from_slice(&END.to_be_bytes());
        self.bytes
    }

    fn length(&mut self, length: usize) {
        let length = i32::try_from(length).expect("a field is far smaller than 2 GiB");
        self.bytes.extend_from_slice(&length.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_encoded_as_the_manual_says() {
        let mut rows = CopyRows::with_capacity(0);
        rows.row(2).bytes(b"ab").timestamp("2000-01-01T00:00:01Z".parse().expect("a time"));
        let mut expected = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
        expected.extend_from_slice(b"\0\x02\0\0\0\x02ab\0\0\0\x08");
        expected.extend_from_slice(&1_000_000_i64.to_be_bytes());
        expected.extend_from_slice(b"\xff\xff");
        assert_eq!(rows.finish(), expected);
    }

    #[test]
    fn the_length_of_an_array_counts_all_that_follows_it() {
        for values in [vec![], vec![7], vec![1, 2, 3]] {
            let mut rows = CopyRows::with_capacity(0);
            let before = rows.bytes.len();
            rows.int8_array(values.iter().copied());
            let field = &rows.bytes[before..];
            let said = i32::from_be_bytes([field[0], field[1], field[2], field[3]]);
            assert_eq!(usize::try_from(said), Ok(field.len() - 4), "{values:?}");
        }
    }
}
