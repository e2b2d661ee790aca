//! What was accepted against what became of it, day by day. Pure.
//!
//! The two halves are read one after the other, Redis before and after Postgres. Outcomes can never exceed what was
//! accepted when they were read already; and where Redis shows the same before and after, and nothing queued, every
//! receipt was there to be read in between, so the halves must agree.
//!
//! What servers report to have acknowledged shares no fate with Redis. Only reports that are settled are held against
//! outcomes: all their events had left the streams when the outcomes were read. So one that has none is lost.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::queue::{Accepted, Depth};

/// What became of events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// Events that became rows.
    pub stored: u64,
    /// Events that were accepted before.
    pub duplicate: u64,
    /// Events that could not be stored.
    pub dead_lettered: u64,
}

impl Outcomes {
    /// How many events have left the pipeline.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.stored + self.duplicate + self.dead_lettered
    }
}

/// What Postgres knows of a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InPostgres {
    /// What became of the events that this Redis accepted.
    pub outcomes: Outcomes,
    /// Events that servers report to have acknowledged.
    pub reported: u64,
    /// Of the settled part of them, those that have no outcome.
    pub lost: u64,
}

/// A day of the ledger (UTC). Events are counted to the day on which the first of their frame was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Day {
    /// Which day.
    pub day: Date,
    /// Events that were accepted.
    pub accepted: u64,
    /// Events that became rows.
    pub stored: u64,
    /// Events that were accepted before.
    pub duplicate: u64,
    /// Events that could not be stored.
    pub dead_lettered: u64,
    /// What was accepted and has no outcome yet; less than nothing where there are outcomes of events that Redis does not
    /// know of.
    pub in_flight: i64,
    /// Events that servers report to have acknowledged, whatever Redis knows of them; about a second behind.
    pub reported: u64,
    /// Reported events that are neither queued nor have an outcome.
    pub lost: u64,
}

/// Both halves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// The days in order; those on which nothing happened are left out.
    pub days: Vec<Day>,
    /// What is in the streams.
    pub queued: Depth,
    /// Since when this Redis counts; `None` before anything was taken from it.
    pub since: Option<Timestamp>,
    /// Nothing was queued, and nothing changed while both halves were read.
    pub at_rest: bool,
}

/// A day on which the halves contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// More events left the pipeline than entered it.
    Unknown {
        /// The day.
        day: Date,
        /// So many more.
        events: u64,
    },
    /// Nothing is on its way, yet not all events have an outcome.
    Missing {
        /// The day.
        day: Date,
        /// So many have none.
        events: u64,
    },
    /// Servers have acknowledged events that are nowhere.
    Lost {
        /// The day.
        day: Date,
        /// How many.
        events: u64,
    },
}

/// The day (UTC) of a moment.
#[must_use]
pub fn day_of(moment: Timestamp) -> Date {
    moment.to_zoned(TimeZone::UTC).date()
}

/// The moment at which a day begins.
#[must_use]
pub fn begin_of(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC).map_or(Timestamp::MIN, |begin| begin.timestamp())
}

impl Ledger {
    /// Combines what Redis showed before and after the outcomes were read, by shard; from the day `from` on, as far as
    /// Redis still knows of it.
    #[must_use]
    pub fn combine(
        from: Date,
        before: &[Accepted],
        in_postgres: &BTreeMap<Date, InPostgres>,
        after: &[Accepted],
    ) -> Self {
        let from = after.iter().filter_map(|shard| shard.kept_from).max().map_or(from, |kept| kept.max(from));
        let mut days: BTreeMap<Date, (u64, InPostgres)> = BTreeMap::new();
        for (day, accepted) in after.iter().flat_map(|shard| &shard.by_day) {
            days.entry(*day).or_default().0 += accepted;
        }
        for (day, known) in in_postgres.iter().filter(|(_, known)| **known != InPostgres::default()) {
            days.entry(*day).or_default().1 = *known;
        }
        let queued: Depth = after.iter().map(|shard| shard.queued).sum();
        let since = after.iter().filter_map(|shard| shard.since).min();
        let since = since
            .and_then(|milliseconds| Timestamp::from_millisecond(i64::try_from(milliseconds).ok()?).ok());
        Self {
            days: days
                .range(from..)
                .map(|(day, (accepted, known))| Day::new(*day, *accepted, known))
                .collect(),
            queued,
            since,
            at_rest: queued.events == 0 && before == after,
        }
    }

    /// Where the halves contradict each other.
    #[must_use]
    pub fn audit(&self) -> Vec<Difference> {
        let differences = |&Day { day, in_flight, lost, .. }: &Day| {
            let events = in_flight.unsigned_abs();
            let between_halves = match in_flight.cmp(&0) {
                Ordering::Less => Some(Difference::Unknown { day, events }),
                Ordering::Greater if self.at_rest => Some(Difference::Missing { day, events }),
                _ => None,
            };
            let lost = (lost > 0).then_some(Difference::Lost { day, events: lost });
            between_halves.into_iter().chain(lost)
        };
        self.days.iter().flat_map(differences).collect()
    }

