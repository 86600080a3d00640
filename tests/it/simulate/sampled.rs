//! The policies side by side on scenarios drawn from a seed: the short form of `benches/scenarios`, in which
//! the first ramp, where our scaler learns, is a large part of each run.

use haproxy_autoscale::simulate::policy::Policy;

use crate::support::scenarios::{Limits, Outcome, Sampled, total};

const SEED: u64 = 2;
/// Each shape twice.
const COUNT: u64 = 22;
const POLICIES: [Policy; 5] = [
    Policy::Ours,
    Policy::Guard,
    Policy::Hpa,
    Policy::Kpa,
    Policy::StaticMax,
];

#[test]
fn over_many_scenarios_learned_capacity_serves_well_with_few_changes() {
    let outcome = |number| Outcome::of(Sampled::new(SEED, number, Limits::SHORT), &POLICIES, false);
    let outcomes: Vec<Outcome> = (0..COUNT).map(outcome).collect();
    let [ours, guard, hpa, kpa, all] = POLICIES.map(|policy| total(&outcomes, policy));
    let told = format!("{ours:#?} {guard:#?} {hpa:#?} {kpa:#?} {all:#?}");
    assert_eq!(ours.requests, all.requests);
    assert!(ours.slow_share() < guard.slow_share() / 4.0, "{told}");
    assert!(ours.slow_share() < 0.012, "{told}");
    assert!(ours.changes < kpa.changes / 10, "{told}");
    assert!(ours.flaps < hpa.flaps / 2, "{told}");
    assert!(ours.server_s < hpa.server_s, "{told}");
    assert!(ours.server_s < 0.75 * all.server_s, "{told}");
}
