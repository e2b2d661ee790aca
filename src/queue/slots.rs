//! Redis Cluster's hash slots: which one a shard is in, and which server has it.
//!
//! Source: the Redis Cluster specification, "Key distribution model" and "Hash tags".

use bb8_redis::redis::Value;

use super::{QueueError, Shard};

/// How many slots a cluster has.
pub(super) const SLOTS: u16 = 16_384;

/// A range of slots, and the server that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    from: u16,
    to: u16,
    pub(super) host: String,
    pub(super) port: u16,
}

impl Range {
    /// Whether it ends before this slot.
    pub(super) fn is_before(&self, slot: u16) -> bool {
        self.to < slot
    }
}

/// The slot of all keys of a shard: what stands in braces decides, which is its number.
pub(super) fn slot_of(shard: Shard) -> u16 {
    crc16(shard.to_string().as_bytes()) % SLOTS
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

/// The answer to `CLUSTER SLOTS`, `[[from, to, [host, port, …], replica, …], …]`. Where a server does not know its own
/// name, it is at `asked`. They are in order, and cover all slots.
pub(super) fn ranges(reply: &Value, asked: &str) -> Result<Vec<Range>, QueueError> {
    let unexpected = || QueueError::Reply {
        command: "CLUSTER SLOTS",
        what: format!("{reply:?}").chars().take(200).collect(),
    };
    let Value::Array(ranges) = reply else { return Err(unexpected()) };
    let ranges: Option<Vec<Range>> = ranges.iter().map(|range| read(range, asked)).collect();
    let mut ranges = ranges.ok_or_else(unexpected)?;
    ranges.sort_unstable_by_key(|range| range.from);
    let (mut next, mut uncovered) = (0, 0);
    for range in &ranges {
        uncovered += range.from.checked_sub(next).ok_or_else(unexpected)?;
        next = range.to + 1;
    }
    match uncovered + SLOTS - next {
        0 => Ok(ranges),
        uncovered => Err(QueueError::Uncovered(uncovered)),
    }
}

fn read(range: &Value, asked: &str) -> Option<Range> {
    let Value::Array(parts) = range else { return None };
    let [Value::Int(from), Value::Int(to), Value::Array(server), ..] = parts.as_slice() else { return None };
    let [host, Value::Int(port), ..] = server.as_slice() else { return None };
    let host = match host {
        Value::Nil => asked.to_owned(),
        Value::BulkString(host) if host.is_empty() => asked.to_owned(),
        Value::BulkString(host) => String::from_utf8(host.clone()).ok()?,
        _ => return None,
    };
    let (from, to) = (u16::try_from(*from).ok()?, u16::try_from(*to).ok()?);
    (from <= to && to < SLOTS).then_some(Range { from, to, host, port: u16::try_from(*port).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::Shards;

    fn range(from: i64, to: i64, host: Value, port: i64) -> Value {
        let server = Value::Array(vec![host, Value::Int(port), Value::BulkString(b"id".to_vec())]);
        Value::Array(vec![Value::Int(from), Value::Int(to), server])
    }

    fn named(host: &str) -> Value {
        Value::BulkString(host.as_bytes().to_vec())
    }

    #[test]
    fn slots_are_those_of_redis() {
        assert_eq!(crc16(b"123456789"), 0x31c3, "the specification's example");
        // as CLUSTER KEYSLOT says
        let slots: Vec<u16> = Shards::new(4).expect("allowed").all().map(slot_of).collect();
        assert_eq!(slots, [13_907, 9_842, 5_649, 1_584]);
    }

    #[test]
    fn ranges_are_read_and_a_server_without_a_name_is_where_it_was_asked() {
        let reply = Value::Array(vec![
            range(100, 199, Value::Nil, 2),
            range(0, 99, named("a"), 1),
            range(200, 16_383, named(""), 3),
        ]);
        let ranges = ranges(&reply, "here").expect("well-formed");
        let servers: Vec<(&str, u16)> = ranges.iter().map(|range| (&*range.host, range.port)).collect();
        assert_eq!(servers, [("a", 1), ("here", 2), ("here", 3)]);
        assert!(ranges[1].is_before(200) && !ranges[1].is_before(199));
    }

    #[test]
    fn slots_without_a_server_and_answers_of_another_form_are_errors() {
        let short = Value::Array(vec![range(1, 9, named("a"), 1), range(11, 16_381, named("a"), 1)]);
        assert!(matches!(ranges(&short, "here"), Err(QueueError::Uncovered(4))));
        assert!(matches!(ranges(&Value::Array(Vec::new()), "here"), Err(QueueError::Uncovered(SLOTS))));
        let backwards = Value::Array(vec![range(2, 1, named("a"), 1)]);
        let twice = Value::Array(vec![range(0, 9, named("a"), 1), range(9, 16_383, named("b"), 1)]);
        for reply in [Value::Nil, Value::Array(vec![Value::Int(1)]), backwards, twice] {
            assert!(matches!(ranges(&reply, "here"), Err(QueueError::Reply { .. })));
        }
    }
}
