//! The roles of Postgres and the users of Redis: what each may do, and that one for everything works as well.

use std::collections::BTreeSet;

use bb8_redis::redis::{self, RedisResult};
use campaign_manager::embedded::Part;
use campaign_manager::store::Partitions;
use campaign_manager::store::migrate::{migrate, migrate_and_grant};
use campaign_manager::store::roles::{GRANTS, Grantees};
use jiff::Timestamp;
use tokio_postgres::{Client, error::SqlState};

use crate::support::{TestStores, connect, connect_redis, run};

async fn as_part(stores: &TestStores, part: Part) -> Client {
    connect(&part.database_url(stores.database_url())).await
}

/// Expects that Postgres refuses each statement for want of a right.
async fn refused(client: &Client, statements: &[&str]) {
    for statement in statements {
        let error = client.batch_execute(statement).await.expect_err(statement);
        assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{statement}: {error}");
    }
}

#[tokio::test]
async fn every_table_says_what_each_role_may_do_with_it() {
    let stores = TestStores::start().await;
    let tables = "select c.relname from pg_class c where c.relnamespace = 'public'::regnamespace
        and c.relkind in ('r', 'p') and not c.relispartition";
    let rows = stores.postgres().await.query(tables, &[]).await.unwrap();
    let there: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    let granted: BTreeSet<String> = GRANTS.iter().map(|grant| grant.table.to_owned()).collect();
    assert_eq!(there, granted, "a migration that adds a table adds a line to src/store/roles/grants.rs");
}

