//! A way through the states as lines to read: what was done, and what it left.

use std::fmt::Write as _;

use stateright::Path;

use super::protocol::Action;
use super::state::State;

/// A line for each action.
pub(crate) fn of(path: Path<State, Action>) -> String {
    let steps = path.into_vec();
    let mut text = String::new();
    for (number, pair) in steps.windows(2).enumerate() {
        let [(before, Some(action)), (after, _)] = pair else { continue };
        let what = match *action {
            Action::Work(worker) => {
                format!(
                    "worker {worker}: {:?} -> {:?}",
                    before.workers[worker].step, after.workers[worker].step
                )
            }
            ref other => format!("{other:?}"),
        };
        writeln!(text, "{:>3}. {what}", number + 1).unwrap();
        if before.redis != after.redis || before.run != after.run {
            writeln!(text, "        redis run {} {:?}", after.run, after.redis).unwrap();
        }
        if before.postgres != after.postgres {
            let postgres = &after.postgres;
            writeln!(text, "        {:?} rows {:?} {:?}", postgres.row, postgres.rows, postgres.receipts)
                .unwrap();
        }
    }
    text
}
