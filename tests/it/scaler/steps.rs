//! One step of a change after another: what each believes, and what takes it back.

use std::time::Duration;

use haproxy_autoscale::scaler::Stage;
use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::scaler::event::{ActionId, Event, LogState};
use haproxy_autoscale::scaler::settings::Spares;
use haproxy_autoscale::words::names::ServerName;
use haproxy_autoscale::words::order::Verb;
use haproxy_autoscale::words::picture::{AdminState, ReadFailure, WriteFailure};
use haproxy_autoscale::words::proof::WarmUpFailure;

use super::scenes::{GAP, seconds, with_a_spare_in};
use super::server::Server;
use super::world::{BACKEND, Fault, World, settings};

impl World {
    /// Lets time pass in milliseconds until that is so.
    fn until(&mut self, is_so: impl Fn(&mut Self) -> bool) {
        for _ in 0..120_000 {
            if is_so(self) {
                return;
            }
            self.pass(Duration::from_millis(1));
        }
        panic!("never: {:?} {:?}", self.changes(), self.done);
    }

    /// The commands for a server, in order.
    fn told(&self, name: &str) -> Vec<&str> {
        let begin = format!("set {BACKEND}/{name} ");
        let done = self.done.iter();
        done.filter_map(|it| it.split_once(&begin))
            .map(|(_, state)| state)
            .collect()
    }
}

/// web2 is on its way in, in HAProxy's checks.
fn with_a_spare_in_checks() -> World {
    let mut world = World::new(settings());
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.until(|world| world.view().servers[1].stage == Stage::DrainingIn);
    world
}

/// web2 drains, and a user keeps it busy.
fn with_a_spare_on_its_way_out() -> World {
    let mut world = with_a_spare_in();
    world.server("web2").read.sessions = 1;
    world.until(|world| world.view().servers[1].stage == Stage::DrainingOut);
    world
}

#[test]
fn a_warm_up_of_long_ago_proves_nothing() {
    let mut world = World::new(settings()).without("web2");
    world.pass(GAP);
    world.requests(15, 900, GAP);
    assert_eq!(world.count(Change::WarmUp), 1);
    world.is_reachable = false;
    world.pass(seconds(60));
    world.is_reachable = true;
    world.pass(seconds(5));
    assert_eq!(world.commands, 0, "{:?}", world.done);
    let notes = world.text_of(Change::Note);
    assert!(notes.contains("its warm-up is too long ago"), "{notes}");
}

#[test]
fn a_drain_on_the_way_in_is_believed_when_it_is_seen() {
    let mut world = World::new(settings()).without("web3");
    world.state_faults = vec![(AdminState::Drain, Fault::Ignored)];
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(seconds(2));
    let text = world.text_of(Change::EnableFailed);
    assert!(text.contains("HAProxy accepted `state drain`"), "{text}");
}

#[test]
fn a_drain_on_the_way_out_is_believed_when_it_is_seen() {
    let mut world = with_a_spare_in();
    world.state_faults = vec![(AdminState::Drain, Fault::Ignored)];
    world.pass(seconds(60));
    assert_eq!(
        world.told("web2"),
        ["drain", "ready", "drain", "drain", "maint"]
    );
    assert_eq!(world.count(Change::Drain), 1);
}

#[test]
fn maint_is_believed_when_it_is_seen() {
    let mut world = with_a_spare_in();
    world.state_faults = vec![(AdminState::Maint, Fault::Ignored)];
    world.pass(seconds(60));
    assert_eq!(
        world.told("web2"),
        ["drain", "ready", "drain", "maint", "maint"]
    );
    assert_eq!(world.count(Change::Disable), 1);

    let mut world = with_a_spare_in_checks();
    world.state_faults = vec![(AdminState::Maint, Fault::Ignored)];
    world.order(Verb::Pause, BACKEND, None);
    world.pass(seconds(5));
    assert_eq!(world.told("web2"), ["drain", "maint", "maint"]);
}

