//! The plan of `make chaos` follows from its seed alone, and leaves everything time to recover.

#[path = "chaos/plan.rs"]
#[allow(unreachable_pub, dead_code, reason = "it belongs to another binary")]
mod plan;

use std::time::Duration;

use plan::{OVERLAP, plan};

const LOAD: Duration = Duration::from_secs(45);

#[test]
fn the_same_seed_makes_the_same_plan_and_another_another() {
    for round in 0..20 {
        assert_eq!(plan(42, round, LOAD), plan(42, round, LOAD));
        assert_ne!(plan(42, round, LOAD), plan(43, round, LOAD));
        assert_ne!(plan(42, round, LOAD), plan(42, round + 1, LOAD));
    }
}

#[test]
fn every_fault_ends_with_the_load_and_few_are_under_way_at_once() {
    for seed in 0..200 {
        let faults = plan(seed, 0, LOAD).faults;
        assert!(faults.len() > 5, "{faults:?}");
        for fault in &faults {
            assert!(fault.at + fault.lasts <= LOAD, "{fault}");
            let under_way =
                faults.iter().filter(|other| other.at <= fault.at && fault.at < other.at + other.lasts);
            assert!(under_way.count() <= OVERLAP, "{fault}");
        }
    }
}

#[test]
fn faults_of_one_target_never_overlap() {
    for seed in 0..200 {
        let faults = plan(seed, 0, LOAD).faults;
        for (index, fault) in faults.iter().enumerate() {
            let mut later = faults[index + 1..].iter().filter(|other| other.target == fault.target);
            assert!(later.all(|later| later.at > fault.at + fault.lasts), "{fault}");
        }
    }
}
