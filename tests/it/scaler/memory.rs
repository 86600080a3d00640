//! What is known over a restart of the daemon, and a daemon that is killed at any moment.

use std::time::Duration;

use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::scaler::event::{Event, LogState};
use haproxy_autoscale::scaler::memory::Memory;
use haproxy_autoscale::scaler::{Scaler, Stage};
use haproxy_autoscale::state;
use haproxy_autoscale::words::order::Verb;
use haproxy_autoscale::words::picture::AdminState;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::scenes::{GAP, seconds, with_a_spare_in};
use super::world::{Fault, Pending, World, settings};

impl World {
    /// The daemon is killed and another one starts with that memory. What HAProxy was told may still
    /// happen; what was proven before proves nothing to the new one.
    pub(crate) fn restart(&mut self, memory: Option<Memory>) {
        for (at, pending) in self.pending.take() {
            match pending {
                Pending::Set(_, name, state, true, _) => {
                    self.pending.begin(at, Pending::Orphan(name, state));
                }
                Pending::Weighed(_, name, Some(weight), _) => self.server(&name).set_weight(weight),
                Pending::Turn(name, turn) => self.pending.begin(at, Pending::Turn(name, turn)),
                Pending::Set(..)
                | Pending::Weighed(..)
                | Pending::Read(..)
                | Pending::WarmedUp(..)
                | Pending::Warming(..)
                | Pending::Limited(..)
                | Pending::Answered(..)
                | Pending::Orphan(..) => {}
            }
        }
        self.writing.clear();
        self.end_calls();
        for server in &mut self.servers {
            server.is_warm = false;
        }
        self.scaler = Scaler::new(self.now, [self.settings.clone()]);
        if let Some(memory) = memory {
            let (now, wall_ms) = (self.now, 1_000_000);
            for (name, past) in memory.backends.values().flat_map(|it| &it.servers) {
                let told = past.told.iter().map(|state| (now, *state));
                self.server(name).told.extend(told);
            }
            // By way of the disk.
            let text = state::encode(&memory, now, wall_ms);
            let memory = state::decode(text.as_bytes(), now, wall_ms).expect("what was written");
            self.step(Event::Remembered(&memory));
        } else {
            self.step(Event::Tick);
        }
    }
}

/// A restart with all that was known.
fn restart(world: &mut World) {
    let memory = world.scaler.memory(world.now);
    world.restart(Some(memory));
    world.pass(GAP);
}

fn note(world: &mut World, name: &str) -> String {
    let servers = world.view().servers;
    let server = servers.into_iter().find(|it| it.name == name);
    let note = server.and_then(|it| it.note);
    note.map_or_else(String::new, |it| it.to_string())
}

fn stage(world: &mut World, name: &str) -> Stage {
    let servers = world.view().servers;
    let server = servers.into_iter().find(|it| it.name == name);
    server.expect("a known server").stage
}

#[test]
fn pauses_pins_and_orders_survive_a_restart_and_end_when_they_should() {
    let mut world = with_a_spare_in();
    world.order(Verb::Pin, "web/web3", None);
    world.order(Verb::Enable, "web/web2", Some(seconds(100)));
    world.order(Verb::Pause, "", Some(seconds(60)));
    world.pass(seconds(20));
    restart(&mut world);
    let pause = world.view().standings.pause.expect("a pause");
    assert_eq!(pause.to_string(), " by uid 1000 for 39.9s more");
    assert_eq!(note(&mut world, "web3"), "pinned by uid 1000");
    assert!(note(&mut world, "web2").contains("kept in by uid 1000 for 1m 19s more"));
    world.pass(seconds(45));
    assert_eq!(world.view().standings.pause, None);
    assert!(world.is_up("web2"));
}

