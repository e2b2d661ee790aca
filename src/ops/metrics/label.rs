//! Labels: a closed set of values each, an enum in code.
//!
//! Invariant: no label takes a value from input. A value that is not in its enum cannot be written down.

/// A label and all values that it ever has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// Its values.
    pub values: &'static [&'static str],
}

/// The labels of a metric, with the values of one series.
pub trait Labels: Copy {
    /// The labels.
    const ALL: &'static [Label];

    /// Which of the series this is, in the order of [`series`].
    fn series(self) -> usize;
}

/// A label on its own.
pub(super) trait One: Copy {
    const LABEL: Label;

    /// Which of the values this is.
    fn place(self) -> usize;
}

/// No labels: one series.
impl Labels for () {
    const ALL: &'static [Label] = &[];

    fn series(self) -> usize {
        0
    }
}

impl<A: One, B: One> Labels for (A, B) {
    const ALL: &'static [Label] = &[A::LABEL, B::LABEL];

    fn series(self) -> usize {
        self.0.place() * B::LABEL.values.len() + self.1.place()
    }
}

/// Each series that these labels can name: its values, in the order of the labels; the last label changes fastest.
#[must_use]
pub fn series(labels: &[Label]) -> Vec<Vec<&'static str>> {
    labels.iter().fold(vec![Vec::new()], |begun, label| {
        let with = |values: &Vec<&'static str>, value| [values.as_slice(), &[value]].concat();
        begun.iter().flat_map(|values| label.values.iter().map(|value| with(values, *value))).collect()
    })
}

macro_rules! label {
    ($($(#[$doc:meta])* $name:ident as $key:literal { $($(#[$about:meta])* $value:ident = $text:expr,)+ })+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$about])* $value,)+
        }

        impl One for $name {
            const LABEL: Label = Label { name: $key, values: &[$($text),+] };

            fn place(self) -> usize {
                self as usize
            }
        }

        impl Labels for $name {
            const ALL: &'static [Label] = &[Self::LABEL];

            fn series(self) -> usize {
                self.place()
            }
        }
    )+ };
}