#[test]
fn a_refused_ready_is_not_taken_for_a_late_one_while_the_spare_drains() {
    let mut world = World::new(settings()).without("web3");
    world.state_faults = vec![
        (AdminState::Ready, Fault::Refused),
        (AdminState::Maint, Fault::Ignored),
    ];
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(seconds(5));
    assert_eq!(world.count(Change::Enable), 0, "{:?}", world.changes());
    assert!(world.server("web2").read.is_maint());
}

#[test]
fn a_command_without_an_answer_is_given_up_and_read_back() {
    for fault in [Fault::Lost, Fault::AnswerLost] {
        let mut world = World::new(settings());
        world.state_faults = vec![(AdminState::Drain, fault)];
        world.pass(GAP);
        world.requests(15, 900, GAP);
        world.pass(seconds(15));
        let is_carried_out = fault == Fault::AnswerLost;
        assert_eq!(world.is_up("web2"), is_carried_out, "{fault:?}");
        assert_eq!(world.is_up("web3"), !is_carried_out, "{fault:?}");
    }
}

#[test]
fn a_server_that_died_while_draining_is_not_even_told_to_come_back() {
    let mut world = with_a_spare_on_its_way_out();
    world.server("web2").is_alive = false;
    world.pass(seconds(2));
    world.requests(5, 900, GAP);
    world.pass(seconds(1));
    assert_eq!(world.told("web2"), ["drain", "ready", "drain", "maint"]);
}

#[test]
fn a_spare_is_not_given_back_beyond_max() {
    let mut settings = settings();
    settings.max = Some(3);
    let mut world = World::new(settings);
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(seconds(1));
    world.server("web2").read.sessions = 1;
    world.until(|world| world.view().servers[1].stage == Stage::DrainingOut);
    world.by_hand("web3", AdminState::Ready);
    world.pass(seconds(1));
    world.requests(5, 900, GAP);
    world.pass(seconds(2));
    assert_eq!(world.told("web2"), ["drain", "ready", "drain", "maint"]);
}

#[test]
fn the_picture_before_the_first_command_decides_whether_a_spare_goes() {
    let mut world = with_a_spare_in();
    let commands = world.commands;
    world.until(|world| world.commands > commands);
    let at = world.now;
    // The same again, and at that very moment something speaks against it.
    let objections: [fn(&mut World); 4] = [
        |world| world.queued = 1,
        |world| world.server("web2").read.queued = 1,
        |world| world.responses += 100,
        |world| world.log_state(LogState::Lagging),
    ];
    for object in objections {
        let mut world = with_a_spare_in();
        let span = at.since(world.now);
        world.pass(span.saturating_sub(Duration::from_millis(2)));
        assert_eq!(world.commands, commands);
        object(&mut world);
        world.pass(seconds(20));
        assert_eq!(world.commands, commands, "{:?}", world.done);
    }

    // And between the decision and the picture.
    let mut world = with_a_spare_in();
    world.faults = Box::new(|_| Fault::Late(Duration::from_millis(500)));
    world.until(|world| {
        world
            .view()
            .next
            .to_string()
            .contains("on its way to maint")
    });
    world.log_state(LogState::Lagging);
    world.pass(seconds(20));
    assert_eq!(world.commands, commands, "{:?}", world.done);
}

#[test]
fn what_waits_in_a_servers_own_queue_keeps_it_draining() {
    let mut world = with_a_spare_on_its_way_out();
    world.server("web2").read.queued = 1;
    world.server("web2").read.sessions = 0;
    world.pass(seconds(5));
    assert!(world.server("web2").read.is_drain());
    world.server("web2").read.queued = 0;
    world.pass(seconds(1));
    assert!(world.server("web2").read.is_maint());
}

#[test]
fn what_comes_up_while_a_drain_is_being_written_is_not_forgotten() {
    let drained_late = || {
        let mut world = with_a_spare_in();
        world.server("web2").read.sessions = 1;
        world.state_faults = vec![(AdminState::Drain, Fault::Late(seconds(1)))];
        let commands = world.commands;
        world.until(|world| world.commands > commands);
        world
    };
    let mut world = drained_late();
    world.requests(5, 900, GAP);
    world.pass(seconds(1));
    assert!(world.is_up("web2"), "load: {:?}", world.done);

    let mut world = drained_late();
    world.order(Verb::Pause, BACKEND, None);
    world.pass(seconds(2));
    assert!(world.is_up("web2"), "a pause: {:?}", world.done);
    assert_eq!(world.count(Change::WarmUp), 1, "it was warm");
}

