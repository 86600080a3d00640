//! `evacuate`: a replacement first, then the server goes within the time that is left, an always-up one too.

use std::time::Duration;

use haproxy_autoscale::scaler::Stage;
use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::words::order::{Verb, Verdict};
use haproxy_autoscale::words::picture::AdminState;

use super::scenes::{GAP, seconds};
use super::world::{World, settings};

/// web1 is always up; web2 and web3 are spares; nobody else serves.
fn scene() -> World {
    let mut world = World::new(settings()).without("other");
    world.pass(GAP);
    world
}

/// What most clouds give.
const TWO_MINUTES: Option<Duration> = Some(Duration::from_secs(120));

impl World {
    pub(super) fn evacuate(&mut self, at: &str, lasts: Option<Duration>) -> String {
        self.accepted(Verb::Evacuate, at, lasts)
    }

    pub(super) fn is_told(&mut self, name: &str, state: AdminState) -> bool {
        let told = &self.server(name).told;
        told.iter().any(|(_, it)| *it == state)
    }
}

#[test]
fn an_always_up_server_is_replaced_first_and_then_drained() {
    let mut world = scene();
    let text = world.evacuate("web/web1", TWO_MINUTES);
    assert!(
        text.contains("web2 comes in first; then it is drained, 1m from now at the latest"),
        "{text}"
    );
    for _ in 0..200 {
        world.pass(Duration::from_millis(100));
        let serving = ["web1", "web2"]
            .into_iter()
            .filter(|it| world.is_up(it))
            .count();
        assert!(serving > 0, "somebody serves at any time");
        if world.is_told("web1", AdminState::Drain) {
            assert!(world.is_up("web2"), "only after its replacement serves");
            break;
        }
    }
    assert!(
        world.now.as_ms() < 10_000,
        "no longer than that takes: {:?}",
        world.now
    );
    world.pass(seconds(5));
    assert!(world.is_up("web2"));
    assert!(world.server("web1").read.is_maint(), "{}", world.trace());
    // Quiet, for a long time: the stand-in stays, and nobody complains of a missing server.
    world.requests(400, 20, seconds(1));
    assert!(world.is_up("web2"), "it stands in: {:?}", world.changes());
    assert!(
        world.view().problems.is_empty(),
        "{:?}",
        world.view().problems
    );
}

#[test]
fn it_comes_back_by_enable_as_a_spare_does_and_is_always_up_again() {
    let mut world = scene();
    world.evacuate("web/web1", TWO_MINUTES);
    world.requests(30, 20, seconds(1));
    assert!(world.server("web1").read.is_maint());
    world.accepted(Verb::Enable, "web/web1", None);
    world.requests(10, 20, seconds(1));
    assert!(world.is_up("web1"), "{}", world.trace());
    let refused = world.refused(Verb::Disable, "web/web1");
    assert!(refused.contains("always-up"), "{refused}");
    world.evacuated.clear();
    world.requests(100, 20, seconds(1));
    assert!(
        world.server("web2").read.is_maint(),
        "the stand-in goes: {:?}",
        world.changes()
    );
    assert!(world.is_up("web1"));
}

#[test]
fn a_spare_that_serves_is_replaced_by_another_one() {
    let mut world = scene();
    world.requests(15, 900, GAP);
    world.pass(seconds(2));
    assert!(world.is_up("web2"));
    world.evacuate("web/web2", TWO_MINUTES);
    world.requests(100, 300, GAP);
    assert!(world.is_up("web3"), "{}", world.trace());
    assert!(world.server("web2").read.is_maint(), "{}", world.trace());
    // It is not taken again, however slow it is.
    world.requests(200, 900, GAP);
    assert!(world.server("web2").read.is_maint());
    world.accepted(Verb::Enable, "web/web2", None);
    world.pass(seconds(5));
    assert!(world.is_up("web2"), "{}", world.trace());
}

#[test]
fn without_a_replacement_it_is_refused_unless_forced() {
    let mut world = scene().without("web2").without("web3");
    world.pass(seconds(3));
    let refused = world.refused(Verb::Evacuate, "web/web1");
    assert!(
        refused.contains("no spare can stand in for it"),
        "{refused}"
    );
    assert!(refused.contains("`--force`"), "{refused}");
    world.forces = true;
    world.evacuate("web/web1", TWO_MINUTES);
    world.pass(seconds(200));
    assert!(
        world.is_up("web1"),
        "the last one that serves stays: {}",
        world.trace()
    );
}

