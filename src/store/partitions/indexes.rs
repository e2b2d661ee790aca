//! The btree indexes of a sealed partition: their names and how they are built. Pure.
//!
//! Names are made of the partition's suffix, so that whoever comes next knows what was built already:
//! `events_20261123_event_id_user_id_from_browser_key` is the unique index on the identities in `events_20261123`.

/// An index of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Index {
    /// The table that it is on.
    pub(super) table: String,
    /// Its own name.
    pub(super) name: String,
    columns: &'static str,
    unique: bool,
}

impl Index {
    fn new(table: String, columns: &'static str, unique: bool) -> Self {
        let ending = if unique { "key" } else { "idx" };
        let name = format!("{table}_{}_{ending}", columns.replace(", ", "_"));
        Self { table, name, columns, unique }
    }

    /// Builds it without keeping anybody from writing; what dies on the way leaves it there, not valid.
    pub(super) fn creation(&self) -> String {
        let Self { table, name, columns, unique } = self;
        let kind = if *unique { "unique index" } else { "index" };
        format!("create {kind} concurrently {name} on {table} ({columns})")
    }

    /// Drops it without keeping anybody from writing.
    pub(super) fn removal(&self) -> String {
        format!("drop index concurrently if exists {}", self.name)
    }
}

/// The unique index on what tells events apart.
pub(super) fn identities(suffix: &str) -> Index {
    Index::new(format!("events_{suffix}"), "event_id, user_id, from_browser", true)
}

/// What older releases built in its place: unique, though several users may have one id.
pub(super) fn unique_event_ids(suffix: &str) -> Index {
    Index::new(format!("events_{suffix}"), "event_id", true)
}

/// What stands for it where an event is there more than once.
pub(super) fn repeated_event_ids(suffix: &str) -> Index {
    Index::new(format!("events_{suffix}"), "event_id", false)
}

/// The others.
pub(super) fn lookups(suffix: &str) -> [Index; 3] {
    let [events, triggers] = ["events", "triggers"].map(|table| format!("{table}_{suffix}"));
    [
        Index::new(events, "user_id, received_at", false),
        Index::new(triggers.clone(), "campaign_id, received_at", false),
        Index::new(triggers, "event_id", false),
    ]
}

/// Whether `constraint` on `table` is the unique index on the identities in a partition of `events`.
pub(in crate::store) fn keeps_identities_unique(table: &str, constraint: &str) -> bool {
    table.strip_prefix("events_").is_some_and(|suffix| identities(suffix).name == constraint)
}

/// Whether `constraint` on `table` is the unique index of an older release.
pub(in crate::store) fn keeps_event_ids_unique(table: &str, constraint: &str) -> bool {
    table.strip_prefix("events_").is_some_and(|suffix| unique_event_ids(suffix).name == constraint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_named_after_their_table_and_columns() {
        let [users, campaigns, triggers] = lookups("20261123").map(|index| index.name);
        assert_eq!(identities("20261123").name, "events_20261123_event_id_user_id_from_browser_key");
        assert_eq!(unique_event_ids("20261123").name, "events_20261123_event_id_key");
        assert_eq!(repeated_event_ids("20261123").name, "events_20261123_event_id_idx");
        assert_eq!(users, "events_20261123_user_id_received_at_idx");
        assert_eq!(campaigns, "triggers_20261123_campaign_id_received_at_idx");
        assert_eq!(triggers, "triggers_20261123_event_id_idx");
    }

    #[test]
    fn indexes_are_built_and_dropped_beside_the_writers() {
        let unique = identities("20261123t060000");
        let name = "events_20261123t060000_event_id_user_id_from_browser_key";
        assert!(name.len() < 64, "Postgres cuts off what is longer");
        assert_eq!(
            unique.creation(),
            format!(
                "create unique index concurrently {name} on events_20261123t060000 (event_id, user_id, from_browser)"
            )
        );
        assert_eq!(unique.removal(), format!("drop index concurrently if exists {name}"));
    }

    #[test]
    fn only_the_index_on_the_identities_in_a_partition_keeps_them_unique() {
        let identities = "events_20261123_event_id_user_id_from_browser_key";
        assert!(keeps_identities_unique("events_20261123", identities));
        assert!(!keeps_event_ids_unique("events_20261123", identities));
        assert!(keeps_event_ids_unique("events_20261123", "events_20261123_event_id_key"));
        assert!(!keeps_identities_unique("events_20261123", "events_20261123_event_id_key"));
        for (table, constraint) in [
            ("events_20261123", "events_20261124_event_id_key"),
            ("events_20261123", "one_login_a_day"),
            ("triggers_20261123", "triggers_20261123_event_id_key"),
            ("events", "events_event_id_key"),
        ] {
            assert!(!keeps_event_ids_unique(table, constraint), "{table} {constraint}");
            assert!(!keeps_identities_unique(table, constraint), "{table} {constraint}");
        }
    }
}
