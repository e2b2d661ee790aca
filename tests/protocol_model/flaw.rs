//! What a protocol may do wrong. Each was found by the model to do damage; see the tests.

/// A part of the protocol left out, or done otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Frames are claimed without a look for their receipts.
    NoReceiptLookup,
    /// Claims are laid whatever the epoch, which is only read with them and compared afterwards.
    UnconditionalClaims,
    /// A rebuild leaves no mark in Redis when it begins, and sets the epoch whatever became of Redis since.
    UnmarkedRebuild,
    /// How much is rebuilt is decided before the mark is set, and stays so.
    MarkWithoutLook,
    /// A rebuild of everything goes on from the claims that it finds, where it should begin with none: in keys of its own.
    ClaimsKept,
    /// A rebuild claims ids only where they are free.
    RebuildWithoutOverride,
    /// A rebuild takes no lock.
    RebuildWithoutLock,
    /// A store transaction does not compare the epoch.
    StoreWithoutEpoch,
    /// A batch that comes to the store under an epoch that is over claims again only what it had: its duplicates stay such.
    DuplicatesKept,
    /// A store transaction reads the epoch, and has the lock only afterwards.
    StoreReadsEpochBeforeLock,
    /// A frame is acknowledged before it is committed.
    AckBeforeCommit,
    /// A claim does not tell whose it is.
    AnonymousClaims,
    /// The second round trip does not look at the epoch again.
    SecondTripWithoutEpoch,
    /// Nobody compares Redis' run.
    RunIgnored,
    /// A receipt does not stop a frame from being stored again.
    ReceiptsIgnored,
    /// A claim does not tell whose event it stands for: events of several users, or of several classes of senders, have one.
    UsersNotTold,
    /// The time that Redis shows beside the epoch is not looked at: only what Postgres knows decides how much is rebuilt.
    TimeIgnored,
    /// That time is raised in whatever run has the epoch.
    TimeRaisedInAnyRun,
    /// Claims of another form are laid beside those of the form before, under the epoch of those.
    FormIgnored,
    /// A claim goes when one of the two clocks says that it is due.
    OneClock,
}