    /// How many events are on their way.
    #[must_use]
    pub fn in_flight(&self) -> i64 {
        self.days.iter().map(|day| day.in_flight).sum()
    }
}

impl Day {
    fn new(day: Date, accepted: u64, known: &InPostgres) -> Self {
        let InPostgres { outcomes, reported, lost } = *known;
        let Outcomes { stored, duplicate, dead_lettered } = outcomes;
        let count = |events: u64| i64::try_from(events).unwrap_or(i64::MAX);
        let in_flight = count(accepted).saturating_sub(count(outcomes.total()));
        Self { day, accepted, stored, duplicate, dead_lettered, in_flight, reported, lost }
    }
}

impl Serialize for Ledger {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut ledger = serializer.serialize_struct("Ledger", 4)?;
        ledger.serialize_field("days", &self.days)?;
        ledger.serialize_field("queued", &self.queued)?;
        ledger.serialize_field("balanced", &self.audit().is_empty())?;
        ledger.serialize_field("since", &self.since)?;
        ledger.end()
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { day, events } => write!(
                f,
                "{day}: {} came to an outcome that Redis does not know to have been accepted. Redis lost acknowledged \
                writes, most likely at a restart, or its ledger:* keys were changed by hand. Look at Redis' log and \
                at its appendonly and appendfsync settings",
                count(*events)
            ),
            Self::Missing { day, events } => write!(
                f,
                "{day}: {} without an outcome, though nothing is queued. Rows of the table frames were deleted, \
                Postgres was restored from an older copy, or stream entries were deleted (XDEL, XTRIM, DEL) before \
                they were stored. Look at the worker's log for deleted entries and at who changed either server",
                count(*events)
            ),
            Self::Lost { day, events } => write!(
                f,
                "{day}: {} acknowledged by a server, and neither stored, a duplicate, a dead letter nor queued. Redis \
                lost acknowledged writes: it was killed while its disk was slow or full, emptied, started from an older \
                copy, or failed over; or stream entries or receipts were deleted. Clients that kept what they sent can \
                send it again: what is there is a duplicate",
                count(*events)
            ),
        }
    }
}

