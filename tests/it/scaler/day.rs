//! Hours and days of load in virtual time, in a closed loop with servers that have queues: the
//! scaler follows the load, does not swing, does not grow.

use std::io::Write;
use std::time::Duration;

use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::words::picture::AdminState;

use super::farm::{CAPACITY, Farm, Outcome, defaults};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// A night of 1.5 requests a second, an afternoon of 10.5, and at noon for three quarters of an
/// hour 2.5 more.
fn a_day(hour: f64) -> f64 {
    let wave = (1.0 - (std::f64::consts::TAU * (hour - 4.0) / 24.0).cos()) / 2.0;
    let is_noon = (12.0..12.75).contains(&hour);
    1.5 + 9.0 * wave + if is_noon { 2.5 } else { 0.0 }
}

/// How often the number of servers for that load changes in a day, with a seventh to spare.
fn changes_needed(rate: impl Fn(f64) -> f64) -> usize {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Between 2 and 6.
    let needed = |minute: u32| {
        let servers = rate(f64::from(minute) / 60.0) / (0.85 * CAPACITY);
        servers.ceil().clamp(2.0, 6.0) as usize
    };
    (1..24 * 60)
        .map(|minute| needed(minute).abs_diff(needed(minute - 1)))
        .sum()
}

/// Figures of a run, which are seen in a test that passes too.
fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn say(name: &str, outcome: &Outcome, farm: &Farm) {
    tell(&format!(
        "{name}: {} requests, {} changes, {} minutes above the threshold, {} times not_helping, \
         {} times said that a spare stays; things held after each hour {:?}",
        outcome.requests,
        outcome.changes.len(),
        outcome.minutes_above,
        farm.world.count(Change::NotHelping),
        farm.world.count(Change::Stay),
        outcome.held,
    ));
}

#[test]
fn a_day_of_load_brings_no_oscillation_and_no_growth() {
    let mut farm = Farm::new(defaults(), 4, 1);
    let outcome = farm.run(24 * HOUR, a_day);
    say("a day", &outcome, &farm);
    let (changes, needed) = (outcome.changes.len(), changes_needed(a_day));
    tell(&format!(
        "a load without noise and with foresight needs {needed} changes"
    ));
    // Response times show a load only near the knee: it has to be tried whether one server less
    // will do. Without the memory of what was too slow it is tried some hundred times.
    assert!(changes <= 6 * needed, "{:?}", outcome.changes);
    assert!(
        outcome.changes.iter().any(|(_, is_in)| *is_in) && changes >= needed,
        "{changes} changes: it follows the load"
    );
    assert!(outcome.minutes_above <= 24 * 60 / 100, "{outcome:?}");
    assert_eq!(farm.world.count(Change::NotHelping), 0, "each spare helps");
    // Nobody is put away in the minutes after a spare joined.
    let up_down = outcome.shortest_stay();
    assert!(up_down >= Duration::from_secs(300), "{up_down:?}");
    // What it holds follows the servers that are in and their changes of the last hour (six each);
    // another day adds nothing.
    let most = |outcome: &Outcome| outcome.held.iter().copied().max().unwrap_or(usize::MAX);
    let first = most(&outcome);
    assert!(first <= outcome.held[1] + 4 * 6 + 8, "{:?}", outcome.held);
    let outcome = farm.run(24 * HOUR, a_day);
    say("another day", &outcome, &farm);
    assert!(most(&outcome) <= first + 4, "{:?}", outcome.held);
    assert!(outcome.changes.len() <= 6 * needed, "{:?}", outcome.changes);
}

#[test]
fn a_steady_load_at_the_edge_is_tried_ever_more_seldom() {
    for (rate, seed) in [(4.25, 1), (4.75, 2), (5.5, 3)] {
        let mut farm = Farm::new(defaults(), 4, seed);
        let outcome = farm.run(6 * HOUR, |_| rate);
        say(&format!("{rate} requests/s for 6 hours"), &outcome, &farm);
        // Without memory: 5 minutes of quiet, some slow minutes, 60 changes and more.
        assert!(outcome.changes.len() <= 16, "{rate}: {:?}", outcome.changes);
        let late = outcome.changes.iter().filter(|(at, _)| *at > 3 * 3_600_000);
        assert!(late.count() <= 8, "{rate}: {:?}", outcome.changes);
        let text = farm.world.text_of(Change::Stay);
        assert!(text.contains("too slow at"), "{text}");
    }
}

