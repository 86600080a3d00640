//! Capacity that is lost comes back at once; everything else has second thoughts.

use std::time::Duration;

use haproxy_autoscale::scaler::Scaler;
use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::scaler::event::{Action, Event};
use haproxy_autoscale::words::order::Verb;
use haproxy_autoscale::words::picture::{AdminState, ReadFailure};
use haproxy_autoscale::words::time::Timestamp;

use super::scenes::{GAP, seconds, with_a_spare_in};
use super::world::{Fault, World, settings};

impl World {
    /// The texts of all such decisions, one a line.
    pub(crate) fn text_of(&self, change: Change) -> String {
        let texts = self.decisions.iter().filter(|it| it.change == change);
        let texts: Vec<String> = texts.map(ToString::to_string).collect();
        texts.join("\n")
    }
}

#[test]
fn a_ready_spare_that_dies_is_replaced_without_breach_or_cooldown() {
    let mut settings = settings();
    settings.scale_up_cooldown = seconds(600);
    let mut world = World::new(settings);
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(seconds(1));
    let breaches = world.count(Change::Breach);
    world.server("web2").is_alive = false;
    world.requests(5, 400, seconds(1));
    assert!(world.is_up("web3"), "{:?}", world.changes());
    assert_eq!(world.count(Change::Breach), breaches);
    let text = world.text_of(Change::WarmUp);
    assert!(text.contains("ready spare web2 is DOWN"), "{text}");
    assert_eq!(world.count(Change::WarmUp), 2, "one for one");
}

#[test]
fn a_dead_spare_goes_before_the_living_ones_and_is_not_the_next_candidate() {
    let mut world = with_a_spare_in();
    world.server("web2").is_alive = false;
    world.requests(5, 400, seconds(1));
    assert!(world.is_up("web3"));
    world.requests(60, 20, seconds(1));
    let drained: Vec<_> = world
        .changes()
        .into_iter()
        .filter(|(change, _)| *change == Change::Drain)
        .filter_map(|(_, server)| server)
        .collect();
    assert_eq!(drained, vec!["web2", "web3"]);
    let warm_ups = world.count(Change::WarmUp);
    world.requests(20, 900, GAP);
    world.pass(seconds(1));
    assert!(world.is_up("web3"), "{:?}", world.changes());
    assert_eq!(world.count(Change::WarmUp), warm_ups + 1, "no try of web2");
}

#[test]
fn a_dead_spare_is_not_replaced_beyond_max_nor_when_it_was_superfluous() {
    let mut settings = settings();
    settings.max = Some(2);
    let mut world = World::new(settings).without("other");
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(seconds(1));
    assert!(world.is_up("web2"));
    world.by_hand("web3", AdminState::Ready);
    world.server("web2").is_alive = false;
    world.requests(10, 400, seconds(1));
    assert_eq!(world.count(Change::WarmUp), 1, "web1 and web3 are two");

    let mut world = with_a_spare_in();
    world.server("web2").read.queued = 1; // Keeps it in, however quiet it is.
    world.pass(seconds(60));
    assert!(world.is_up("web2"));
    world.server("web2").is_alive = false;
    world.pass(seconds(60));
    assert_eq!(world.count(Change::WarmUp), 1, "{:?}", world.changes());
}

#[test]
fn an_always_up_server_that_dies_during_a_drain_gets_the_spare_back_warm() {
    let mut world = with_a_spare_in();
    world.server("web2").read.sessions = 1;
    world.pass(seconds(33));
    assert!(world.server("web2").read.is_drain());
    world.server("web1").is_alive = false;
    world.pass(seconds(3));
    assert!(world.is_up("web2"), "{:?}", world.changes());
    assert_eq!(world.count(Change::WarmUp), 1, "it was warm");
}

#[test]
fn a_race_that_leaves_fewer_than_min_is_undone_by_the_next_command() {
    let mut settings = settings();
    settings.min = 2;
    let mut world = World::new(settings);
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(seconds(1));
    assert!(world.is_up("web2"));
    world.state_faults = vec![(AdminState::Drain, Fault::Late(seconds(1)))];
    let commands = world.commands;
    for _ in 0..600 {
        world.pass(GAP);
        if world.commands > commands {
            break;
        }
    }
    // The command is on its way, the picture that it was decided on is old.
    world.by_hand("other", AdminState::Maint);
    world.pass(seconds(2));
    assert!(
        world.is_up("web2"),
        "C-1: undone at once {:?}",
        world.changes()
    );
    let told: Vec<_> = world.done.iter().rev().take(2).collect();
    assert!(
        told[1].contains("web2 drain") && told[0].contains("web2 ready"),
        "{told:?}"
    );
    assert_eq!(world.count(Change::WarmUp), 1, "it was warm");
}

#[test]
fn with_all_servers_down_nothing_is_disabled_and_a_rescue_is_tried() {
    let mut world = with_a_spare_in();
    for name in ["web1", "web2", "other"] {
        world.server(name).is_alive = false;
    }
    let (drains, commands) = (world.count(Change::Drain), world.commands);
    world.pass(seconds(5));
    assert!(world.commands > commands, "a rescue");
    assert!(world.is_up("web3"), "{:?}", world.changes());
    world.server("web3").is_alive = false;
    world.pass(seconds(600));
    assert_eq!(world.count(Change::Drain), drains, "{:?}", world.changes());
}

