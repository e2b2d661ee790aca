//! The oracle's events and campaigns: what an event is, and what it must trigger, follows from its number alone. Pure.

use serde_json::{Value, json};

/// Of how many users.
const USERS: usize = 97;
/// The tiers, by number.
const TIERS: [&str; 3] = ["gold", "silver", "none"];
/// Amounts are smaller than this.
const AMOUNTS: usize = 1000;
/// From this amount on an event triggers the first campaign.
const DEAR: usize = 700;

/// The id of event `number`.
pub(crate) fn event_id(number: usize) -> String {
    format!("e{number}")
}

/// The number of the event with this id, if it is one of the oracle's.
pub(super) fn number_of(event_id: &str) -> Option<usize> {
    event_id.strip_prefix('e')?.parse().ok()
}

fn amount(number: usize) -> usize {
    number * 7 % AMOUNTS
}

fn tier(number: usize) -> &'static str {
    TIERS[number % TIERS.len()]
}

/// The event's JSON text. It has all that the server would add, so it is stored byte for byte.
pub(super) fn payload(number: usize) -> String {
    let (id, user, amount, tier) = (event_id(number), number % USERS, amount(number), tier(number));
    format!(
        r#"{{"event_id":"{id}","event_type":"purchase","user_id":"u{user}","timestamp":"2026-01-01T00:00:00Z","properties":{{"amount":{amount},"tier":"{tier}"}}}}"#
    )
}

/// The rules of the campaigns, in the order of [`triggered`].
pub(super) fn rules() -> [Value; 2] {
    [
        json!({"properties": {"amount": [{"numeric": [">=", DEAR]}]}}),
        json!({"event_type": ["purchase"], "properties": {"tier": ["gold"]}}),
    ]
}

/// Which campaigns the event triggers.
pub(super) fn triggered(number: usize) -> [bool; 2] {
    [amount(number) >= DEAR, tier(number) == "gold"]
}
