//! What is over when something has happened: after a reload, an order, a failure, a busy minute.

use std::time::Duration;

use haproxy_autoscale::scaler::Stage;
use haproxy_autoscale::scaler::decision::{Change, Reason};
use haproxy_autoscale::scaler::settings::Spares;
use haproxy_autoscale::words::order::Verb;
use haproxy_autoscale::words::picture::AdminState;

use super::scenes::{GAP, seconds, with_a_spare_in};
use super::world::{BACKEND, Fault, World, settings};

impl World {
    /// The notes beside web2 and web3 in `status`.
    fn notes(&mut self) -> [Option<String>; 2] {
        let mut servers = self
            .view()
            .servers
            .into_iter()
            .skip(1)
            .map(|it| it.note.map(|it| it.to_string()));
        [servers.next().flatten(), servers.next().flatten()]
    }

    fn quarantines(&self) -> Vec<u64> {
        let decisions = self.decisions.iter();
        decisions
            .filter_map(|it| {
                let Reason::Failed {
                    quarantined_for, ..
                } = &it.reason
                else {
                    return None;
                };
                Some(quarantined_for.as_secs())
            })
            .collect()
    }
}

#[test]
fn a_busy_while_that_is_no_breach_ends_quiet() {
    let mut world = with_a_spare_in();
    world.requests(20, 20, seconds(1));
    world.requests(10, 400, seconds(1));
    world.requests(25, 20, seconds(1));
    assert!(world.is_up("web2"), "{:?}", world.changes());
    world.requests(20, 20, seconds(1));
    assert!(!world.is_up("web2"), "{:?}", world.changes());
}

#[test]
fn a_spare_that_came_in_starts_every_streak_over() {
    let mut world = with_a_spare_in();
    let policy = world.view().policy.expect("a policy");
    assert_eq!((policy.streak, policy.requests), (0, 0));
}

#[test]
fn a_reload_starts_streaks_and_holds_over_and_repairs_no_log() {
    let mut world = World::new(settings());
    world.pass(GAP);
    world.requests(10, 900, GAP);
    world.by_hand("web2", AdminState::Drain);
    world.responses += 100;
    world.pass(seconds(3));
    assert_eq!(world.view().policy.expect("a policy").streak, 2);
    assert_eq!(world.count(Change::Freeze), 1);
    assert!(world.notes()[0].is_some());
    world.reload();
    world.pass(seconds(3));
    assert_eq!(world.view().policy.expect("a policy").streak, 0);
    assert_eq!(world.notes(), [None, None]);
    assert_eq!(world.view().problems.len(), 1, "{:?}", world.view());
    world.requests(240, 20, GAP);
    assert!(world.view().problems.is_empty(), "{:?}", world.view());
}

#[test]
fn what_came_back_after_a_reload_goes_for_good_when_it_is_quiet() {
    for is_adopted in [false, true] {
        let mut world = with_a_spare_in();
        world.reload();
        if is_adopted {
            world.by_hand("web2", AdminState::Ready);
        }
        world.pass(seconds(5));
        assert!(world.is_up("web2"), "{:?}", world.changes());
        world.requests(60, 20, seconds(1));
        assert!(!world.is_up("web2"), "{:?}", world.changes());
        world.requests(60, 400, GAP);
        assert!(!world.is_up("web2"), "{:?}", world.changes());
    }
}

#[test]
fn a_spare_that_served_begins_with_a_short_quarantine_again_and_a_restart_does_not() {
    let mut world = World::new(settings()).without("web3");
    world.server("web2").is_alive = false;
    world.pass(GAP);
    world.requests(900, 900, GAP);
    assert_eq!(world.quarantines(), [60], "and in the second try");
    let memory = world.scaler.memory(world.now);
    world.restart(Some(memory));
    world.requests(200, 900, GAP);
    world.requests(200, 900, GAP);
    assert_eq!(world.quarantines().get(1), Some(&120));
    world.server("web2").is_alive = true;
    world.requests(1500, 900, GAP);
    assert!(world.is_up("web2"), "{:?}", world.changes());
    world.requests(60, 20, seconds(1));
    assert!(!world.is_up("web2"), "{:?}", world.changes());
    world.server("web2").is_alive = false;
    world.requests(300, 900, GAP);
    assert_eq!(world.quarantines().last(), Some(&60));
}

#[test]
fn resume_ends_holds_pauses_and_what_enable_and_disable_left() {
    let held = || {
        let mut world = with_a_spare_in();
        world.by_hand("web2", AdminState::Drain);
        world.pass(seconds(3));
        world.order(Verb::Pause, "web/web3", None);
        world
    };
    for place in ["", BACKEND] {
        let mut world = held();
        world.order(Verb::Resume, place, None);
        assert_eq!(world.notes(), [None, None]);
        world.order(Verb::Disable, "web/web3", None);
        assert!(world.notes()[1].is_some());
        world.order(Verb::Resume, place, None);
        assert_eq!(world.notes(), [None, None]);
    }
    let mut world = held();
    world.order(Verb::Resume, "web/web3", None);
    assert_eq!(world.notes()[1], None);
    assert!(world.notes()[0].is_some(), "only that server's");
    world.order(Verb::Disable, "web/web3", None);
    world.order(Verb::Resume, "web/web3", None);
    assert_eq!(world.notes()[1], None);
}

