//! Whether Redis' disk keeps up with what Redis acknowledges. Pure.
//!
//! With `appendfsync everysec` Redis answers before it writes while an fsync is under way, for up to two seconds. What it
//! holds then is lost if it is killed. Once an fsync takes longer, it counts it as delayed and waits for it.

use std::time::{Duration, Instant};

/// How long something that Redis holds must last to be more than what every fsync holds up.
const SLOW: Duration = Duration::from_millis(500);
/// How long a slow disk is remembered.
const REMEMBER: Duration = Duration::from_mins(1);

/// What a server said of its disk; of a cluster, all servers together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    /// Writes that had to wait for an fsync of more than two seconds, since the server started.
    pub delayed_fsyncs: u64,
    /// Bytes that it had acknowledged and not written.
    pub unwritten: u64,
    /// Its last write failed.
    pub refused: bool,
}

impl Disk {
    /// This one and another.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            delayed_fsyncs: self.delayed_fsyncs + other.delayed_fsyncs,
            unwritten: self.unwritten + other.unwritten,
            refused: self.refused || other.refused,
        }
    }
}

/// Remembers what was seen of a disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiskWatch {
    delayed_fsyncs: Option<u64>,
    unwritten_since: Option<Instant>,
    /// The most that was held while the disk was slow, and when that was last.
    slow: Option<(u64, Instant)>,
}

impl DiskWatch {
    /// Takes in a look at the disk; says what an operator should know.
    pub fn see(&mut self, disk: Disk, now: Instant) -> Option<String> {
        let delayed = self
            .delayed_fsyncs
            .replace(disk.delayed_fsyncs)
            .is_some_and(|before| disk.delayed_fsyncs > before);
        self.unwritten_since = (disk.unwritten > 0).then(|| self.unwritten_since.unwrap_or(now));
        let holds = self.unwritten_since.is_some_and(|since| now.duration_since(since) >= SLOW);
        if delayed || holds {
            let most = self.slow.map_or(0, |(most, _)| most);
            self.slow = Some((most.max(disk.unwritten), now));
        }
        self.slow = self.slow.filter(|(_, last)| now.duration_since(*last) < REMEMBER);
        if disk.refused {
            return Some(
                "Redis cannot write to its disk; see its log, and free space. What it acknowledged last is in its memory \
                only: do not end it before"
                    .to_owned(),
            );
        }
        self.slow.map(|(most, _)| {
            format!(
                "Redis' disk is slow: in the last minute Redis held up to {most} bytes that it had acknowledged and not \
                written, and would have lost them if it had been killed ({} delayed fsyncs since it started). \
                `appendfsync always` closes that window",
                disk.delayed_fsyncs
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(delayed_fsyncs: u64, unwritten: u64) -> Disk {
        Disk { delayed_fsyncs, unwritten, refused: false }
    }

    #[test]
    fn a_disk_that_keeps_up_is_nothing_to_tell_of() {
        let (mut watch, start) = (DiskWatch::default(), Instant::now());
        assert_eq!(watch.see(disk(7, 0), start), None, "delayed before this process looked");
        assert_eq!(watch.see(disk(7, 900), start + SLOW), None, "an fsync holds up a little");
        assert_eq!(watch.see(disk(7, 0), start + 2 * SLOW), None);
        assert_eq!(watch.see(disk(0, 900), start + 3 * SLOW), None, "Redis was restarted");
    }

    #[test]
    fn a_delayed_fsync_is_told_of_for_a_minute() {
        let (mut watch, start) = (DiskWatch::default(), Instant::now());
        assert_eq!(watch.see(disk(0, 0), start), None);
        assert!(watch.see(disk(1, 0), start).is_some_and(|told| told.contains("1 delayed fsyncs")));
        assert!(watch.see(disk(1, 0), start + REMEMBER / 2).is_some());
        assert_eq!(watch.see(disk(1, 0), start + REMEMBER), None);
    }

    #[test]
    fn what_is_held_for_long_is_told_of_though_no_fsync_counts_as_delayed() {
        let (mut watch, start) = (DiskWatch::default(), Instant::now());
        assert_eq!(watch.see(disk(0, 900), start), None);
        assert!(
            watch.see(disk(0, 4_000), start + SLOW).is_some_and(|told| told.contains("up to 4000 bytes"))
        );
    }

    #[test]
    fn a_disk_that_takes_nothing_is_told_of_at_once() {
        let refused = Disk { refused: true, ..Disk::default() };
        let told = DiskWatch::default().see(refused.and(disk(0, 0)), Instant::now());
        assert!(told.is_some_and(|told| told.contains("cannot write to its disk")));
    }
}
