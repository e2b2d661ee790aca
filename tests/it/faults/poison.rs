//! Events that the store refuses, among many that it takes.

use super::System;
use crate::support::event_id;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_poison_event_among_a_thousand_becomes_a_dead_letter_with_its_reason() {
    refused_among_a_thousand(
        "poison: a check constraint",
        &format!("alter table events add constraint no_unlucky_id check (event_id <> '{}')", event_id(613)),
        "no_unlucky_id",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_an_administrators_trigger_refuses_becomes_a_dead_letter_with_its_reason() {
    let refusal = format!(
        "create function refuse() returns trigger language plpgsql as $$
        begin
            if new.event_id = '{}' then
                raise exception 'not on my watch' using errcode = 'check_violation';
            end if;
            return new;
        end $$;
        create trigger refuse before insert on events for each row execute function refuse()",
        event_id(613)
    );
    refused_among_a_thousand("poison: a trigger", &refusal, "not on my watch").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_for_which_a_trigger_raises_any_exception_becomes_a_dead_letter() {
    let refusal = format!(
        "create function refuse() returns trigger language plpgsql as $$
        begin
            if new.event_id = '{}' then
                raise exception 'not on my watch';
            end if;
            return new;
        end $$;
        create trigger refuse before insert on events for each row execute function refuse()",
        event_id(613)
    );
    refused_among_a_thousand("poison: a trigger without an error code", &refusal, "not on my watch").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_too_long_for_a_changed_column_becomes_a_dead_letter_with_its_reason() {
    // Only numbers of four digits do not fit.
    let narrowing = "drop index events_lookup; alter table events alter column event_id type varchar(4)";
    let mut system = System::start().await;
    system.stores.postgres().await.batch_execute(narrowing).await.unwrap();
    let worker = system.worker().await;
    system.oracle.send(1001).await;
    assert_refused(&system, "too long").await;
    system.assert_kept("poison: a narrowed column", vec![worker]).await;
}

async fn refused_among_a_thousand(fault: &str, refusal: &str, reason: &str) {
    let mut system = System::start().await;
    system.stores.postgres().await.batch_execute(refusal).await.unwrap();
    let worker = system.worker().await;
    system.oracle.send(1000).await;
    assert_refused(&system, reason).await;
    system.assert_kept(fault, vec![worker]).await;
}

/// All but one are stored; that one is a dead letter, which says why.
async fn assert_refused(system: &System, reason: &str) {
    let sent = system.oracle.obligations();
    let verdict = system.oracle.verdict(&system.stores, "poison").await;
    assert_eq!((verdict.stored, verdict.dead_lettered), (sent - 1, 1));
    let client = system.stores.postgres().await;
    let letter = client.query_one("select reason, detail from dead_letters", &[]).await.unwrap();
    let (class, detail): (&str, &str) = (letter.get(0), letter.get(1));
    assert!(class == "refused" && detail.contains(reason), "{class}: {detail}");
}
