//! What each role may do with each table.

use std::fmt::Write as _;

use super::ident;

/// What `serve` and `worker` may do with a table. The owner may do everything.
#[derive(Clone, Copy, Debug)]
pub struct Grant {
    /// The table.
    pub table: &'static str,
    /// What `serve` may do, as `grant` has it, with the columns where not all are meant; empty for nothing.
    pub serve: &'static str,
    /// What `worker` may do; of a table that it owns, everything.
    pub worker: &'static str,
}

/// What the worker owns, as it makes, seals and drops the partitions.
const OWNED: &str = "all";

/// Every table. A migration that adds one adds a line here; a test holds them together.
pub const GRANTS: [Grant; 13] = [
    Grant { table: "campaigns", serve: "select, insert, update", worker: "select" },
    Grant { table: "campaign_versions", serve: "select, insert", worker: "select" },
    Grant { table: "idempotency_keys", serve: "select, insert, update, delete", worker: "" },
    Grant {
        table: "api_keys",
        serve: "select, insert (name, scope, rate_limit, burst, hash), update (revoked_at)",
        worker: "",
    },
    Grant { table: "events", serve: "select", worker: OWNED },
    Grant { table: "triggers", serve: "select", worker: OWNED },
    Grant { table: "frames", serve: "select", worker: OWNED },
    Grant { table: "partitions", serve: "select", worker: "select, insert, update, delete" },
    Grant { table: "dead_letters", serve: "select, update (requeued_at)", worker: "select, insert, update" },
    Grant { table: "claim_epochs", serve: "select", worker: "select, insert, update" },
    Grant {
        table: "accepted_reports",
        serve: "select, insert, update (events, reported_at)",
        worker: "select, delete",
    },
    Grant { table: "set_asides", serve: "select", worker: "select, insert, update" },
    // for `migrate --check`, which every process may ask
    Grant { table: "refinery_schema_history", serve: "select", worker: "select" },
];

/// The statements that leave `role` with what `allowed` says of each table, and with no more.
pub(super) fn to(role: &str, allowed: fn(&Grant) -> &'static str, schema: &str) -> String {
    let role = ident(role);
    let mut sql = format!(
        "grant {schema} on schema public to {role}; grant usage on all sequences in schema public to {role};"
    );
    for grant in &GRANTS {
        let (table, allowed) = (grant.table, allowed(grant));
        if allowed != OWNED {
            write!(sql, "revoke all on {table} from {role};").expect("writing to a string cannot fail");
        }
        if !allowed.is_empty() && allowed != OWNED {
            write!(sql, "grant {allowed} on {table} to {role};").expect("writing to a string cannot fail");
        }
    }
    sql
}
