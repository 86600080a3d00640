//! Generated schedules of orders, deaths and reloads around evacuations: nobody is missed for ever or twice, and
//! `resume` takes everything back.

use std::time::Duration;

use haproxy_autoscale::words::machine::PowerState;
use haproxy_autoscale::words::order::Verb;
use proptest::prelude::*;

use super::properties::schedules;
use super::scenes::seconds;
use super::server::Server;
use super::world::{Fault, World, settings};

const ALL: [&str; 5] = ["web1", "web2", "web3", "web4", "web5"];
const SPARES: [&str; 4] = ["web2", "web3", "web4", "web5"];
const MACHINES: [&str; 2] = ["web4", "web5"];

#[derive(Clone, Debug)]
enum Happening {
    Order(Verb, &'static str, Option<u64>),
    Release,
    Requests { ms: u32, lasts_s: u32 },
    Alive(&'static str, bool),
    Sessions(&'static str, u32),
    Reload,
    Settings { idle_s: u64 },
    Kill,
}

fn happening() -> impl Strategy<Value = Happening> {
    let server = || proptest::sample::select(&ALL[..]);
    let runs = || proptest::sample::select(&["web1", "web2", "web3"][..]);
    let verb = prop_oneof![
        4 => Just(Verb::Evacuate),
        2 => Just(Verb::Enable),
        1 => Just(Verb::Disable),
        1 => Just(Verb::Resume),
    ];
    let lasts = prop_oneof![Just(None), (1..150_u64).prop_map(Some)];
    let ms = prop_oneof![Just(20_u32), Just(400), Just(900)];
    prop_oneof![
        6 => (verb, server(), lasts).prop_map(|(verb, at, lasts)| Happening::Order(verb, at, lasts)),
        1 => Just(Happening::Release),
        8 => (ms, 1..60_u32).prop_map(|(ms, lasts_s)| Happening::Requests { ms, lasts_s }),
        2 => (runs(), any::<bool>()).prop_map(|(at, is_alive)| Happening::Alive(at, is_alive)),
        1 => (runs(), 0..3_u32).prop_map(|(at, sessions)| Happening::Sessions(at, sessions)),
        1 => Just(Happening::Reload),
        1 => (20..60_u64).prop_map(|idle_s| Happening::Settings { idle_s }),
        1 => Just(Happening::Kill),
    ]
}

fn world() -> World {
    let mut world = World::new(settings());
    for name in MACHINES {
        world.servers.push(Server::new(name, true, true));
    }
    for (name, boot_s) in MACHINES.into_iter().zip([20, 50]) {
        world = world.with_machine(name, boot_s);
    }
    world.is_truthful = false;
    world.forces = true;
    world.pass(Duration::ZERO);
    world
}

fn take(world: &mut World, happening: &Happening) {
    match *happening {
        Happening::Order(verb, at, lasts) => {
            world.order(verb, &format!("web/{at}"), lasts.map(seconds));
        }
        Happening::Release => drop(world.order(Verb::Release, "web", None)),
        Happening::Requests { ms, lasts_s } => {
            world.requests(lasts_s * 4, ms, Duration::from_millis(250));
        }
        Happening::Alive(at, is_alive) => world.server(at).is_alive = is_alive,
        Happening::Sessions(at, sessions) => world.server(at).read.sessions = sessions,
        Happening::Reload => world.reload(),
        Happening::Settings { idle_s } => {
            let mut next = world.settings.clone();
            next.idle_timeout = seconds(idle_s);
            world.reconfigure(&next);
        }
        Happening::Kill => {
            let memory = world.scaler.memory(world.now);
            (world.shown, world.shown_generation) = (None, None);
            for server in &mut world.servers {
                server.told.clear();
            }
            world.restart(Some(memory));
        }
    }
}

/// All is well, and it is quiet until what expires has expired.
fn settle(world: &mut World) {
    world.faults = Box::new(|_| Fault::None);
    for name in ALL {
        world.server(name).read.sessions = 0;
    }
    for name in ["web1", "web2", "web3"] {
        world.server(name).is_alive = true;
    }
    for _ in 0..400 {
        world.pass(Duration::from_secs(10));
        world.request("web1", 20);
    }
}

fn serving(world: &mut World) -> Vec<&'static str> {
    let mut names = SPARES.to_vec();
    names.retain(|name| world.is_up(name));
    names
}

proptest! {
    #![proptest_config(schedules("evacuations, nobody is missed for ever or twice", 150))]

    #[test]
    fn whoever_is_evacuated_is_replaced_once_and_resume_takes_it_back(
        happenings in proptest::collection::vec(happening(), 1..40),
        seed in any::<u64>(),
        share in prop_oneof![2 => Just(0_u64), 1 => Just(10)],
    ) {
        let mut world = world();
        world.faults = Box::new(move |action| Fault::of(seed, action, share));
        for happening in &happenings {
            take(&mut world, happening);
        }
        settle(&mut world);
        // While an always-up one is missing no spare goes.
        let is_whole = world.is_up("web1");
        let serving_now = serving(&mut world);
        let is_enough = serving_now.is_empty() || !is_whole;
        prop_assert!(is_enough, "{:?}{}", serving_now, world.trace());
        world.order(Verb::Resume, "web", None);
        settle(&mut world);
        prop_assert!(world.is_up("web1"), "{}", world.trace());
        let serving_now = serving(&mut world);
        prop_assert!(serving_now.is_empty(), "{:?}{}", serving_now, world.trace());
        for name in MACHINES {
            let power = world.power(name);
            prop_assert_eq!(power, PowerState::Off, "{}{}", name, world.trace());
        }
    }
}