fn count(events: u64) -> String {
    if events == 1 { "1 event".to_owned() } else { format!("{events} events") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(number: i8) -> Date {
        Date::constant(2026, 11, number)
    }

    fn shard(since: Option<u64>, by_day: &[(i8, u64)], queued: u64) -> Accepted {
        let by_day = by_day.iter().map(|(number, events)| (day(*number), *events)).collect();
        Accepted { since, by_day, queued: Depth { events: queued, bytes: queued * 100 }, kept_from: None }
    }

    fn outcomes(days: &[(i8, u64, u64, u64)]) -> BTreeMap<Date, InPostgres> {
        let outcomes = |&(number, stored, duplicate, dead_lettered)| {
            let outcomes = Outcomes { stored, duplicate, dead_lettered };
            (day(number), InPostgres { outcomes, ..InPostgres::default() })
        };
        days.iter().map(outcomes).collect()
    }

    #[test]
    fn what_servers_have_acknowledged_and_nobody_knows_of_is_lost_though_redis_adds_up() {
        let rested = [shard(Some(0), &[(1, 5)], 0)];
        let mut known = outcomes(&[(1, 5, 0, 0)]);
        let today = known.get_mut(&day(1)).unwrap();
        (today.reported, today.lost) = (7, 2);
        let ledger = Ledger::combine(day(1), &rested, &known, &rested);
        assert_eq!((ledger.days[0].reported, ledger.days[0].in_flight), (7, 0));
        assert_eq!(ledger.audit(), [Difference::Lost { day: day(1), events: 2 }]);
        assert!(ledger.audit()[0].to_string().starts_with("2026-11-01: 2 events acknowledged by a server"));
    }

    #[test]
    fn a_day_of_which_nothing_is_known_is_left_out_and_one_that_is_only_reported_is_not() {
        let rested = [shard(Some(0), &[], 0)];
        let known = |reported| BTreeMap::from([(day(1), InPostgres { reported, ..InPostgres::default() })]);
        assert!(Ledger::combine(day(1), &rested, &known(0), &rested).days.is_empty());
        assert_eq!(Ledger::combine(day(1), &rested, &known(3), &rested).days.len(), 1);
    }

    #[test]
    fn shards_and_outcomes_are_added_up_by_day() {
        let shards = [shard(Some(2_000), &[(1, 5), (2, 7)], 3), shard(Some(1_000), &[(2, 1)], 0)];
        let ledger = Ledger::combine(day(1), &shards, &outcomes(&[(1, 2, 2, 1), (2, 4, 1, 0)]), &shards);
        let first = Day {
            day: day(1),
            accepted: 5,
            stored: 2,
            duplicate: 2,
            dead_lettered: 1,
            in_flight: 0,
            reported: 0,
            lost: 0,
        };
        let second = Day {
            day: day(2),
            accepted: 8,
            stored: 4,
            duplicate: 1,
            dead_lettered: 0,
            in_flight: 3,
            reported: 0,
            lost: 0,
        };
        assert_eq!(ledger.days, [first, second]);
        assert_eq!((ledger.in_flight(), ledger.queued.events, ledger.at_rest), (3, 3, false));
        assert_eq!(ledger.since.map(|since| since.to_string()).as_deref(), Some("1970-01-01T00:00:01Z"));
        assert_eq!(ledger.audit(), []);
    }

    #[test]
    fn nothing_is_missing_while_something_is_queued_or_changes() {
        let queued = [shard(Some(0), &[(1, 5)], 2)];
        let rested = [shard(Some(0), &[(1, 5)], 0)];
        let some = outcomes(&[(1, 3, 0, 0)]);
        assert_eq!(Ledger::combine(day(1), &queued, &some, &queued).audit(), []);
        assert_eq!(Ledger::combine(day(1), &queued, &some, &rested).audit(), []);
        let missing = Difference::Missing { day: day(1), events: 2 };
        assert_eq!(Ledger::combine(day(1), &rested, &some, &rested).audit(), [missing]);
    }

    #[test]
    fn more_outcomes_than_events_are_wrong_at_any_time_and_do_not_make_up_for_another_day() {
        let queued = [shard(Some(0), &[(1, 5), (2, 5)], 9)];
        let ledger = Ledger::combine(day(1), &queued, &outcomes(&[(1, 5, 1, 0), (2, 4, 0, 0)]), &queued);
        assert_eq!(ledger.audit(), [Difference::Unknown { day: day(1), events: 1 }]);
    }

    #[test]
    fn days_before_the_wanted_ones_and_days_that_were_forgotten_are_left_out() {
        let mut shards = [shard(Some(0), &[(3, 1), (4, 1)], 0), shard(Some(0), &[], 0)];
        let all = outcomes(&[(1, 9, 0, 0), (3, 1, 0, 0), (4, 1, 0, 0)]);
        let days = |shards: &[Accepted]| {
            let ledger = Ledger::combine(day(2), shards, &all, shards);
            assert_eq!(ledger.audit(), []);
            ledger.days.iter().map(|shown| shown.day).collect::<Vec<_>>()
        };
        assert_eq!(days(&shards), [day(3), day(4)]);
        shards[1].kept_from = Some(day(4));
        assert_eq!(days(&shards), [day(4)]);
    }

    proptest! {
        #[test]
        fn the_audit_finds_each_day_that_differs_and_no_other(
            days in prop::collection::btree_map(1..28_i8, (0..50_u64, 0..50_u64, 0..50_u64, -20..20_i64), 0..10),
            queued in 0..3_u64,
        ) {
            let total = |(stored, duplicate, dead, _): &(u64, u64, u64, i64)| stored + duplicate + dead;
            let accepted: Vec<(i8, u64)> = days
                .iter()
                .map(|(number, counts)| (*number, total(counts).saturating_add_signed(counts.3)))
                .collect();
            let told: Vec<(i8, u64, u64, u64)> =
                days.iter().map(|(number, counts)| (*number, counts.0, counts.1, counts.2)).collect();
            let shards = [shard(Some(0), &accepted, queued)];
            let ledger = Ledger::combine(day(1), &shards, &outcomes(&told), &shards);

            for shown in &ledger.days {
                let sum = shown.stored + shown.duplicate + shown.dead_lettered;
                prop_assert_eq!(i64::try_from(shown.accepted).unwrap(), i64::try_from(sum).unwrap() + shown.in_flight);
            }
            let wrong: Vec<(Date, i64)> = accepted
                .iter()
                .zip(days.values())
                .map(|((number, accepted), counts)| {
                    (day(*number), i64::try_from(*accepted).unwrap() - i64::try_from(total(counts)).unwrap())
                })
                .filter(|(_, left)| *left < 0 || (*left > 0 && queued == 0))
                .collect();
            let found: Vec<(Date, i64)> = ledger.audit().iter().map(|difference| match *difference {
                Difference::Lost { .. } => unreachable!("nothing is reported"),
                Difference::Unknown { day, events } => (day, -i64::try_from(events).unwrap()),
                Difference::Missing { day, events } => (day, i64::try_from(events).unwrap()),
            }).collect();
            prop_assert_eq!(found, wrong);
        }

        #[test]
        fn how_events_are_spread_over_shards_changes_nothing(
            parts in prop::collection::vec(prop::collection::btree_map(1..5_i8, 0..50_u64, 0..4), 1..5),
        ) {
            let shards: Vec<Accepted> = parts
                .iter()
                .map(|days| shard(Some(7), &days.iter().map(|(day, events)| (*day, *events)).collect::<Vec<_>>(), 0))
                .collect();
            let mut sums: BTreeMap<i8, u64> = BTreeMap::new();
            for (number, events) in parts.iter().flatten() {
                *sums.entry(*number).or_default() += events;
            }
            let one = [shard(Some(7), &sums.into_iter().collect::<Vec<_>>(), 0)];
            let none = BTreeMap::new();
            prop_assert_eq!(
                Ledger::combine(day(1), &shards, &none, &shards),
                Ledger::combine(day(1), &one, &none, &one)
            );
        }
    }
}
