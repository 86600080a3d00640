//! `tune` on the log of a real HAProxy before servers whose limit is known.

use std::thread;

use haproxy_autoscale::simulate::engine::Balance;
use haproxy_autoscale::simulate::scenario::Scenario;

use super::simulated::{Workers, haproxy, scenario, users};
use crate::support::program::{objects, run};
use crate::support::versions;

/// What four workers of 60 ms carry within 500 ms, by Erlang C.
const LIMIT_PER_S: f64 = 64.5;
/// The ramp lasts so long: a minute of it has to be calm.
const SECONDS: u32 = 110;

/// What `tune` says the server breaks at.
fn broken_per_s(scenario: &Scenario) -> Option<f64> {
    let version = versions().first()?;
    let servers = [Workers::start("web1")];
    let haproxy = haproxy(version, scenario, &servers, "");
    let (took, failed) = users(&scenario.load, haproxy.frontend());
    assert!(took.len() > 20 * failed, "{failed} failed");
    let log = haproxy.log().display().to_string();
    let said = run(&["tune", "--json", &log]).succeeded();
    let web = objects(&said).remove(0)["backends"][0].clone();
    let broken = web["capacity"]["broken_per_s"].as_f64();
    Some(broken.unwrap_or_else(|| panic!("{web}")))
}

/// The newest version's log is the oldest's: one is enough for minutes of load.
#[test]
fn the_limit_of_servers_behind_a_real_haproxy_is_read_from_its_log() {
    let rate = |second: u32| LIMIT_PER_S * (0.3 + 0.8 * f64::from(second) / f64::from(SECONDS));
    let found = thread::scope(|scope| {
        let cases = [None, Some(4)].map(|maxconn| {
            scope.spawn(move || {
                let scenario = Scenario {
                    maxconn,
                    balance: Balance::LeastConn,
                    ..scenario(1, (0..SECONDS).map(rate).collect())
                };
                (maxconn, broken_per_s(&scenario))
            })
        });
        cases.map(|case| case.join().expect("a case"))
    });
    for (maxconn, broken) in found {
        let Some(broken) = broken else { return };
        assert!(
            (broken / LIMIT_PER_S - 1.0).abs() < 0.15,
            "maxconn {maxconn:?}: {broken}"
        );
    }
}