#[test]
fn a_server_is_changed_so_often_and_then_stays_in_and_goes_later() {
    let mut world = World::new(settings()).without("web3");
    world.pass(GAP);
    let mut at = Vec::new();
    for _ in 0..12 {
        world.requests(15, 900, GAP);
        world.requests(70, 20, Duration::from_millis(700));
    }
    for decision in &world.decisions {
        if matches!(decision.change, Change::Enable | Change::Drain) {
            at.push(decision.at);
        }
    }
    // Twelve times idle_timeout is what six changes are counted in.
    let period = seconds(12 * 30);
    for (index, first) in at.iter().enumerate() {
        let within = at[index..].iter().filter(|it| it.since(*first) < period);
        assert!(within.count() <= 6, "{at:?}");
    }
    let text = world.text_of(Change::Stay);
    assert!(text.contains("changed 5 times within 6m"), "{text}");
    assert!(world.is_up("web2"), "it is left in traffic, not out of it");
    world.pass(seconds(12 * 30 + 60));
    assert!(!world.is_up("web2"), "with real quiet it goes");
}

#[test]
fn a_spent_budget_does_not_keep_a_rescue_away() {
    let mut world = World::new(settings()).without("web3");
    world.pass(GAP);
    let alive = |world: &mut World, is_alive: bool| {
        world.server("web1").is_alive = is_alive;
        world.requests(45, 20, seconds(1));
    };
    for _ in 0..4 {
        alive(&mut world, false);
        alive(&mut world, true);
    }
    world.server("web1").is_alive = false;
    world.pass(seconds(5));
    assert!(world.is_up("web2"), "{:?}", world.changes());
}

fn left_out_after_six_changes(is_needed: bool) {
    let mut world = World::new(settings()).without("web3");
    world.pass(GAP);
    // On its own a server goes only with changes left for the way back; an operator may spend all.
    for _ in 0..6 {
        world.order(Verb::Enable, "web/web2", None);
        world.pass(seconds(2));
        assert!(world.is_up("web2"), "{:?}", world.changes());
        world.order(Verb::Disable, "web/web2", Some(seconds(1)));
        world.pass(seconds(3));
        assert!(!world.is_up("web2"), "{:?}", world.changes());
    }
    let warm_ups = world.count(Change::WarmUp);
    world.requests(30, 900, GAP);
    world.pass(seconds(2));
    assert_eq!(world.count(Change::WarmUp), warm_ups);
    let text = world.text_of(Change::NoSpare);
    assert!(text.contains("it has been changed too often"), "{text}");
    if is_needed {
        world.server("web1").is_alive = false;
        world.pass(seconds(5));
        assert!(world.is_up("web2"), "lost capacity: {:?}", world.changes());
    } else {
        world.pass(seconds(12 * 30));
        world.requests(15, 900, GAP);
        world.pass(seconds(2));
        assert!(world.is_up("web2"), "later: {:?}", world.changes());
    }
}

#[test]
fn a_spare_that_was_changed_too_often_is_left_out_for_a_while_but_for_lost_capacity() {
    for is_needed in [false, true] {
        left_out_after_six_changes(is_needed);
    }
}

/// Pauses after failed reads within `span`, in milliseconds.
fn pauses(seed: u64, span: Duration) -> Vec<u64> {
    let mut now = Timestamp::default();
    let mut scaler = Scaler::new(now, [settings()]).with_seed(seed);
    let mut pauses = Vec::new();
    let mut failed_at = None;
    let end = now.after(span);
    while now < end {
        for action in scaler.handle(now, Event::Tick) {
            let Action::Read { id, .. } = action else {
                continue;
            };
            if let Some(failed_at) = failed_at {
                pauses.push(now.since(failed_at).as_millis().try_into().expect("small"));
            }
            failed_at = Some(now);
            let outcome = Err(ReadFailure::Unreachable("connection refused".to_owned()));
            let more = scaler.handle(now, Event::HaproxyRead { id, outcome });
            let reads = more.iter().any(|it| matches!(it, Action::Read { .. }));
            assert!(!reads, "a hot loop");
        }
        now = scaler.deadline().expect("a next instant");
    }
    pauses
}

#[test]
fn a_haproxy_that_is_gone_is_asked_again_soon_then_seldom_and_never_in_step() {
    let soon = pauses(1, seconds(60));
    assert!((125..=250).contains(&soon[0]), "{soon:?}");
    assert!(soon.iter().all(|ms| (125..=2000).contains(ms)), "{soon:?}");
    let late = pauses(1, seconds(4 * 3600));
    let longest = late.iter().max().copied().unwrap_or_default();
    assert!((15_000..=30_000).contains(&longest), "{longest}");
    assert_ne!(soon, pauses(2, seconds(60)), "another daemon, other pauses");
    assert_eq!(soon, pauses(1, seconds(60)), "the same run again");
}

#[test]
fn a_stand_in_that_dies_itself_is_replaced() {
    let mut world = World::new(settings());
    world.requests(20, 20, GAP);
    world.server("web1").is_alive = false;
    world.requests(6, 20, seconds(1));
    assert!(world.is_up("web2"), "{:?}", world.changes());
    world.server("web2").is_alive = false;
    world.requests(6, 20, seconds(1));
    assert!(world.is_up("web3"), "{:?}", world.changes());
    assert_eq!(world.count(Change::WarmUp), 2, "one for one");
}
