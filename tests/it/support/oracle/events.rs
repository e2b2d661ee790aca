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

/// Of so many events, the last has the id of the one before, which is another user's.
const SHARING: usize = 10;

/// The id of event `number`.
pub(crate) fn event_id(number: usize) -> String {
    let shares = number % SHARING == SHARING - 1;
    format!("e{}", if shares { number - 1 } else { number })
}

/// The user of event `number`.
pub(super) fn user_id(number: usize) -> String {
    format!("u{}", number % USERS)
}

/// The number of the event with this id and user, if it is one of the oracle's.
pub(super) fn number_of(id: &str, user: &str) -> Option<usize> {
    let number: usize = id.strip_prefix('e')?.parse().ok()?;
    [number, number + 1].into_iter().find(|number| event_id(*number) == id && user_id(*number) == user)
}

fn amount(number: usize) -> usize {
    number * 7 % AMOUNTS
}

fn tier(number: usize) -> &'static str {
    TIERS[number % TIERS.len()]
}

/// The event's JSON text. It has all that the server would add, so it is stored byte for byte.
pub(super) fn payload(number: usize) -> String {
    let (id, user, amount, tier) = (event_id(number), user_id(number), amount(number), tier(number));
    format!(
        r#"{{"event_id":"{id}","event_type":"purchase","user_id":"{user}","timestamp":"2026-01-01T00:00:00Z","properties":{{"amount":{amount},"tier":"{tier}"}}}}"#
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
