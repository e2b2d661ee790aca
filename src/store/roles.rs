//! The database's roles: one owns the schema and migrates it, one serves, one works. None of them is a superuser.
//!
//! | role | what it may do |
//! |---|---|
//! | owner | everything in this database: `migrate`, `keys`, `ledger`, `dead-letters`, and whoever looks at rows |
//! | worker | makes, seals and drops partitions, which only their owner may: so it owns those three tables; stores |
//! | serve | reads, changes campaigns and keys, marks dead letters for a replay |
//!
//! Invariants:
//! - One role for everything works as well: where nothing was granted, nothing is.
//! - [`grant`] is idempotent, and every migration ends with it, so that a new table is granted by the program that adds it.
//! - The partitions of a table belong to whom the table belongs to, whoever made them.

mod grants;
mod make;

use tokio_postgres::{Client, Transaction};

pub use grants::{GRANTS, Grant};
pub use make::{Login, Logins, make};

use super::StoreError;
use super::partitions::TABLES;

/// Who is granted what `serve` and `worker` need. Several roles may serve; one worker's role owns the partitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grantees {
    /// The roles of `serve`.
    pub serve: Vec<String>,
    /// The role of `worker`.
    pub worker: Option<String>,
}

impl Grantees {
    /// Those of an earlier [`grant`], as the catalog shows them.
    async fn known(client: &Client) -> Result<Self, StoreError> {
        const SERVE: &str = "select distinct pg_get_userbyid(acl.grantee) from pg_class c, aclexplode(c.relacl) acl
            where c.oid = 'campaigns'::regclass and acl.privilege_type = 'INSERT' and acl.grantee not in (0, c.relowner) order by 1";
        const OWNS_EVENTS: &str = "select pg_get_userbyid(e.relowner) from pg_class e, pg_class c
            where e.oid = 'events'::regclass and c.oid = 'campaigns'::regclass and e.relowner <> c.relowner";
        // A dump that was restored without its owners has left it what it was granted.
        const MAKES_PARTITIONS: &str = "select pg_get_userbyid(acl.grantee) from pg_class c, aclexplode(c.relacl) acl
            where c.oid = 'partitions'::regclass and acl.privilege_type = 'INSERT' and acl.grantee not in (0, c.relowner)";
        let names = async |query| -> Result<Vec<String>, StoreError> {
            Ok(client.query(query, &[]).await?.iter().map(|row| row.get(0)).collect())
        };
        let mut workers = names(OWNS_EVENTS).await?;
        if workers.is_empty() {
            workers = names(MAKES_PARTITIONS).await?;
        }
        // Of several nobody knows which one works.
        let worker = workers.pop().filter(|_| workers.is_empty());
        Ok(Self { serve: names(SERVE).await?, worker })
    }
}

/// Grants to these roles, and to those of an earlier run, what they need of the tables that are there.
pub(super) async fn grant(client: &mut Client, grantees: &Grantees) -> Result<(), StoreError> {
    let mut all = Grantees::known(client).await?;
    all.serve
        .extend(grantees.serve.iter().filter(|role| !all.serve.contains(role)).cloned().collect::<Vec<_>>());
    all.worker = grantees.worker.clone().or(all.worker);
    if all == Grantees::default() {
        return Ok(());
    }
    let transaction = client.transaction().await?;
    // A worker that holds a table is waited for, but nobody waits behind this for long.
    transaction.batch_execute("set local lock_timeout = '10s'").await?;
    if let Some(worker) = &all.worker {
        own_partitioned_tables(&transaction, worker).await?;
        transaction.batch_execute(&grants::to(worker, |grant| grant.worker, "usage, create")).await?;
    }
    for serve in &all.serve {
        transaction.batch_execute(&grants::to(serve, |grant| grant.serve, "usage")).await?;
    }
    Ok(transaction.commit().await?)
}

/// Makes `worker` the owner of the partitioned tables and of each of their partitions.
async fn own_partitioned_tables(transaction: &Transaction<'_>, worker: &str) -> Result<(), StoreError> {
    const OTHERS: &str = "select c.oid::regclass::text from pg_class c
        where c.relkind in ('r', 'p') and pg_get_userbyid(c.relowner) <> $2 and (c.oid = any($1::text[]::regclass[])
            or exists (select from pg_inherits i where i.inhrelid = c.oid and i.inhparent = any($1::text[]::regclass[])))";
    // Nobody makes or drops a partition meanwhile.
    transaction.execute("select pg_advisory_xact_lock(hashtext('partitions'))", &[]).await?;
    // To own a table one must be allowed to make tables where it is.
    transaction.batch_execute(&format!("grant usage, create on schema public to {}", ident(worker))).await?;
    for row in transaction.query(OTHERS, &[&TABLES.as_slice(), &worker]).await? {
        let table: String = row.get(0);
        transaction.batch_execute(&format!("alter table {table} owner to {}", ident(worker))).await?;
    }
    Ok(())
}

/// A name as SQL has it.
fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL has it.
fn literal(text: &str) -> String {
    format!("e'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_cannot_end_their_quotes() {
        assert_eq!(ident("a\"; drop table events; --"), "\"a\"\"; drop table events; --\"");
        assert_eq!(literal(r"it's \' over"), r"e'it\'s \\\' over'");
    }
}
