//! `weight_ramp`: a newcomer's share grows while it answers as well as the others, and whatever happens,
//! haproxy.cfg's weight is what stays.

mod left;
mod told;

use std::time::Duration;

use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::scaler::event::{ActionId, Event, LogState};
use haproxy_autoscale::scaler::settings::BackendSettings;
use haproxy_autoscale::words::names::ServerName;
use haproxy_autoscale::words::order::Verb;
use haproxy_autoscale::words::picture::{AdminState, Balance, WriteFailure};
use proptest::prelude::*;

use super::properties::{SERVERS, Step, any_settings, play, schedules, step};
use super::scenes::{GAP, seconds};
use super::world::{BACKEND, Fault, Pending, World, settings};

const RAMP: Duration = Duration::from_secs(20);

impl World {
    /// `set server … weight`.
    pub(super) fn start_weight(
        &mut self,
        id: ActionId,
        server: &ServerName,
        weight: u32,
        (fault, delay): (Fault, Duration),
    ) {
        self.done
            .push(format!("{:?} weight {server} {weight}", self.now));
        self.durable = self.scaler.memory(self.now);
        let fault = if self.refuse_kicks {
            Fault::Refused
        } else {
            fault
        };
        let outcome = match fault {
            Fault::None | Fault::Late(_) | Fault::Ignored => Ok(()),
            Fault::Lost => return,
            Fault::AnswerLost => Err(WriteFailure::Unknown("no answer in time".to_owned())),
            Fault::Refused => Err(WriteFailure::Refused("no".to_owned())),
        };
        let is_done = !matches!(fault, Fault::Refused | Fault::Ignored);
        let weight = is_done.then_some(weight);
        let pending = Pending::Weighed(id, server.server.clone(), weight, outcome);
        self.later(delay, pending);
    }

    /// The command is carried out, or not, and answered.
    pub(super) fn weighed(
        &mut self,
        id: ActionId,
        name: String,
        weight: Option<u32>,
        outcome: Result<(), WriteFailure>,
    ) {
        if let Some(weight) = weight {
            self.server(&name).set_weight(weight);
        }
        let server = ServerName::new(BACKEND, name);
        self.step(Event::WeightSet {
            id,
            server,
            outcome,
        });
    }

    fn weight(&mut self, name: &str) -> u32 {
        self.server(name).read.user_weight
    }

    /// The weights that a server was told.
    fn weights(&self, name: &str) -> Vec<u32> {
        let about = format!("weight web/{name} ");
        let told = self.done.iter().filter_map(|it| it.split_once(&about));
        told.map(|(_, weight)| weight.parse().expect("a weight"))
            .collect()
    }

    fn note_of(&mut self, name: &str) -> String {
        let servers = self.view().servers;
        let server = servers.into_iter().find(|it| it.name == name);
        let note = server.and_then(|it| it.note);
        note.map_or_else(String::new, |it| it.to_string())
    }
}