#[test]
fn with_force_and_others_that_serve_it_goes_when_half_of_its_time_is_over() {
    let mut world = World::new(settings()).without("web2").without("web3");
    world.pass(seconds(3));
    world.forces = true;
    let text = world.evacuate("web/web1", TWO_MINUTES);
    assert!(
        text.contains("no spare can stand in for it; it is drained 1m from now"),
        "{text}"
    );
    world.pass(seconds(55));
    assert!(world.is_up("web1"));
    world.pass(seconds(10));
    assert!(world.server("web1").read.is_maint(), "{}", world.trace());
}

#[test]
fn a_replacement_that_fails_is_followed_by_the_next_one() {
    let mut world = scene();
    world.server("web2").is_alive = false;
    world.evacuate("web/web1", TWO_MINUTES);
    world.requests(30, 20, seconds(1));
    assert!(world.is_up("web3"), "{}", world.trace());
    assert!(world.server("web1").read.is_maint(), "{}", world.trace());
}

#[test]
fn sessions_that_do_not_end_are_cut_before_the_machine_is_gone() {
    let mut world = scene();
    world.server("web1").read.sessions = 3;
    world.evacuate("web/web1", TWO_MINUTES);
    world.pass(seconds(100));
    assert!(world.is_up("web2"));
    assert!(
        world.server("web1").read.is_drain(),
        "it waits: {}",
        world.trace()
    );
    world.pass(seconds(19));
    assert!(world.server("web1").read.is_maint(), "{}", world.trace());
}

#[test]
fn a_reload_and_a_restart_of_the_daemon_do_not_bring_it_back() {
    let mut world = scene();
    world.evacuate("web/web1", TWO_MINUTES);
    world.requests(20, 20, seconds(1));
    world.reload();
    world.requests(20, 20, seconds(1));
    assert!(
        world.server("web1").read.is_maint(),
        "haproxy.cfg has it ready: {}",
        world.trace()
    );
    let memory = world.scaler.memory(world.now);
    world.restart(Some(memory));
    world.requests(20, 20, seconds(1));
    assert!(world.server("web1").read.is_maint());
    assert!(world.is_up("web2"), "{}", world.trace());
    let views = world.view().servers;
    let stage = views
        .iter()
        .find(|it| it.name == "web1")
        .expect("known")
        .stage;
    assert_eq!(stage, Stage::Maint);
}

#[test]
fn a_machine_that_boots_for_a_minute_is_waited_for_as_long_as_there_is_time() {
    let mut world = World::new(settings()).without("other").without("web3");
    world = world.with_machine("web2", 50);
    world.pass(GAP);
    world.evacuate("web/web1", TWO_MINUTES);
    world.pass(seconds(45));
    assert!(world.is_up("web1"), "its replacement boots");
    world.pass(seconds(20));
    assert!(world.is_up("web2"), "{}", world.trace());
    world.pass(seconds(5));
    assert!(world.server("web1").read.is_maint(), "{}", world.trace());
}

#[test]
fn it_is_refused_for_what_is_no_server_of_ours_and_while_it_is_paused() {
    let mut world = World::new(settings());
    world.pass(GAP);
    assert!(
        world
            .refused(Verb::Evacuate, "web/other")
            .contains("no spare")
    );
    world.accepted(Verb::Pause, "web/web1", None);
    assert!(world.refused(Verb::Evacuate, "web/web1").contains("paused"));
    let unknown = world.order(Verb::Evacuate, "web/web9", None);
    assert_eq!(unknown.verdict, Verdict::Unknown);
    let whole = world.order(Verb::Evacuate, "web", None);
    assert_eq!(whole.verdict, Verdict::Refused);
    assert_eq!(world.count(Change::Drain), 0);
}

#[test]
fn max_counts_the_one_that_leaves_no_more() {
    let mut with_max = settings();
    with_max.max = Some(1);
    let mut world = World::new(with_max).without("other");
    world.is_watched_only = true; // It is above `max` for a moment, on purpose.
    world.pass(GAP);
    world.evacuate("web/web1", TWO_MINUTES);
    world.pass(seconds(20));
    assert!(world.is_up("web2"), "{}", world.trace());
    assert!(world.server("web1").read.is_maint());
}