#[test]
fn a_disable_that_a_race_made_too_much_is_undone() {
    let mut settings = settings();
    settings.min = 2;
    let mut world = World::new(settings).without("web3");
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(seconds(1));
    world.server("web2").read.sessions = 1;
    world.state_faults = vec![(AdminState::Drain, Fault::Late(seconds(1)))];
    world.order(Verb::Disable, "web/web2", None);
    world.pass(GAP);
    world.by_hand("other", AdminState::Maint);
    world.pass(seconds(2));
    assert_eq!(world.told("web2"), ["drain", "ready", "drain", "ready"]);
    assert_eq!(world.count(Change::Drain), 1, "and it was said");
}

#[test]
fn another_spare_comes_for_one_that_fails_after_a_reload_and_for_none_that_was_ordered() {
    let mut world = with_a_spare_in();
    world.server("web2").is_alive = false;
    world.requests(2, 400, GAP);
    world.reload();
    world.pass(seconds(26));
    assert!(world.is_up("web3"), "{:?}", world.changes());

    let mut world = World::new(settings());
    world.pass(GAP);
    world.server("web2").is_alive = false;
    world.order(Verb::Enable, "web/web2", None);
    world.pass(seconds(40));
    assert_eq!(world.count(Change::EnableFailed), 1);
    assert!(!world.is_up("web3"), "{:?}", world.changes());
}

#[test]
fn outcomes_of_something_else_change_nothing() {
    let id = ActionId(9999);
    let server = || ServerName::new(BACKEND, "web2");
    let mut world = World::new(settings());
    world.pass(GAP);
    world.requests(15, 900, GAP);
    let outcome = Err(WarmUpFailure::Refused { attempts: 1 });
    world.step(Event::WarmUpEnded {
        id,
        server: server(),
        outcome,
    });
    world.state_faults = vec![(AdminState::Drain, Fault::Late(seconds(1)))];
    world.until(|world| world.commands == 1);
    let outcome = Err(WriteFailure::Refused("no".to_owned()));
    world.step(Event::StateSet {
        id,
        server: server(),
        outcome,
    });
    let outcome = Err(ReadFailure::Unreachable("no".to_owned()));
    world.step(Event::HaproxyRead { id, outcome });
    world.pass(seconds(3));
    assert!(world.is_up("web2"), "{:?}", world.changes());
    assert_eq!(world.told("web2"), ["drain", "ready"]);
    assert_eq!(world.count(Change::Unreachable), 0);
}

#[test]
fn a_read_without_an_answer_is_given_up_and_said() {
    let mut world = World::new(settings());
    world.faults = Box::new(|action| match action {
        2..6 => Fault::Lost,
        _ => Fault::None,
    });
    world.pass(seconds(12));
    assert_eq!(world.count(Change::Unreachable), 1, "{:?}", world.changes());
    world.pass(seconds(60));
    assert_eq!(world.count(Change::Reachable), 1, "{:?}", world.changes());
}

#[test]
fn a_server_that_is_deleted_in_the_middle_of_its_change_ends_that() {
    let mut world = with_a_spare_in_checks().without("web2");
    world.pass(seconds(1));
    let notes = world.text_of(Change::Note);
    assert!(notes.contains("no longer has server web2"), "{notes}");
    world.requests(15, 900, GAP);
    world.pass(seconds(1));
    assert!(world.is_up("web3"), "{:?}", world.changes());
}

#[test]
fn a_hand_at_another_server_is_a_hold_of_that_one_and_ends_no_change() {
    let mut world = with_a_spare_in_checks();
    world.by_hand("web3", AdminState::Drain);
    world.by_hand("web1", AdminState::Drain);
    world.pass(seconds(1));
    assert!(world.is_up("web2"), "{:?}", world.changes());
    assert_eq!(world.count(Change::WarmUp), 1);
    assert_eq!(world.count(Change::Hold), 1, "web1 is no spare");
    assert!(world.text_of(Change::Hold).contains("web3"));
}