#[tokio::test]
async fn no_role_is_a_superuser_or_runs_programs() {
    let stores = TestStores::start().await;
    for part in [Part::Owner, Part::Serve, Part::Worker] {
        let client = as_part(&stores, part).await;
        let rights =
            "select rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls from pg_roles
            where rolname = current_user";
        assert!(!client.query_one(rights, &[]).await.unwrap().get::<_, bool>(0), "{part:?}");
        refused(
            &client,
            &[
                "copy (select 1) to program 'true'",
                "copy (select 1) to '/tmp/never-written'",
                "select pg_read_file('PG_VERSION')",
                "alter system set work_mem = '1MB'",
                "create role another superuser",
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn serve_changes_nothing_that_the_worker_stores() {
    let stores = TestStores::start().await;
    let serve = as_part(&stores, Part::Serve).await;
    refused(
        &serve,
        &[
            "delete from events",
            "insert into triggers select * from triggers",
            "update frames set stored = 0",
            "drop table events",
            "create table mine ()",
            "truncate campaigns",
            "delete from campaigns",
            "update campaign_versions set name = ''",
            "update api_keys set scope = 'admin'",
            "update api_keys set hash = ''",
            "insert into api_keys (name, scope, hash, created_at) values ('', 'admin', '', now())",
            "update dead_letters set replayed_at = null",
            "insert into claim_epochs select * from claim_epochs",
            "set role campaigns_worker",
            "set role campaigns_owner",
        ],
    )
    .await;
}

#[tokio::test]
async fn the_worker_sees_no_key_and_changes_no_campaign() {
    let stores = TestStores::start().await;
    let worker = as_part(&stores, Part::Worker).await;
    refused(
        &worker,
        &[
            "select * from api_keys",
            "insert into campaigns (version, name, status, rules) values (1, '', 'draft', '{}')",
            "update campaigns set name = ''",
            "delete from dead_letters",
            "drop table campaigns",
            "set role campaigns_owner",
        ],
    )
    .await;
}

#[tokio::test]
async fn partitions_belong_to_the_worker_whoever_makes_them() {
    let stores = TestStores::start().await;
    let now = Timestamp::now();
    let hour = std::time::Duration::from_hours(1);
    for (days, mut client) in [
        (1, stores.postgres().await),
        (2, as_part(&stores, Part::Owner).await),
        (3, as_part(&stores, Part::Worker).await),
    ] {
        let at = now + hour * 24 * days;
        Partitions::new(hour).ensure_at(&mut client, [at].into_iter()).await.unwrap();
    }
    let owners =
        "select distinct pg_get_userbyid(c.relowner) from pg_class c join pg_inherits i on i.inhrelid = c.oid
        where c.relkind = 'r'";
    let owners = stores.postgres().await.query(owners, &[]).await.unwrap();
    let owners: Vec<String> = owners.iter().map(|row| row.get(0)).collect();
    assert_eq!(owners, ["campaigns_worker"]);
}

#[tokio::test]
async fn a_table_that_comes_later_is_granted_by_the_migration_that_brings_it() {
    let stores = TestStores::start().await;
    let owner = stores.servers.urls(Part::Owner).database_url;
    // As if the table had come after the roles were made.
    let new = "drop table dead_letters; create table dead_letters (id bigint, requeued_at timestamptz)";
    connect(owner.expose()).await.batch_execute(new).await.unwrap();
    let serve = as_part(&stores, Part::Serve).await;
    refused(&serve, &["select * from dead_letters"]).await;

    migrate(owner.expose()).await.unwrap();

    serve.batch_execute("select * from dead_letters").await.unwrap();
    refused(&serve, &["delete from dead_letters"]).await;
}

#[tokio::test]
async fn an_installation_with_one_role_stays_as_it_is_and_can_be_given_roles_later() {
    let stores = TestStores::start().await;
    let admin = stores.postgres().await;
    let one_role =
        "drop schema public cascade; create schema public; alter database campaigns owner to campaigns;
        drop owned by campaigns_owner; drop owned by campaigns_worker; drop owned by campaigns_serve";
    admin.batch_execute(one_role).await.unwrap();
    migrate(stores.database_url()).await.unwrap();
    let mut superuser = stores.postgres().await;
    Partitions::new(std::time::Duration::from_hours(24))
        .ensure_at(&mut superuser, [Timestamp::now()].into_iter())
        .await
        .unwrap();
    let owners = "select distinct pg_get_userbyid(relowner)::text from pg_class
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'S') order by 1";
    let owner_names = async || -> Vec<String> {
        admin.query(owners, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    };
    assert_eq!(owner_names().await, ["campaigns"]);

    let urls = [Part::Owner, Part::Serve, Part::Worker].map(|part| part.database_url(stores.database_url()));
    let flags = [
        "--owner-database-url",
        &urls[0],
        "--serve-database-url",
        &urls[1],
        "--worker-database-url",
        &urls[2],
    ];
    let made = run(&stores, &[&["roles"], flags.as_slice()].concat()).await;
    assert_eq!(made.code, 0, "{made:?}");
    assert!(made.out.contains("--grant-serve campaigns_serve --grant-worker campaigns_worker"), "{made:?}");
    let grantees =
        Grantees { serve: vec!["campaigns_serve".into()], worker: Some("campaigns_worker".into()) };
    migrate_and_grant(&urls[0], &grantees).await.unwrap();

    assert_eq!(owner_names().await, ["campaigns_owner", "campaigns_worker"]);
    as_part(&stores, Part::Serve).await.batch_execute("select * from events").await.unwrap();
    as_part(&stores, Part::Worker).await.batch_execute("select * from campaigns").await.unwrap();
    // Once more changes nothing.
    let again = run(&stores, &[&["roles"], flags.as_slice()].concat()).await;
    assert_eq!(again.code, 0, "{again:?}");
    assert_eq!(owner_names().await, ["campaigns_owner", "campaigns_worker"]);
}

#[tokio::test]
async fn a_role_that_is_not_there_is_named() {
    let stores = TestStores::start().await;
    let ran = run(&stores, &["migrate", "--grant-serve", "nobody-here"]).await;
    assert!(ran.code == 1 && ran.err.contains("nobody-here"), "{ran:?}");
    assert!(ran.err.contains("campaign-manager roles") && !ran.err.contains("the server runs"), "{ran:?}");
}

#[tokio::test]
async fn who_may_not_make_roles_is_told_who_may() {
    let stores = TestStores::start().await;
    let [owner, serve, worker] =
        [Part::Owner, Part::Serve, Part::Worker].map(|part| part.database_url(stores.database_url()));
    let urls =
        ["--owner-database-url", &owner, "--serve-database-url", &serve, "--worker-database-url", &worker];
    let flags = [&["roles", "--database-url", &owner][..], &urls].concat();
    let ran = run(&stores, &flags).await;
    assert!(ran.code == 1 && ran.err.contains("made by a superuser"), "{ran:?}");
    assert!(!ran.err.contains("--grant-serve"), "{ran:?}");
}

#[tokio::test]
async fn an_owner_that_is_no_member_of_the_workers_role_is_told_how_it_becomes_one() {
    let stores = TestStores::start().await;
    let owner = Part::Owner.database_url(stores.database_url());
    let ran = run(&stores, &["migrate", "--grant-worker", "campaigns_serve", "--database-url", &owner]).await;
    assert!(ran.code == 1 && ran.err.contains("as a superuser: campaign-manager roles"), "{ran:?}");
}

#[tokio::test]
async fn a_migration_gives_the_worker_back_what_a_restored_dump_left_to_the_owner() {
    let stores = TestStores::start().await;
    let (admin, owner) = (stores.postgres().await, Part::Owner.database_url(stores.database_url()));
    let restored =
        "alter table events owner to campaigns_owner; alter table triggers owner to campaigns_owner";
    admin.batch_execute(restored).await.unwrap();
    migrate(&owner).await.unwrap();
    let owners = "select distinct pg_get_userbyid(relowner)::text from pg_class
        where oid in ('events'::regclass, 'triggers'::regclass, 'frames'::regclass)";
    assert_eq!(admin.query_one(owners, &[]).await.unwrap().get::<_, String>(0), "campaigns_worker");
}

#[tokio::test]
async fn a_password_that_stands_behind_a_flag_is_warned_of_and_one_in_a_file_is_not() {
    let stores = TestStores::start().await;
    let shown = run(&stores, &["migrate", "--check", "--database-url", stores.database_url()]).await;
    assert!(shown.code == 0 && shown.err.contains("--database-url"), "{shown:?}");
    let password = stores.database_url().split([':', '@']).nth(2).unwrap();
    assert!(!shown.err.contains(password), "{shown:?}");

    let file = stores.dir().join("url");
    std::fs::write(&file, format!("{}\n", stores.database_url())).unwrap();
    let from_file = |file: &std::path::Path| {
        let mut command = crate::support::program();
        command.args(["migrate", "--check"]).env_remove("DATABASE_URL").env("DATABASE_URL_FILE", file);
        command.output().unwrap()
    };
    let read = from_file(&file);
    assert_eq!((read.status.code(), read.stderr.as_slice()), (Some(0), [].as_slice()));
    let missing = from_file(&stores.dir().join("nowhere"));
    let said = String::from_utf8(missing.stderr).unwrap();
    assert!(
        missing.status.code() == Some(64) && said.contains("DATABASE_URL_FILE") && said.contains("nowhere"),
        "{said}"
    );
}

async fn answer(url: &str, words: &[&str]) -> RedisResult<redis::Value> {
    let mut command = redis::cmd(words[0]);
    for word in &words[1..] {
        command.arg(*word);
    }
    command.query_async(&mut connect_redis(url).await?).await
}

#[tokio::test]
async fn in_redis_each_part_reads_its_own_keys_and_changes_no_setting() {
    let stores = TestStores::start().await;
    let commands: [&[&str]; 19] = [
        &["FLUSHALL"],
        &["CONFIG", "SET", "maxmemory", "1"],
        &["CONFIG", "GET", "requirepass"],
        &["SHUTDOWN", "NOSAVE"],
        &["KEYS", "*"],
        &["ACL", "LIST"],
        &["REPLICAOF", "127.0.0.1", "1"],
        &["CLUSTER", "RESET"],
        &["GET", "another"],
        &["SCAN", "0"],
        &["RANDOMKEY"],
        &["DBSIZE"],
        &["SCRIPT", "FLUSH"],
        &["SELECT", "1"],
        &["DEL", "events:{0}"],
        &["UNLINK", "events:{0}"],
        &["EXPIRE", "ledger:{0}", "1"],
        &["XTRIM", "events:{0}", "MAXLEN", "0"],
        &["CLIENT", "LIST"],
    ];
    for part in [Part::Serve, Part::Worker] {
        let url = part.redis_url(stores.redis_url());
        for words in commands {
            let error = answer(&url, words).await.expect_err(words[0]);
            assert_eq!(error.code(), Some("NOPERM"), "{part:?} {words:?}: {error}");
        }
        let script = ["EVAL", "return redis.call('DEL', KEYS[1])", "1", "events:{0}"];
        let error = answer(&url, &script).await.expect_err("a script may do no more");
        assert!(error.to_string().contains("The user executing the script can't"), "{part:?}: {error}");
        answer(&url, &["XLEN", "events:{0}"]).await.unwrap();
        answer(&url, &["INFO"]).await.unwrap();
    }
    let serve = Part::Serve.redis_url(stores.redis_url());
    for words in [&["DEL", "dedupe:{0}:x"][..], &["XDEL", "events:{0}", "1-1"], &["GET", "claim-epoch:{0}"]] {
        let error = answer(&serve, words).await.expect_err("claims and acknowledgements are the worker's");
        assert_eq!(error.code(), Some("NOPERM"), "{words:?}");
    }
}
