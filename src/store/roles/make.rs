//! Makes the roles, as somebody who may: a superuser, or whoever may make roles and owns the database.

use std::time::Duration;

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::{ident, literal};
use crate::config::DatabaseUrl;
use crate::store::partitions::TABLES;
use crate::store::pool::read_url;
use crate::store::{Database, StoreError};

/// How long the database may take to let us in.
const CONNECT: Duration = Duration::from_secs(10);

/// A role that logs in.
#[derive(Clone)]
pub struct Login {
    /// Its name.
    pub role: String,
    /// Its password.
    pub password: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Login({:?})", self.role)
    }
}

impl Login {
    /// The one that a URL logs in as.
    pub fn of(url: &DatabaseUrl) -> Result<Self, StoreError> {
        let incomplete =
            || StoreError::Configuration("a URL of a role needs a user and a password".to_owned());
        let config = read_url(url.expose())?;
        let password = config.get_password().and_then(|password| String::from_utf8(password.to_vec()).ok());
        Ok(Self {
            role: config.get_user().ok_or_else(incomplete)?.to_owned(),
            password: password.ok_or_else(incomplete)?,
        })
    }
}

/// The three roles.
#[derive(Clone, Debug)]
pub struct Logins {
    /// Owns the schema.
    pub owner: Login,
    /// Serves.
    pub serve: Login,
    /// Works.
    pub worker: Login,
}

/// Makes the roles where they are missing, gives them these passwords, and gives everything in the database to the owner.
/// What `serve` and `worker` may do is granted by the migration that follows.
pub async fn make(admin: &DatabaseUrl, logins: &Logins) -> Result<(), StoreError> {
    let Logins { owner, serve, worker } = logins;
    if owner.role == serve.role || owner.role == worker.role || serve.role == worker.role {
        return Err(StoreError::Configuration(
            "the owner, `serve` and `worker` must be three roles".to_owned(),
        ));
    }
    let (mut client, connection) = Database::at(admin, CONNECT)?.connect().await?;
    let run = async move {
        let transaction = client.transaction().await?;
        // By several processes at once it is done one after the other.
        transaction.execute("select pg_advisory_xact_lock(hashtext('roles'))", &[]).await?;
        transaction.batch_execute("set local lock_timeout = '10s'").await?;
        for login in [owner, serve, worker] {
            log_in(transaction.client(), login).await?;
        }
        give_to_owner(transaction.client(), &owner.role, &worker.role).await?;
        Ok(transaction.commit().await?)
    };
    let (made, _) = tokio::join!(run, connection);
    made.map_err(|error| match &error {
        StoreError::Postgres(refused) if refused.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            let message =
                refused.as_db_error().map_or_else(|| refused.to_string(), |said| said.message().to_owned());
            StoreError::MakesNoRoles(message)
        }
        _ => error,
    })
}

async fn log_in(client: &Client, login: &Login) -> Result<(), StoreError> {
    let Login { role, password } = login;
    let exists = client.query_opt("select from pg_roles where rolname = $1", &[role]).await?.is_some();
    let verb = if exists { "alter" } else { "create" };
    Ok(client
        .batch_execute(&format!("{verb} role {} login password {}", ident(role), literal(password)))
        .await?)
}

/// The owner is a member of the worker's role, so that it may change the tables that the worker owns.
async fn give_to_owner(client: &Client, owner: &str, worker: &str) -> Result<(), StoreError> {
    const TABLES_OF_OTHERS: &str = "select c.oid::regclass::text from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm') and pg_get_userbyid(c.relowner) <> $1
            and not (pg_get_userbyid(c.relowner) = $2 and (c.oid::regclass::text = any($3)
                or exists (select from pg_inherits i where i.inhrelid = c.oid and i.inhparent::regclass::text = any($3))))";
    // Those of identity columns follow their tables.
    const SEQUENCES_OF_OTHERS: &str = "select c.oid::regclass::text from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'S' and pg_get_userbyid(c.relowner) <> $1
            and not exists (select from pg_depend d where d.objid = c.oid and d.deptype in ('a', 'i'))";
    // Those of extensions stay with them.
    const FUNCTIONS_OF_OTHERS: &str = "select p.oid::regprocedure::text from pg_proc p
        where p.pronamespace = 'public'::regnamespace and pg_get_userbyid(p.proowner) <> $1
            and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')";
    let (to, database) =
        (ident(owner), client.query_one("select current_database()", &[]).await?.get::<_, String>(0));
    let database = ident(&database);
    client
        .batch_execute(&format!(
            "grant {worker} to {to}; alter database {database} owner to {to};
            alter schema public owner to {to}; revoke create on schema public from public",
            worker = ident(worker)
        ))
        .await?;
    let tables = client.query(TABLES_OF_OTHERS, &[&owner, &worker, &TABLES.as_slice()]).await?;
    let sequences = client.query(SEQUENCES_OF_OTHERS, &[&owner]).await?;
    let functions = client.query(FUNCTIONS_OF_OTHERS, &[&owner]).await?;
    for (kind, found) in [("table", tables), ("sequence", sequences), ("routine", functions)] {
        for row in found {
            client.batch_execute(&format!("alter {kind} {} owner to {to}", row.get::<_, String>(0))).await?;
        }
    }
    Ok(())
}