#[test]
fn a_hand_right_after_a_reload_is_not_taken_for_our_command() {
    let mut world = with_a_spare_in_checks();
    world.order(Verb::Pin, "web/web3", None);
    world.until(|world| world.writing.is_empty());
    world.reload();
    world.until(|world| world.count(Change::Reload) == 1);
    world.order(Verb::Pin, "web/web2", None);
    world.pass(GAP);
    world.by_hand("web2", AdminState::Drain);
    world.pass(seconds(3));
    assert_eq!(world.count(Change::Hold), 1, "{:?}", world.changes());
}

#[test]
fn new_settings_interrupt_only_a_change_of_what_is_no_spare_any_more() {
    let mut world = with_a_spare_in_checks();
    let mut next = settings();
    next.spares = Spares::Named(vec!["web2".to_owned()]);
    world.step(Event::Settings {
        backends: &[next],
        is_elsewhere: false,
        was_pretended: false,
    });
    world.pass(seconds(1));
    assert!(world.is_up("web2"), "{:?}", world.changes());
    assert_eq!(world.told("web2"), ["drain", "ready"]);
}

#[test]
fn new_settings_begin_quiet_anew_only_where_they_are_about_it() {
    for (ratio, above_ms, is_in) in [(0.6, 500.0, false), (0.5, 500.0, true), (0.6, 400.0, true)] {
        let mut world = with_a_spare_in();
        world.pass(seconds(25));
        let mut next = settings();
        next.hold = seconds(1);
        next.scale_down_ratio = ratio;
        next.policies[0].above = above_ms;
        world.step(Event::Settings {
            backends: &[next],
            is_elsewhere: false,
            was_pretended: false,
        });
        world.pass(seconds(8));
        assert_eq!(world.is_up("web2"), is_in, "{ratio} {above_ms}");
    }
}

#[test]
fn an_order_is_looked_at_again_on_a_fresh_picture_before_it_begins() {
    let mut settings = settings();
    settings.max = Some(3);
    let mut world = World::new(settings);
    world.pass(GAP);
    world.accepted(Verb::Enable, "web/web3", None);
    world.order(Verb::Enable, "web/web2", None);
    world.pass(seconds(5));
    assert_eq!(world.count(Change::WarmUp), 1, "`max` is reached");

    for is_pinned in [true, false] {
        let mut world = with_a_spare_in();
        world.order(Verb::Enable, "web/web3", None);
        world.server("web2").read.is_tracked = !is_pinned;
        world.order(Verb::Disable, "web/web2", None);
        if is_pinned {
            world.order(Verb::Pin, "web/web2", None);
        }
        world.pass(seconds(5));
        assert!(world.is_up("web3"));
        assert_eq!(world.told("web2"), ["drain", "ready"], "{is_pinned}");
    }
}

#[test]
fn a_paused_spare_stays_as_it_is_and_other_pauses_last() {
    let mut world = World::new(settings());
    world.pass(GAP);
    world.order(Verb::Pause, "web/web2", None);
    world.order(Verb::Pin, "web/web3", Some(seconds(20)));
    world.requests(60, 900, GAP);
    assert_eq!(world.count(Change::WarmUp), 0);
    world.pass(seconds(20));
    world.requests(15, 900, GAP);
    world.pass(seconds(1));
    assert!(world.is_up("web3") && !world.is_up("web2"));

    let mut world = World::new(settings());
    world.pass(GAP);
    world.order(Verb::Pin, "web/web3", Some(seconds(20)));
    world.order(Verb::Pause, "", None);
    world.pass(seconds(30));
    assert!(world.view().standings.pause.is_some());
}

#[test]
fn with_a_third_spare_a_draining_one_is_nobody_who_died() {
    let mut world = World::new(settings());
    world.servers.push(Server::new("web4", true, true));
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(seconds(1));
    world.server("web2").read.sessions = 1;
    world.until(|world| world.view().servers[1].stage == Stage::DrainingOut);
    world.pass(seconds(20));
    assert_eq!(world.count(Change::WarmUp), 1, "{:?}", world.changes());
}