#[test]
fn orders_about_a_spare_that_is_half_way_take_it_to_where_it_may_stay() {
    for verb in [Verb::Pin, Verb::Pause] {
        let mut world = World::new(settings());
        world.pass(GAP);
        world.requests(15, 900, GAP);
        for _ in 0..1000 {
            if world.view().servers[1].stage == Stage::DrainingIn {
                break;
            }
            world.pass(Duration::from_millis(1));
        }
        world.order(verb, "web/web3", None);
        world.order(verb, "web/web2", None);
        world.pass(seconds(1));
        assert!(world.server("web2").read.is_maint(), "{verb}");
    }
    let draining = || {
        let mut world = with_a_spare_in();
        world.server("web2").read.sessions = 1;
        world.pass(seconds(33));
        assert!(world.server("web2").read.is_drain());
        world
    };
    let mut world = draining();
    world.order(Verb::Enable, "web/web2", None);
    world.pass(seconds(1));
    assert!(world.is_up("web2"), "{:?}", world.done);
    assert_eq!(world.count(Change::WarmUp), 1, "it was warm");
    let mut world = draining();
    world.order(Verb::Enable, "web/web3", None);
    world.order(Verb::Pin, "web/web3", None);
    world.pass(seconds(1));
    assert!(world.server("web2").read.is_drain(), "about another spare");
}

#[test]
fn a_pause_before_the_first_command_on_the_way_out_writes_nothing() {
    let mut world = with_a_spare_in();
    let commands = world.commands;
    world.faults = Box::new(|_| Fault::Late(Duration::from_millis(500)));
    for _ in 0..10_000 {
        if world
            .view()
            .next
            .to_string()
            .contains("on its way to maint")
        {
            break;
        }
        world.pass(Duration::from_millis(50));
    }
    world.order(Verb::Pause, BACKEND, None);
    world.pass(seconds(10));
    assert_eq!(world.commands, commands, "{:?}", world.done);
}

#[test]
fn a_pause_while_a_disable_is_being_written_gives_the_spare_back() {
    let mut world = with_a_spare_in();
    world.server("web2").read.sessions = 1;
    world.state_faults = vec![(AdminState::Drain, Fault::Late(seconds(1)))];
    world.order(Verb::Disable, "web/web2", None);
    world.pass(GAP);
    world.order(Verb::Pause, BACKEND, None);
    world.pass(seconds(3));
    assert!(world.is_up("web2"), "{:?}", world.done);
}

#[test]
fn a_refused_drain_ends_that_try_and_not_the_next_one() {
    let mut world = with_a_spare_in();
    world.state_faults = vec![(AdminState::Drain, Fault::Refused)];
    world.pass(seconds(33));
    assert!(world.is_up("web2"));
    let warnings = world.text_of(Change::Warning);
    assert!(warnings.contains("HAProxy answered \"no\""), "{warnings}");
    world.pass(seconds(10));
    assert!(!world.is_up("web2"), "{:?}", world.done);
}

#[test]
fn a_hand_ends_an_order_for_good_and_so_does_a_race() {
    let mut world = World::new(settings());
    world.pass(GAP);
    world.order(Verb::Enable, "web/web2", Some(seconds(3000)));
    world.pass(seconds(2));
    world.by_hand("web2", AdminState::Maint);
    world.pass(seconds(800));
    assert!(!world.is_up("web2"), "after the hold too");

    let mut world = with_a_spare_in();
    world.by_hand("web1", AdminState::Maint);
    world.by_hand("other", AdminState::Maint);
    world.order(Verb::Disable, "web/web2", Some(seconds(3000)));
    world.pass(seconds(1));
    assert!(world.text_of(Change::Note).contains("not disabled"));
    assert_eq!(world.notes()[0], None);
}

#[test]
fn what_haproxy_does_not_have_is_said() {
    let mut settings = settings();
    settings.always_up = vec!["web1".to_owned(), "web8".to_owned()];
    settings.spares = Spares::Named(vec!["web2".to_owned(), "web9".to_owned()]);
    let mut world = World::new(settings);
    world.order(Verb::Resume, "", None);
    assert_eq!(world.count(Change::NoSpare), 0, "nothing is known so far");
    world.pass(seconds(10));
    let warnings = world.text_of(Change::Warning);
    for text in ["always_up lists web8, but", "spares lists web9, but"] {
        assert_eq!(warnings.matches(text).count(), 1, "{warnings}");
    }
    assert!(!warnings.contains("lists web1"), "{warnings}");
    assert!(!warnings.contains("no spare:"), "{warnings}");
    let mut world = World::new(super::world::settings());
    world = world.without("web2").without("web3");
    world.pass(seconds(10));
    let warnings = world.text_of(Change::Warning);
    assert!(
        warnings.contains("no spare: mark a server `disabled`"),
        "{warnings}"
    );
}
