//! Runs against a system that breaks its promise: triggers in its Postgres change what it stores behind its back.

use crate::system::{Ran, System};

/// Runs the tool while `before` or `after` each row of `table` this happens to it.
async fn run_while(table: &str, when: &str, happens: &str) -> Ran {
    let system = System::open().await;
    let tampering = format!(
        "create function tamper() returns trigger language plpgsql as $$ begin {happens} return new; end $$;
        create trigger tamper {when} insert on {table} for each row execute function tamper()"
    );
    system.postgres().await.batch_execute(&tampering).await.unwrap();
    let ran = system.run(&["--events", "1000", "--campaigns", "100", "--patience", "2s", "--alone"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(ran.report["outcome"]["verdict"], "broken", "{ran:?}");
    ran
}

fn assert_names(ran: &Ran, difference: &str) {
    let named = ran.out.lines().any(|line| line.starts_with("DIFFERENT") && line.contains(difference));
    assert!(named, "{difference}: {ran:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_vanish_are_named() {
    let vanish = "if new.event_id like '%-e42' then return null; end if;";
    let ran = run_while("events", "before", vanish).await;
    let run = ran.report["run"].as_str().unwrap();
    assert_names(&ran, &format!("1 accepted events are neither stored nor dead letters: {run}-e42"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_are_doubled_are_named() {
    let double = "if new.event_id like '%-e42' and pg_trigger_depth() = 1 then
        insert into events select new.*; end if;";
    let ran = run_while("events", "after", double).await;
    let run = ran.report["run"].as_str().unwrap();
    assert_names(&ran, &format!("1 rows repeat an event that is stored already: {run}-e42"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_too_many_is_named_at_its_campaign() {
    let add = "if new.event_id like '%-e42' then
        insert into triggers select id, 1, new.event_id, new.user_id, new.received_at from campaigns
            where not id = any(new.campaign_ids) order by id limit 1; end if;";
    let ran = run_while("events", "after", add).await;
    let campaign = &ran.report["outcome"]["verification"]["campaigns"][0];
    let (id, must) = (campaign["campaign_id"].as_i64().unwrap(), campaign["expected"].as_u64().unwrap());
    assert_names(&ran, &format!("campaign {id} has {} triggers and must have {must}", must + 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipts_that_count_too_little_or_too_much_are_named() {
    for change in ["- 1", "+ 1"] {
        let miscount = format!("if new.stored > 0 then new.stored := new.stored {change}; end if;");
        let ran = run_while("frames", "before", &miscount).await;
        assert_names(&ran, "1000 events were accepted, repeated ones included, and receipts account for");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_refuses_good_events_fails_the_run_and_says_why() {
    let system = System::start(campaign_manager::config::Auth::None, &["--max-event-bytes", "400"]).await;
    let ran = system.run(&["--events", "500", "--payload", "300..600"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_names(&ran, "events were refused that are good: ");
    assert!(ran.out.contains("bytes long; the limit is 400"), "{ran:?}");
}