#[test]
fn a_load_that_has_clearly_fallen_lets_every_spare_go_whatever_is_remembered() {
    let mut farm = Farm::new(defaults(), 4, 4);
    farm.run(3 * HOUR, |_| 4.75);
    assert!(
        farm.world.count(Change::Stay) > 0,
        "something is remembered"
    );
    farm.run(HOUR, |_| 1.5);
    for name in ["web3", "web4", "web5", "web6"] {
        assert!(!farm.world.is_up(name), "{:?}", farm.world.changes());
    }
}

#[test]
fn a_slow_database_behind_all_servers_stops_the_adding_and_takes_nothing_away() {
    let mut farm = Farm::new(defaults(), 4, 5);
    for number in 1..=6 {
        farm.slow_down(number, 4.0);
    }
    let outcome = farm.run(Duration::from_secs(480), |_| 0.4);
    say("a slow database", &outcome, &farm);
    assert_eq!(outcome.changes.len(), 1, "{:?}", outcome.changes);
    assert_eq!(farm.world.count(Change::NotHelping), 1);
    let text = farm.world.text_of(Change::NotHelping);
    assert!(text.contains("before the last spare joined"), "{text}");
    assert!(farm.world.is_up("web3"), "kept");
    let view = farm.world.view();
    assert_eq!(view.state.as_str(), "not_helping");
    assert!(
        view.next.to_string().contains("more servers do not help"),
        "{view:?}"
    );
    assert!(
        view.problems
            .iter()
            .any(|it| it.to_string().contains("more servers")),
        "{view:?}"
    );
    // Five minutes later it is tried again, once.
    let outcome = farm.run(Duration::from_secs(420), |_| 0.4);
    assert_eq!(outcome.changes.len(), 1, "{:?}", outcome.changes);
    assert!(farm.world.count(Change::NotHelping) >= 1);
}

/// Every server is slow, however many there are, and that has been found out just now.
fn where_nothing_helps() -> Farm {
    let mut farm = Farm::new(defaults(), 4, 5);
    for number in 1..=6 {
        farm.slow_down(number, 4.0);
    }
    for _ in 0..60 {
        farm.run(Duration::from_secs(10), |_| 0.4);
        if farm.world.view().state.as_str() == "not_helping" {
            return farm;
        }
    }
    panic!("{:?}", farm.world.changes());
}

#[test]
fn an_operator_who_takes_the_last_spare_away_ends_its_trial() {
    let mut farm = where_nothing_helps();
    assert!(farm.world.is_up("web3"));
    farm.world.by_hand("web3", AdminState::Maint);
    farm.run(Duration::from_secs(150), |_| 0.4);
    assert!(farm.world.is_up("web4"), "{:?}", farm.world.changes());
}

#[test]
fn a_load_that_grows_by_a_quarter_ends_not_helping() {
    let mut farm = where_nothing_helps();
    farm.run(Duration::from_secs(150), |_| 1.2);
    assert!(farm.world.is_up("web4"), "{:?}", farm.world.changes());
}

#[test]
fn a_backend_that_is_overrun_gets_all_its_spares_though_its_queues_still_grow() {
    let mut farm = Farm::new(defaults(), 4, 6);
    let outcome = farm.run(Duration::from_secs(240), |_| 14.0);
    say("overrun", &outcome, &farm);
    assert_eq!(farm.world.count(Change::NotHelping), 0);
    assert_eq!(outcome.changes.len(), 4, "{:?}", outcome.changes);
}

#[test]
fn one_slow_server_is_named_and_does_not_keep_the_spare_away() {
    let mut farm = Farm::new(defaults(), 1, 7);
    farm.slow_down(1, 12.0);
    farm.run(Duration::from_secs(400), |_| 0.6);
    let text = farm.world.text_of(Change::Breach);
    assert!(text.contains("web1 is slow ("), "{text}");
    assert!(text.contains("not ("), "{text}");
    assert!(farm.world.is_up("web3"), "{:?}", farm.world.changes());
}