#[test]
fn pauses_hold_before_haproxy_has_been_read() {
    let mut world = with_a_spare_in();
    world.order(Verb::Pause, "web", None);
    world.is_reachable = false;
    restart(&mut world);
    assert!(world.view().standings.pause.is_some());
    restart(&mut world);
    world.is_reachable = true;
    world.pass(seconds(10));
    assert!(
        world.view().standings.pause.is_some(),
        "a second restart in between loses nothing"
    );
}

#[test]
fn a_hold_and_a_quarantine_survive_a_restart() {
    let mut world = with_a_spare_in();
    world.by_hand("web2", AdminState::Maint);
    world.server("web3").is_alive = false;
    world.pass(seconds(3));
    world.requests(30, 900, GAP);
    world.pass(seconds(30));
    assert_eq!(world.count(Change::EnableFailed), 1);
    let enabled = world.count(Change::WarmUp);
    restart(&mut world);
    assert!(note(&mut world, "web2").contains("on hold"));
    assert!(note(&mut world, "web3").contains("quarantined"));
    world.requests(20, 900, GAP);
    assert_eq!(world.count(Change::WarmUp), enabled);
}

#[test]
fn a_hold_ends_with_the_haproxy_process_that_it_is_about() {
    let mut world = with_a_spare_in();
    world.by_hand("web2", AdminState::Maint);
    world.pass(seconds(3));
    world.server("web2").held_at = None;
    let memory = world.scaler.memory(world.now);
    world.reload();
    world.restart(Some(memory));
    world.pass(seconds(1));
    assert_eq!(note(&mut world, "web2"), "");
}

#[test]
fn what_an_operator_did_while_nobody_looked_is_a_hold() {
    let mut world = with_a_spare_in();
    let memory = world.scaler.memory(world.now);
    world.by_hand("web2", AdminState::Drain);
    world.restart(Some(memory));
    world.pass(seconds(20));
    assert_eq!(world.count(Change::Hold), 1);
    assert!(world.server("web2").read.is_drain(), "and is left alone");
    // Without a memory nobody can tell, and a drain is finished.
    let mut world = with_a_spare_in();
    world.by_hand("web2", AdminState::Drain);
    world.server("web2").held_at = None;
    world.restart(None);
    world.server("web2").touched_by_hand = false;
    world.pass(seconds(20));
    assert!(world.server("web2").read.is_maint());
}

#[test]
fn a_spare_that_was_half_way_in_goes_back_to_maint_and_may_come_again() {
    let mut world = World::new(settings());
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.until_draining("web2");
    assert!(world.server("web2").read.is_drain());
    let memory = world.durable.clone();
    world.restart(Some(memory));
    world.pass(seconds(1));
    assert!(world.server("web2").read.is_maint());
    assert_eq!(world.count(Change::Hold), 0, "our own doing");
    world.requests(15, 900, GAP);
    world.pass(seconds(2));
    assert!(world.is_up("web2"));
}

#[test]
fn a_spare_that_became_ready_as_the_daemon_died_stays_and_the_cooldown_begins() {
    let mut world = World::new(settings());
    world.pass(GAP);
    world.requests(15, 900, GAP);
    for _ in 0..1000 {
        if world.is_up("web2") {
            break;
        }
        world.pass(Duration::from_millis(1));
    }
    let memory = world.durable.clone();
    assert_eq!(
        memory.backends["web"].servers["web2"].told,
        [AdminState::Drain, AdminState::Ready],
        "on disk before the command was sent"
    );
    world.restart(Some(memory));
    world.pass(GAP);
    assert_eq!(stage(&mut world, "web2"), Stage::Ready);
    assert_eq!(world.count(Change::Hold), 0);
    world.requests(30, 900, GAP);
    assert!(!world.is_up("web3"), "scale_up_cooldown runs");
    world.requests(50, 900, GAP);
    assert!(world.is_up("web3"));
}