#[test]
fn below_min_it_goes_all_the_same_and_the_order_stands() {
    let mut with_min = settings();
    with_min.min = 3;
    let mut world = World::new(with_min).without("web2").without("web3");
    world
        .servers
        .push(super::server::Server::new("web4", false, true));
    world.forces = true;
    world.pass(seconds(3));
    world.evacuate("web/web1", TWO_MINUTES);
    world.pass(seconds(80));
    assert!(world.server("web1").read.is_maint(), "{}", world.trace());
    world.pass(seconds(100));
    assert!(world.server("web1").read.is_maint(), "{}", world.trace());
}

#[test]
fn the_last_one_waits_for_a_stand_in_that_is_late() {
    let mut world = World::new(settings()).without("other").without("web3");
    world = world.with_machine("web2", 80);
    world.pass(GAP);
    world.evacuate("web/web1", TWO_MINUTES);
    world.pass(seconds(75));
    assert!(world.is_up("web1"), "it is the last one: {}", world.trace());
    world.pass(seconds(15));
    assert!(world.is_up("web2"), "{}", world.trace());
    world.pass(seconds(5));
    assert!(world.server("web1").read.is_maint(), "{}", world.trace());
}

#[test]
fn resume_takes_it_back_wherever_it_is() {
    // On its way out it stays …
    let mut world = scene();
    world.server("web1").read.sessions = 3;
    world.evacuate("web/web1", TWO_MINUTES);
    world.pass(seconds(10));
    assert!(world.server("web1").read.is_drain());
    world.accepted(Verb::Resume, "web/web1", None);
    world.pass(seconds(100));
    assert!(world.is_up("web1"), "{}", world.trace());
    // … and from maint it comes back by the warm path, whichever name was resumed.
    for place in ["web/web1", "web", ""] {
        let mut world = scene();
        world.evacuate("web/web1", TWO_MINUTES);
        world.requests(20, 20, seconds(1));
        assert!(world.server("web1").read.is_maint());
        world.order(Verb::Resume, place, None);
        world.requests(20, 20, seconds(1));
        assert!(world.is_up("web1"), "{place}: {}", world.trace());
        assert!(
            world
                .refused(Verb::Disable, "web/web1")
                .contains("always-up")
        );
    }
}

#[test]
fn a_new_configuration_and_a_standstill_do_not_end_it() {
    let mut world = scene();
    world.server("web1").read.sessions = 3;
    world.evacuate("web/web1", TWO_MINUTES);
    world.pass(seconds(10));
    assert!(world.server("web1").read.is_drain());
    let mut settings = world.settings.clone();
    settings.idle_timeout = seconds(31);
    world.reconfigure(&settings);
    world.pass(seconds(3));
    assert!(world.server("web1").read.is_drain(), "{}", world.trace());
    world.pass(seconds(120));
    assert!(world.server("web1").read.is_maint(), "{}", world.trace());
}

#[test]
fn told_twice_it_does_not_last_longer() {
    let mut world = scene();
    world.server("web1").read.sessions = 3;
    for _ in 0..20 {
        world.evacuate("web/web1", TWO_MINUTES);
        world.pass(seconds(6));
    }
    assert!(world.server("web1").read.is_maint(), "{}", world.trace());
}

#[test]
fn a_stand_in_for_a_spare_that_left_stands_in_for_nobody_else() {
    let mut world = scene();
    world.requests(15, 900, GAP);
    world.pass(seconds(2));
    world.evacuate("web/web2", TWO_MINUTES);
    world.requests(100, 300, GAP);
    assert!(world.is_up("web3") && world.server("web2").read.is_maint());
    world.accepted(Verb::Enable, "web/web2", None);
    world.pass(seconds(5));
    world.accepted(Verb::Disable, "web/web2", None);
    world.pass(seconds(5));
    world.accepted(Verb::Resume, "web", None);
    world.server("web1").is_alive = false;
    world.requests(20, 300, seconds(1));
    assert!(world.is_up("web2"), "web1 is dead: {}", world.trace());
}
