use std::net::Ipv4Addr;
use std::pin::{Pin, pin};
use std::task::{Context, Waker};

use super::*;
use crate::config::{Bytes, QueueMarks};

fn owner(key: i64) -> Owner {
    Owner { key: Some(key), source: Ipv4Addr::LOCALHOST.into() }
}

fn accumulator(buffer: usize) -> Accumulator {
    let config = IngestConfig {
        frame_bytes: Bytes::new(4096),
        linger: Duration::from_millis(2),
        buffer: Bytes::new(buffer),
        marks: QueueMarks { budget: Bytes::new(1 << 30), high: 70, low: 60 },
    };
    Accumulator::new(Shards::new(1).expect("allowed"), &config)
}

/// Has this owner hold so much of the buffer.
fn hold(accumulator: &Accumulator, owner: Owner, bytes: usize) {
    let mut state = accumulator.lock();
    state.gathering.hold(Held { events: 1, bytes });
    state.line.add(owner, bytes);
}

fn is_ready(waiting: Pin<&mut impl Future<Output = ()>>) -> bool {
    waiting.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[test]
fn who_has_less_in_the_buffer_does_not_wait_behind_who_has_more() {
    let accumulator = accumulator(100);
    hold(&accumulator, owner(1), 300);
    let mut greedy = pin!(accumulator.wait_for_room(owner(1)));
    let mut other = pin!(accumulator.wait_for_room(owner(2)));
    assert!(!is_ready(greedy.as_mut()));
    assert!(!is_ready(other.as_mut()));

    accumulator.release(Held { events: 0, bytes: 250 }, &[Part { owner: owner(1), bytes: 250 }]);
    assert!(!is_ready(greedy.as_mut()), "it is the other's turn");
    assert!(is_ready(other.as_mut()));
    assert!(is_ready(greedy.as_mut()));
}

#[test]
fn who_waits_no_longer_holds_up_nobody() {
    let accumulator = accumulator(100);
    hold(&accumulator, owner(1), 100);
    let mut last = pin!(accumulator.wait_for_room(owner(3)));
    {
        let mut gone = pin!(accumulator.wait_for_room(owner(2)));
        assert!(!is_ready(gone.as_mut()));
        assert!(!is_ready(last.as_mut()));
        accumulator.release(Held { events: 1, bytes: 100 }, &[Part { owner: owner(1), bytes: 100 }]);
    }
    assert!(is_ready(last.as_mut()));
    assert!(accumulator.join(owner(1)).is_none(), "there is room, and nobody waits");
}