#[test]
fn a_spare_that_was_half_way_out_ends_in_maint() {
    let mut world = with_a_spare_in();
    world.server("web2").read.sessions = 2;
    for _ in 0..100 {
        if world.server("web2").read.is_drain() {
            break;
        }
        world.pass(GAP);
        world.pass(seconds(1));
    }
    let memory = world.durable.clone();
    world.restart(Some(memory));
    world.pass(seconds(30));
    assert!(world.server("web2").read.is_drain(), "sessions are open");
    world.server("web2").read.sessions = 0;
    world.pass(seconds(5));
    assert!(world.server("web2").read.is_maint());
    assert_eq!(world.count(Change::Hold), 0);
}

#[test]
fn a_daemon_that_ended_in_the_middle_is_not_taken_for_an_operator() {
    let mut world = World::new(settings());
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.until_draining("web2");
    world.pass(Duration::from_millis(5));
    world.stop();
    let memory = world.scaler.memory(world.now);
    world.pass(Duration::from_millis(5));
    world.restart(Some(memory));
    world.pass(seconds(1));
    assert!(world.server("web2").read.is_maint());
    assert_eq!(world.count(Change::Hold), 0, "{:?}", world.changes());
}

#[test]
fn a_command_from_before_explains_one_state_of_one_server_for_a_while() {
    let restarted = || {
        let mut world = World::new(settings());
        world.pass(GAP);
        world.state_faults = vec![(AdminState::Drain, Fault::Lost)];
        world.requests(15, 900, GAP);
        world.pass(GAP * 5);
        assert_eq!(world.commands, 1);
        let memory = world.durable.clone();
        world.restart(Some(memory));
        world.pass(GAP);
        world.faults = Box::new(|_| Fault::None);
        world
    };
    for (name, state, after_s, holds) in [
        ("web2", AdminState::Drain, 1, 0),
        ("web2", AdminState::Ready, 1, 1),
        ("web3", AdminState::Drain, 1, 1),
        ("web2", AdminState::Drain, 10, 1),
    ] {
        let mut world = restarted();
        world.pass(seconds(after_s));
        world.by_hand(name, state);
        world.pass(seconds(3));
        let found = world.count(Change::Hold);
        assert_eq!(found, holds, "{name} {state} after {after_s} s");
    }
}

#[test]
fn a_hand_at_a_spare_whose_change_was_under_way_is_a_hold() {
    let mut world = World::new(settings());
    world.pass(GAP);
    world.requests(15, 900, GAP);
    assert_eq!(world.count(Change::WarmUp), 1);
    let memory = world.scaler.memory(world.now);
    world.by_hand("web2", AdminState::Ready);
    world.restart(Some(memory));
    world.pass(seconds(3));
    assert_eq!(world.count(Change::Hold), 1, "it was told nothing so far");
}

#[test]
fn a_spare_that_came_for_load_stands_in_for_nobody_after_a_restart() {
    let mut world = with_a_spare_in();
    restart(&mut world);
    world.server("web1").is_alive = false;
    world.requests(5, 400, seconds(1));
    assert!(world.is_up("web3"), "{:?}", world.changes());
}

#[test]
fn a_stand_in_is_known_as_such_after_a_restart() {
    let mut world = World::new(settings());
    world.pass(GAP);
    world.by_hand("web1", AdminState::Maint);
    world.pass(seconds(5));
    assert!(world.is_up("web2") && !world.is_up("web3"));
    restart(&mut world);
    world.pass(seconds(20));
    assert!(!world.is_up("web3"), "one stand-in is enough");
}

#[test]
fn after_a_lost_memory_no_spare_goes_before_a_window_of_requests() {
    let mut world = with_a_spare_in();
    let memory = Memory {
        is_lost: true,
        ..Memory::default()
    };
    world.scaler = Scaler::new(world.now, [settings()]);
    world.step(Event::Remembered(&memory));
    world.pass(seconds(300));
    assert!(world.is_up("web2"));
    assert!(
        world
            .view()
            .problems
            .iter()
            .any(|it| it.to_string().contains("remembered is lost"))
    );
    world.requests(6, 20, GAP);
    world.pass(seconds(60));
    assert!(!world.is_up("web2"));
}