/// What is done to the world, and what that is called.
type Named = (&'static str, fn(&mut World));

fn ramped() -> BackendSettings {
    BackendSettings {
        weight_ramp: RAMP,
        ..settings()
    }
}

/// web1 and the spares web2 (checked) and web3, each of that weight.
fn world(settings: BackendSettings, weight: u32) -> World {
    let mut world = World::new(settings).without("other").counting();
    for server in &mut world.servers {
        *server = server.clone().of_weight(weight);
    }
    world.balance = Balance::ByLoad;
    world.pass(GAP);
    world
}

/// It is slow until web2 is ready.
fn until_in(world: &mut World) {
    world.requests(15, 900, GAP);
    for _ in 0..300 {
        if world.is_up("web2") && world.count(Change::Enable) == 1 {
            return;
        }
        world.pass(Duration::from_millis(10));
    }
    panic!("{}", world.trace());
}

fn growing() -> World {
    let mut world = world(ramped(), 100);
    until_in(&mut world);
    world
}

/// Both answer for a while, so many requests each second on web2 and three times as many on web1.
fn answers(world: &mut World, lasts: Duration, web1_ms: u32, web2_ms: u32) {
    for tenth in 0..lasts.as_millis() / 100 {
        world.users("web1", 3, 0);
        (0..3).for_each(|_| world.request("web1", web1_ms));
        if tenth % 2 == 0 {
            world.users("web2", 1, 0);
            world.request("web2", web2_ms);
        }
        world.pass(GAP);
    }
}

#[test]
fn little_weight_comes_before_ready_and_grows_in_even_steps() {
    let mut world = growing();
    assert_eq!(world.weights("web2"), [10]);
    let place = |world: &World, what: &str| world.done.iter().position(|it| it.contains(what));
    let weighed = place(&world, "weight web/web2 10");
    assert!(
        weighed < place(&world, "set web/web2 ready"),
        "{:?}",
        world.done
    );
    assert!(
        world.note_of("web2").contains("weight 10 of 100"),
        "{}",
        world.note_of("web2")
    );
    answers(&mut world, RAMP / 2, 60, 60);
    let half = world.weight("web2");
    assert!((48..=60).contains(&half), "{half}: {:?}", world.done);
    answers(&mut world, RAMP / 2 + seconds(2), 60, 60);
    assert_eq!(world.weight("web2"), 100, "{:?}", world.done);
    let told = world.weights("web2");
    assert!(told.is_sorted(), "{told:?}");
    assert!(told.len() <= 21, "a second apart at least: {told:?}");
    assert_eq!(
        world.count(Change::Ramp),
        2,
        "{}",
        world.text_of(Change::Ramp)
    );
    assert!(
        world
            .text_of(Change::Ramp)
            .contains("has its whole weight, 100, after 20s"),
        "{}",
        world.text_of(Change::Ramp)
    );
    world.pass(seconds(15));
    assert!(
        world.scaler.memory(world.now).backends[BACKEND].servers["web2"]
            .lent_weights
            .is_empty()
    );
}

#[test]
fn a_server_without_checks_has_little_weight_before_ready_too() {
    let mut world = world(ramped(), 100);
    world.servers.remove(1);
    world.pass(seconds(3));
    world.requests(20, 900, GAP);
    world.pass(seconds(5));
    assert!(world.is_up("web3"), "{:?}", world.done);
    let done: Vec<&str> = world
        .done
        .iter()
        .filter_map(|it| it.split_once(' '))
        .map(|it| it.1)
        .collect();
    let at = |what: &str| done.iter().position(|it| it.starts_with(what));
    assert!(
        at("weight web/web3 10") < at("set web/web3 ready"),
        "{done:?}"
    );
    assert!(at("set web/web3 drain").is_none(), "{done:?}");
}

#[test]
fn without_the_key_no_weight_is_touched() {
    let mut world = world(settings(), 100);
    until_in(&mut world);
    world.pass(seconds(30));
    assert_eq!(world.weights("web2"), [0_u32; 0]);
}

#[test]
fn a_newcomer_that_is_slower_is_held_and_grows_on_once_it_is_warm() {
    let mut world = growing();
    answers(&mut world, seconds(2), 60, 60);
    answers(&mut world, seconds(10), 60, 200);
    let held = world.weight("web2");
    assert!(held <= 35, "{held}: {:?}", world.done);
    let said = world.text_of(Change::Ramp);
    assert!(said.contains("the others 60 ms"), "{said}");
    assert_eq!(said.matches("for now").count(), 1, "{said}");
    assert!(
        world.note_of("web2").contains("until it answers as well"),
        "{}",
        world.note_of("web2")
    );
    answers(&mut world, seconds(24), 60, 60);
    assert_eq!(world.weight("web2"), 100, "{:?}", world.done);
    assert_eq!(world.count(Change::ProbationFailed), 0);
}

#[test]
fn one_that_stays_much_slower_is_backed_out_and_the_next_one_comes() {
    let mut world = growing();
    answers(&mut world, seconds(60), 60, 300);
    let said = world.text_of(Change::ProbationFailed);
    assert!(
        said.contains("all of weight_ramp made it no faster"),
        "{said}"
    );
    assert!(said.contains("drained and put into maint"), "{said}");
    assert!(world.server("web2").read.is_maint(), "{:?}", world.done);
    assert_eq!(world.weight("web2"), 100, "nothing of ours stays");
    let most = world
        .weights("web2")
        .into_iter()
        .filter(|it| *it < 100)
        .max();
    assert!(
        most <= Some(30),
        "few users reached it: {:?}",
        world.weights("web2")
    );
    assert!(
        world.note_of("web2").contains("quarantined"),
        "{}",
        world.note_of("web2")
    );
    assert_eq!(
        world.count(Change::Enable),
        2,
        "what it came for is still missing: {:?}",
        world.done
    );
}

#[test]
fn one_that_is_slower_and_well_below_the_goal_gets_its_share_in_the_end() {
    let mut world = growing();
    answers(&mut world, seconds(50), 20, 100);
    assert_eq!(world.weight("web2"), 100, "{:?}", world.done);
    assert_eq!(world.count(Change::ProbationFailed), 0);
}

#[test]
fn one_that_must_stay_gets_its_share_in_the_end() {
    let mut world = growing();
    world.settings.min = 2;
    let settings = [world.settings.clone()];
    world.step(Event::Settings {
        backends: &settings,
        is_elsewhere: false,
        was_pretended: false,
    });
    world.server("web3").is_alive = false;
    answers(&mut world, seconds(60), 60, 300);
    assert!(world.is_up("web2"), "{:?}", world.done);
    assert_eq!(world.weight("web2"), 100, "{:?}", world.done);
    let said = world.text_of(Change::ProbationFailed);
    assert!(said.contains("it stays"), "{said}");
}

#[test]
fn while_a_share_grows_slowness_brings_in_no_other_spare() {
    let mut world = growing();
    for _ in 0..150 {
        world.users("web1", 3, 0);
        world.users("web2", 1, 0);
        world.request("web1", 900);
        world.request("web2", 900);
        world.pass(GAP);
    }
    assert!(!world.is_up("web3"), "{:?}", world.done);
    assert!(
        world.view().next.to_string().contains("whole share"),
        "{}",
        world.view().next
    );
    for _ in 0..150 {
        world.users("web1", 3, 0);
        world.users("web2", 3, 0);
        world.request("web1", 900);
        world.request("web2", 900);
        world.pass(GAP);
    }
    assert!(
        world.is_up("web3"),
        "it has grown, and it is still slow: {:?}",
        world.done
    );
}

#[test]
fn a_long_ramp_keeps_the_next_spare_away_for_a_minute_and_no_longer() {
    let mut settings = ramped();
    settings.weight_ramp = seconds(3600);
    let mut world = world(settings, 100);
    until_in(&mut world);
    let slow_for = |world: &mut World, lasts: u32| {
        for _ in 0..10 * lasts {
            world.users("web1", 3, 0);
            world.users("web2", 1, 0);
            world.request("web1", 900);
            world.request("web2", 900);
            world.pass(GAP);
        }
    };
    slow_for(&mut world, 50);
    assert!(!world.is_up("web3"), "{:?}", world.done);
    slow_for(&mut world, 30);
    assert!(world.is_up("web3"), "{:?}", world.done);
    assert!(world.weight("web2") < 20, "{:?}", world.done);
}

#[test]
fn what_replaces_a_dead_server_has_its_whole_weight_at_once() {
    let mut world = world(ramped(), 100);
    world.requests(20, 20, GAP);
    world.server("web1").is_alive = false;
    world.pass(seconds(6));
    assert!(world.is_up("web2"), "{:?}", world.done);
    assert_eq!(world.weights("web2"), [0_u32; 0]);
}

#[test]
fn when_a_server_dies_a_share_that_grows_becomes_whole() {
    let mut world = growing();
    answers(&mut world, seconds(4), 60, 60);
    assert!(world.weight("web2") < 50, "{:?}", world.done);
    world.server("web1").is_alive = false;
    world.pass(seconds(4));
    assert_eq!(world.weight("web2"), 100, "{:?}", world.done);
    world.pass(seconds(4));
    assert!(world.is_up("web3"), "{:?}", world.done);
    assert_eq!(world.weights("web3"), [0_u32; 0]);
}

#[test]
fn a_small_share_is_no_sign_that_it_gets_nothing() {
    let mut world = growing();
    for _ in 0..100 {
        world.users("web1", 10, 0);
        world.pass(GAP);
    }
    assert_eq!(
        world.count(Change::NotServing),
        0,
        "{}",
        world.text_of(Change::NotServing)
    );
}

#[test]
fn whatever_ends_it_haproxy_cfgs_weight_is_back() {
    let exits: [Named; 9] = [
        ("another configuration", |world| {
            world.step(Event::Settings {
                backends: &[BackendSettings::for_backend("api", vec!["api1".to_owned()])],
                is_elsewhere: false,
                was_pretended: false,
            });
        }),
        ("disable", |world| {
            world.accepted(Verb::Disable, "web/web2", None);
        }),
        ("pause", |world| {
            world.accepted(Verb::Pause, "", None);
        }),
        ("pin", |world| {
            world.accepted(Verb::Pin, "web/web2", None);
        }),
        ("reload", World::reload),
        ("by hand", |world| world.by_hand("web2", AdminState::Maint)),
        ("stop", World::stop),
        ("configuration", |world| {
            let settings = [settings()];
            world.step(Event::Settings {
                backends: &settings,
                is_elsewhere: false,
                was_pretended: false,
            });
        }),
        ("kill -9", |world| {
            let memory = world.durable.clone();
            world.restart(Some(memory));
        }),
    ];
    for (name, exit) in exits {
        let mut world = growing();
        answers(&mut world, seconds(8), 60, 60);
        let before = world.weight("web2");
        assert!((20..80).contains(&before), "{before}");
        exit(&mut world);
        world.pass(seconds(4));
        assert_eq!(world.weight("web2"), 100, "{name}: {:?}", world.done);
    }
}

#[test]
fn a_state_file_that_brings_our_weight_along_is_put_right_after_a_kill_and_a_reload() {
    let mut world = growing();
    answers(&mut world, seconds(8), 60, 60);
    let (memory, weight) = (world.durable.clone(), world.weight("web2"));
    world.reload();
    world.server("web2").set_weight(weight);
    world.restart(Some(memory));
    world.pass(seconds(4));
    assert_eq!(world.weight("web2"), 100, "{:?}", world.done);
}

#[test]
fn an_operators_weight_is_his_and_ends_the_ramp() {
    let mut world = growing();
    answers(&mut world, seconds(8), 60, 60);
    world.server("web2").set_weight(37);
    let told = world.weights("web2").len();
    world.pass(seconds(40));
    assert_eq!(world.weight("web2"), 37);
    assert!(world.weights("web2").len() <= told + 1, "{:?}", world.done);
    let said = world.text_of(Change::Ramp);
    assert!(said.contains("set to 37 outside this daemon"), "{said}");
    assert_eq!(world.count(Change::Hold), 0, "it is no hold");
}

#[test]
fn why_there_is_none_is_said_once() {
    let whys: [Named; 5] = [
        ("`slowstart` does it", |world| {
            world.server("web2").read.throttle = Some(20);
        }),
        ("`balance first`", |world| world.balance = Balance::First),
        ("give every server of this backend `weight 100`", |world| {
            for server in &mut world.servers {
                *server = server.clone().of_weight(1);
            }
        }),
        ("agent", |world| world.server("web2").read.has_agent = true),
        ("HAProxy answered \"no\"", |world| world.refuse_kicks = true),
    ];
    for (why, prepare) in whys {
        let mut world = world(ramped(), 100);
        prepare(&mut world);
        until_in(&mut world);
        world.server("web2").read.throttle = None;
        world.pass(seconds(25));
        let said = world.text_of(Change::Note);
        assert_eq!(
            said.matches("weight_ramp does nothing").count(),
            1,
            "{why}: {said}"
        );
        assert!(said.contains(why), "{why}: {said}");
        assert!(world.is_up("web2"));
        let whole = world.server("web2").read.initial_weight;
        assert_eq!(world.weight("web2"), whole, "{why}: {:?}", world.done);
        assert_eq!(world.count(Change::Ramp), 0, "{why}");
    }
}

#[test]
fn a_slowstart_that_shows_late_ends_the_ramp() {
    let mut world = growing();
    world.server("web2").read.throttle = Some(10);
    world.pass(seconds(4));
    world.server("web2").read.throttle = None;
    world.pass(seconds(30));
    assert_eq!(world.weight("web2"), 100);
    assert!(world.weights("web2").len() <= 3, "{:?}", world.done);
}

/// Everything is well again, until no share grows any more.
fn settle(world: &mut World) {
    world.faults = Box::new(|_| Fault::None);
    world.crash_after = None;
    world.is_reachable = true;
    world.log_state(LogState::Flowing);
    for _ in 0..60 {
        world.pass(seconds(40));
        let memory = world.scaler.memory(world.now);
        let servers = memory.backends.values().flat_map(|it| it.servers.values());
        if servers.map(|it| it.lent_weights.len()).sum::<usize>() == 0 {
            return;
        }
    }
    panic!("a weight stays lent{}", world.trace());
}

proptest! {
    #![proptest_config(schedules("haproxy.cfg's weight stays", 1500))]

    #[test]
    fn after_any_schedule_every_weight_is_haproxy_cfgs_again(
        settings in any_settings(),
        steps in proptest::collection::vec(step(), 1..50),
        seed in any::<u64>(),
        share in prop_oneof![Just(0_u64), Just(10), Just(40)],
        weight in prop_oneof![Just(2_u32), Just(10), Just(100), Just(256)],
        ramp_s in 1..60_u64,
        is_stopped in any::<bool>(),
    ) {
        let mut settings = settings;
        settings.weight_ramp = seconds(ramp_s);
        let mut world = World::new(settings);
        for server in &mut world.servers {
            *server = server.clone().of_weight(weight);
        }
        world.faults = Box::new(move |action| Fault::of(seed, action, share));
        world.pass(Duration::ZERO);
        // A restart finds what was on disk: who held what since then is not what this is about.
        world.is_watched_only = steps.iter().any(|it| matches!(it, Step::Crash { .. }));
        for step in &steps {
            if let Step::Crash { .. } = step {
                let memory = world.durable.clone();
                world.restart(Some(memory));
            } else {
                play(&mut world, step, 0);
            }
            prop_assert_eq!(world.weights("web1"), [0_u32; 0]);
            prop_assert_eq!(world.weights("other"), [0_u32; 0]);
        }
        if is_stopped {
            world.faults = Box::new(|_| Fault::None);
            world.is_reachable = true;
            world.pass(seconds(30)); // No late command is under way.
            world.stop();
            world.pending_writes();
        } else {
            settle(&mut world);
        }
        for name in SERVERS {
            prop_assert_eq!(world.weight(name), weight, "{} {:?}", name, world.trace());
        }
    }
}

impl World {
    /// Only what was begun is carried out: the daemon is gone.
    fn pending_writes(&mut self) {
        for (_, pending) in self.pending.take() {
            if let Pending::Weighed(_, name, Some(weight), _) = pending {
                self.server(&name).set_weight(weight);
            }
        }
    }
}
