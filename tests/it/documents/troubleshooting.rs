//! The symptoms of `docs/troubleshooting.md` are produced, and what is said then is what the tables show.
//!
//! Those that other tests produce are listed with them.

mod answers;
mod starting;

use super::tree::{read, tree};
use super::{assert_none, page};

const PAGE: &str = "docs/troubleshooting.md";

/// Produced by other tests: how the symptom begins, and the test that meets it.
const ELSEWHERE: [(&str, &str, &str); 25] = [
    ("… holds other files too", "tests/it/up.rs", "root_gives_away_no_folder_that_holds_files_of_others"),
    (
        "started as root, and may not",
        "tests/it/up.rs",
        "root_that_may_not_become_another_user_says_so_and_works",
    ),
    (
        "no CA that is trusted here",
        "tests/it/tls.rs",
        "a_postgres_that_cannot_be_verified_is_refused_with_what_to_do",
    ),
    (
        "the server's certificate is for another",
        "tests/it/tls.rs",
        "a_postgres_that_cannot_be_verified_is_refused_with_what_to_do",
    ),
    ("… no encryption", "tests/it/tls.rs", "a_postgres_that_cannot_be_verified_is_refused_with_what_to_do"),
    ("… write rediss://", "tests/it/tls.rs", "a_redis_that_cannot_be_verified_is_refused_with_what_to_do"),
    (
        "the server does not speak TLS",
        "tests/it/tls.rs",
        "a_postgres_that_cannot_be_verified_is_refused_with_what_to_do",
    ),
    (
        "if its port does not speak TLS",
        "tests/it/tls.rs",
        "a_redis_that_cannot_be_verified_is_refused_with_what_to_do",
    ),
    (
        "the body gave way",
        "src/ingest/body/shares/tests.rs",
        "whoever_has_more_than_the_one_who_waits_gives_way",
    ),
    (
        "the body brought less than",
        "tests/it/faults/slow_bodies.rs",
        "bodies_a_byte_short_hold_up_no_other_key_and_no_management_and_give_way_in_the_end",
    ),
    (
        "without keys, this server does nothing",
        "tests/it/http/auth.rs",
        "without_keys_a_page_of_another_machine_can_have_nothing_done",
    ),
    (
        "more events are queued",
        "tests/it/backpressure.rs",
        "with_redis_nearly_full_and_noeviction_ingest_refuses_and_recovers_unaided",
    ),
    (
        "node … of the Redis Cluster",
        "tests/it/cluster.rs",
        "a_node_that_may_evict_events_keeps_the_processes_from_starting_and_is_named",
    ),
    (
        "REDIS_URL names several servers",
        "tests/it/cluster.rs",
        "several_servers_that_are_no_cluster_are_refused_with_what_to_do",
    ),
    (
        "a Redis Cluster has database 0 only",
        "tests/it/cluster.rs",
        "a_cluster_has_no_databases_to_choose_from_and_says_so",
    ),
    (
        "too many events wait",
        "tests/it/http/events.rs",
        "what_finds_no_room_in_the_buffer_in_time_is_refused_and_the_rest_is_kept",
    ),
    (
        "too many bodies are being received",
        "tests/it/http/connections.rs",
        "a_body_that_finds_no_room_in_time_is_refused",
    ),
    (
        "too many API keys wait",
        "tests/it/http/auth.rs",
        "a_flood_of_unknown_keys_leaves_connections_and_known_keys_alone",
    ),
    ("No 'Access-Control-Allow-Origin'", "tests/it/http/cors.rs", "unless_told_otherwise_no_page_may_send"),
    (
        "the search took too long",
        "tests/it/http/campaigns_triggered.rs",
        "a_search_that_takes_too_long_is_given_up_and_holds_up_nothing_but_searches",
    ),
    (
        "too many searches are under way",
        "tests/it/http/campaigns_triggered.rs",
        "a_search_that_takes_too_long_is_given_up_and_holds_up_nothing_but_searches",
    ),
    (
        "trying again",
        "tests/it/faults/postgres.rs",
        "postgres_stopped_while_events_come_in_finds_them_in_the_queue",
    ),
    (
        "restoring claims",
        "tests/it/claims.rs",
        "what_was_claimed_before_the_loss_and_is_stored_after_it_is_stored_once",
    ),
    (
        "holds ids more than once",
        "tests/it/sealing.rs",
        "ids_stored_twice_are_reported_and_indexed_all_the_same",
    ),
    (
        "a frame was delivered often",
        "tests/it/faults/killer.rs",
        "a_frame_that_kills_its_worker_each_time_becomes_a_dead_letter_and_its_neighbours_are_stored",
    ),
];

fn elsewhere() -> Vec<&'static str> {
    ELSEWHERE.iter().map(|(beginning, ..)| *beginning).collect()
}

#[test]
fn symptoms_that_others_produce_are_produced_by_them() {
    let text = page(PAGE).text;
    let wrong = ELSEWHERE.iter().filter(|(symptom, file, test)| {
        !text.contains(symptom.trim_start_matches("… ")) || !read(file).contains(test)
    });
    assert_none(&wrong.map(|(symptom, file, test)| format!("{symptom}: {file} {test}")).collect::<Vec<_>>());
}

#[test]
fn lines_of_a_log_that_head_a_section_are_logged() {
    let sources: Vec<String> = tree()
        .iter()
        .filter(|path| path.starts_with("src/") && path.contains(".rs"))
        .map(|path| read(path))
        .collect();
    let headings = page(PAGE).text.lines().filter(|line| line.starts_with("## "));
    let quoted = headings.filter_map(|heading| heading.split('`').nth(1));
    let missing = quoted.filter(|line| !sources.iter().any(|source| source.contains(line)));
    assert_none(&missing.map(|line| format!("nothing logs {line:?}")).collect::<Vec<_>>());
}