/// One thing that happens in a life with kills.
#[derive(Clone, Debug)]
enum Step {
    Slow(u32),
    Quiet(u64),
    Kill { is_stale: bool, after_ms: u64 },
    Order(Verb, &'static str),
    ByHand(&'static str, AdminState),
    Reload,
    Alive(&'static str, bool),
}

fn step() -> impl Strategy<Value = Step> {
    let spare = || proptest::sample::select(&["web2", "web3"][..]);
    let place = proptest::sample::select(&["", "web", "web/web2", "web/web3", "web/web1"][..]);
    let state =
        proptest::sample::select(&[AdminState::Ready, AdminState::Drain, AdminState::Maint][..]);
    prop_oneof![
        5 => (5..40_u32).prop_map(Step::Slow),
        4 => (1..60_000_u64).prop_map(Step::Quiet),
        5 => (any::<bool>(), 0..1500_u64)
            .prop_map(|(is_stale, after_ms)| Step::Kill { is_stale, after_ms }),
        4 => (proptest::sample::select(&Verb::ALL[..]), place)
            .prop_map(|(verb, place)| Step::Order(verb, place)),
        1 => (spare(), state).prop_map(|(name, state)| Step::ByHand(name, state)),
        1 => Just(Step::Reload),
        1 => (spare(), any::<bool>()).prop_map(|(name, is_alive)| Step::Alive(name, is_alive)),
    ]
}

fn play(world: &mut World, step: &Step) {
    match *step {
        Step::Slow(count) => world.requests(count, 900, GAP),
        Step::Quiet(ms) => world.pass(Duration::from_millis(ms)),
        Step::Kill { is_stale, after_ms } => {
            world.pass(Duration::from_millis(after_ms));
            let memory = if is_stale {
                // Only what had to be on disk is; a hold or a pause since then is forgotten.
                for server in &mut world.servers {
                    server.held_at = None;
                    server.touched_by_hand = false;
                }
                world.is_paused = false;
                world.shown = None;
                world.shown_generation = None;
                world.durable.clone()
            } else {
                world.scaler.memory(world.now)
            };
            world.restart(Some(memory));
        }
        Step::Order(verb, place) => {
            world.order(verb, place, None);
        }
        Step::ByHand(name, state) => world.by_hand(name, state),
        Step::Reload => world.reload(),
        Step::Alive(name, is_alive) => world.server(name).is_alive = is_alive,
    }
}

/// The same schedules in every run; others with `PROPTEST_CASES` in the environment.
fn config() -> ProptestConfig {
    let config = ProptestConfig::default();
    if std::env::var_os("PROPTEST_CASES").is_some() {
        return config;
    }
    ProptestConfig {
        cases: 400,
        rng_seed: RngSeed::Fixed(20_261_122),
        ..config
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn killed_at_any_moment_it_breaks_no_promise_and_leaves_nothing_half_way(
        steps in proptest::collection::vec(step(), 1..40),
        share in prop_oneof![Just(0_u64), Just(10)],
    ) {
        let mut world = World::new(settings());
        world.faults = Box::new(move |action| {
            if action * 37 % 100 < share { Fault::AnswerLost } else { Fault::None }
        });
        world.pass(GAP);
        for step in &steps {
            play(&mut world, step);
        }
        world.faults = Box::new(|_| Fault::None);
        world.log_state(LogState::Flowing);
        world.pass(seconds(10));
        world.order(Verb::Resume, "", None);
        for name in ["web/web2", "web/web3"] {
            world.order(Verb::Unpin, name, None);
        }
        world.pass(seconds(30));
        for name in ["web2", "web3"] {
            if world.server(name).read.is_drain() {
                world.pass(settings().drain_timeout + seconds(5)); // It may have begun just now.
            }
            let is_held = note(&mut world, name).contains("on hold");
            let is_between = world.server(name).read.is_drain();
            prop_assert!(!is_between || is_held, "{name} drains for good: {:?}", world.done);
        }
    }
}