label! {
    /// Which build runs.
    Version as "version" {
        /// The only one there is in a process.
        This = env!("CARGO_PKG_VERSION"),
    }

    /// The class of an answer's status.
    StatusClass as "class" {
        /// It was done.
        Success = "2xx",
        /// It is elsewhere, or as it was.
        Redirection = "3xx",
        /// The client is to blame.
        Client = "4xx",
        /// This side is to blame.
        Server = "5xx",
    }

    /// Why a request's API key did not let it in.
    SignInFailure as "reason" {
        /// There is none, or it is not where keys are looked for.
        NoKey = "no_key",
        /// It is not known, or was revoked.
        UnknownKey = "unknown_key",
        /// Its scope does not cover the route.
        Scope = "scope",
    }

    /// Why a body was not received.
    BodyRefusal as "reason" {
        /// There was no room for it in time.
        NoRoom = "no_room",
        /// It had room, and another sender with less needed it.
        GaveWay = "gave_way",
        /// It did not arrive in time, or too slowly while others waited.
        TooSlow = "too_slow",
    }

    /// What a request's events met.
    IngestResult as "result" {
        /// In the queue.
        Accepted = "accepted",
        /// Refused, with a reason.
        Rejected = "rejected",
        /// Not taken now; to be sent again.
        Unavailable = "unavailable",
    }

    /// Why a request's events were not taken now, whether they had been read or not.
    IngestRefusal as "reason" {
        /// More is queued than may be.
        Overloaded = "overloaded",
        /// Redis must not be written to.
        Unusable = "unusable",
        /// More waits for Redis than may, or there was no room for the body.
        BufferFull = "buffer_full",
        /// Redis refused them, or did not answer.
        Unavailable = "unavailable",
        /// The server is ending.
        ShuttingDown = "shutting_down",
    }

    /// A mark that the queue is held against.
    Mark as "mark" {
        /// Below it events are accepted again.
        Low = "low",
        /// From it on they are refused.
        High = "high",
    }

    /// What a connection of a pool does.
    ConnectionState as "state" {
        /// It waits to be lent.
        Idle = "idle",
        /// It is lent.
        InUse = "in_use",
    }

    /// What Redis is asked for.
    RedisOperation as "operation" {
        /// To append frames.
        Append = "append",
        /// For frames that are new; it may wait for them.
        Read = "read",
        /// For frames that another worker left behind.
        Reclaim = "reclaim",
        /// For the claims of a batch.
        Claim = "claim",
        /// To delete claims whose window is over.
        Sweep = "sweep",
        /// To acknowledge frames and delete them.
        Acknowledge = "acknowledge",
        /// How much is queued, how old it is, and how full Redis is; a few round trips.
        Look = "look",
        /// What time it is.
        Clock = "clock",
    }

    /// What Postgres is asked for.
    PostgresOperation as "operation" {
        /// To store a batch: the whole transaction.
        Store = "store",
        /// Whether it would take rows of which it refused some.
        Probe = "probe",
        /// Which frames of a batch have a receipt.
        Receipts = "receipts",
        /// Under which epochs claims hold; where some are missing, also what is stored, and step by step.
        Epochs = "epochs",
        /// Which campaigns changed.
        Campaigns = "campaigns",
        /// To make partitions, bring their indexes up to date, and drop them.
        Partitions = "partitions",
        /// What became of the events of two days.
        Ledger = "ledger",
        /// Whose an API key is.
        Key = "key",
        /// For events or triggers.
        Search = "search",
        /// For anything else that the API shows.
        Read = "read",
        /// To change what the API can change.
        Write = "write",
        /// What time it is.
        Clock = "clock",
    }

    /// A server that has a clock.
    Server as "server" {
        /// Its clock decides.
        Postgres = "postgres",
        /// Its clock ends claims.
        Redis = "redis",
    }

    /// A stage of the worker.
    Stage as "stage" {
        /// Streams → batches.
        Fetch = "fetch",
        /// Which events are new.
        Dedupe = "dedupe",
        /// Which campaigns they trigger.
        Match = "match",
        /// Rows.
        Store = "store",
        /// Frames leave the queue.
        Ack = "ack",
    }

    /// What became of a claim.
    ClaimResult as "result" {
        /// The id is the frame's, now or from an earlier attempt.
        New = "new",
        /// It is another frame's: a duplicate.
        Taken = "taken",
    }

    /// Which claims are swept.
    Sweep as "which" {
        /// Those that are due: their window is over.
        Due = "due",
        /// The next ones, due or not.
        Early = "early",
    }

    /// What became of an event.
    Outcome as "outcome" {
        /// It is a row.
        Stored = "stored",
        /// It was dropped, as it is known already.
        Duplicate = "duplicate",
        /// It is a dead letter.
        DeadLettered = "dead_lettered",
    }

    /// Why claims were restored.
    Cause as "cause" {
        /// Redis came without them.
        Lost = "lost",
        /// Redis was restarted, and may lack the last.
        Restarted = "restarted",
    }

    /// A day (UTC) whose ledger is exported.
    LedgerDay as "day" {
        /// Today.
        Current = "current",
        /// Yesterday.
        Previous = "previous",
    }

    /// A line of the ledger.
    LedgerEntry as "outcome" {
        /// What came in.
        Accepted = "accepted",
        /// Rows.
        Stored = "stored",
        /// Duplicates.
        Duplicate = "duplicate",
        /// Dead letters.
        DeadLettered = "dead_lettered",
        /// What is not accounted for yet.
        InFlight = "in_flight",
        /// What servers say they acknowledged.
        Reported = "reported",
        /// What of it is nowhere.
        Lost = "lost",
    }
}

impl StatusClass {
    /// The class of this status.
    #[must_use]
    pub fn of(status: u16) -> Self {
        match status {
            200..=299 => Self::Success,
            300..=399 => Self::Redirection,
            400..=499 => Self::Client,
            _ => Self::Server,
        }
    }
}

impl IngestResult {
    /// That of a submission.
    #[must_use]
    pub fn of<E>(submitted: &Result<(), E>) -> Self {
        if submitted.is_ok() { Self::Accepted } else { Self::Unavailable }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_series_is_found_at_the_place_that_its_labels_say() {
        type Ledger = (LedgerDay, LedgerEntry);
        let all = series(Ledger::ALL);
        assert_eq!(all.len(), 14);
        assert_eq!(all[(LedgerDay::Previous, LedgerEntry::Stored).series()], ["previous", "stored"]);
        assert_eq!(all[(LedgerDay::Current, LedgerEntry::InFlight).series()], ["current", "in_flight"]);
        assert_eq!(series(<()>::ALL), [Vec::<&str>::new()], "a metric without labels has one series");
        assert_eq!(series(Stage::ALL)[Stage::Ack.series()], ["ack"]);
    }
}
