//! How long a spare may take to come, with machines that have limits of their own.

use std::time::Duration;

use haproxy_autoscale::scaler::settings::MachineSettings;
use haproxy_autoscale::simulate::trial::{Setting, Tiers};
use haproxy_autoscale::tune::boot::Cliff;

use crate::simulate::policies::pool;

#[test]
fn a_machine_whose_start_is_given_up_soon_is_tried_with_slow_boots_too() {
    // web1 alone carries 66 requests a second.
    let mut scenario = pool(vec![90.0; 700]);
    let setting = Setting {
        capacity: scenario.settings.capacity,
        headroom: scenario.settings.headroom,
        idle_timeout: scenario.settings.idle_timeout,
        maxconn: None,
        min: scenario.settings.min,
        tiers: Tiers::ALL,
    };
    let slow_shares = [Duration::from_secs(60), Duration::from_secs(3600)].map(|start_timeout| {
        let machine = MachineSettings {
            start_timeout,
            ..MachineSettings::default()
        };
        let machines = ["web2", "web3", "web4"].map(|it| (it.to_owned(), machine));
        scenario.settings.machines = machines.into();
        let cliff = Cliff::of(&scenario, &setting, 1.0).expect("runs");
        let tried = cliff.tried.iter();
        tried
            .map(|it| (it.boot.as_secs(), it.outcome.slow_share.to_bits()))
            .collect::<Vec<_>>()
    });
    let [short, long] = slow_shares;
    assert_eq!(short, long);
    // Those that come within the load are of use: the sooner, the more.
    let shares: Vec<f64> = long.iter().map(|(_, it)| f64::from_bits(*it)).collect();
    assert!(shares.is_sorted() && shares[4] < shares[6], "{shares:?}");
}
