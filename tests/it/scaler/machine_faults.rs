//! Generated schedules with machines whose providers fail, lose answers, are late and lie: the promises
//! about writes hold, what must never be asked of a machine is not, and none runs on that nobody needs.

use std::time::Duration;

use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::scaler::event::LogState;
use haproxy_autoscale::words::machine::PowerState;
use haproxy_autoscale::words::picture::AdminState;
use proptest::prelude::*;

use super::properties::{SERVERS, Step, any_settings, play, schedules, step};
use super::world::{Fault, World};

/// Something that happens to a machine, or to anything else.
#[derive(Clone, Debug)]
enum Happening {
    Step(Step),
    /// It goes off or on by itself, or by another's hand.
    Power(&'static str, PowerState),
    /// It boots for so long from now on.
    Boot(&'static str, u64),
    /// Its provider takes so long for a start.
    Slow(&'static str, u64),
    /// Its provider says from now on that a start will take effect later, or cannot tell what it does.
    Manner(&'static str, bool, bool),
    /// The daemon is killed and starts again with what is on disk.
    Kill,
}

fn happening() -> impl Strategy<Value = Happening> {
    let spare = || proptest::sample::select(&["web2", "web3"][..]);
    let power = prop_oneof![Just(PowerState::On), Just(PowerState::Off)];
    // A server whose machine runs lives as long as that does.
    let others = |step: &Step| {
        !matches!(
            step,
            Step::Alive { .. } | Step::Crash { .. } | Step::Forged { .. }
        )
    };
    prop_oneof![
        14 => step().prop_filter("of a server without a machine", others).prop_map(Happening::Step),
        1 => (spare(), power).prop_map(|(server, power)| Happening::Power(server, power)),
        1 => (spare(), 1..400_u64).prop_map(|(server, s)| Happening::Boot(server, s)),
        1 => (spare(), 1..400_u64).prop_map(|(server, s)| Happening::Slow(server, s)),
        1 => (spare(), any::<bool>(), any::<bool>())
            .prop_map(|(server, wakes, mute)| Happening::Manner(server, wakes, mute)),
        1 => Just(Happening::Kill),
    ]
}

fn take(world: &mut World, happening: &Happening) {
    match happening {
        Happening::Step(step) => play(world, step, 0),
        Happening::Power(server, power) => world.set_power(server, *power),
        Happening::Boot(server, s) => world.machine(server).boot = Duration::from_secs(*s),
        Happening::Slow(server, s) => {
            world.machine(server).start_takes = Duration::from_secs(*s);
        }
        Happening::Manner(server, wakes, mute) => {
            let machine = world.machine(server);
            (machine.is_slow_to_begin, machine.is_mute) = (*wakes, *mute);
        }
        Happening::Kill => {
            // What was seen since the last command may not be on disk yet.
            (world.shown, world.shown_generation) = (None, None);
            for server in &mut world.servers {
                (server.held_at, server.touched_by_hand) = (None, false);
                server.told.clear();
            }
            let memory = world.durable.clone();
            world.restart(Some(memory));
        }
    }
}

/// All is well from now on, and quiet for hours: quarantines, holds and late starts end.
fn settle(world: &mut World) {
    world.faults = Box::new(|_| Fault::None);
    world.is_reachable = true;
    world.queued = 0;
    for name in SERVERS {
        world.server(name).read.sessions = 0;
    }
    for name in ["web2", "web3"] {
        let machine = world.machine(name);
        machine.boot = Duration::from_secs(40);
        machine.start_takes = Duration::from_secs(1);
        machine.is_mute = false;
    }
    world.by_hand("web1", AdminState::Ready);
    world.by_hand("other", AdminState::Ready);
    world.log_state(LogState::Flowing);
    for _ in 0..900 {
        world.pass(Duration::from_secs(10));
        world.request("web1", 20);
    }
}

proptest! {
    #![proptest_config(schedules("machines, none is lost or leaked", 300))]

    #[test]
    fn whatever_providers_do_no_machine_is_lost_leaked_or_stopped_under_a_user(
        settings in any_settings(),
        happenings in proptest::collection::vec(happening(), 1..60),
        seed in any::<u64>(),
        share in prop_oneof![Just(0_u64), Just(10), Just(40)],
    ) {
        let world = World::new(settings).with_machine("web2", 40);
        let mut world = world.with_machine("web3", 100);
        world.is_truthful = false;
        world.faults = Box::new(move |action| Fault::of(seed, action, share));
        world.pass(Duration::ZERO);
        for happening in &happenings {
            take(&mut world, happening);
        }
        settle(&mut world);
        for name in ["web2", "web3"] {
            let is_rest = world.server(name).read.is_maint();
            prop_assert!(is_rest, "{name} is not in maint{}", world.trace());
        }
        // One of which its provider has said off while it ran is told when it is seen to run.
        let told = |name: &str| world.decisions.iter().any(|it| {
            it.change == Change::Warning && it.server.as_deref() == Some(name)
        });
        let is_lost = |name: &&str| !(world.plant[*name].has_denied && told(name));
        let running: Vec<&str> = world.running().into_iter().filter(is_lost).collect();
        prop_assert!(running.is_empty(), "{running:?} still run{}", world.trace());
    }
}

proptest! {
    #![proptest_config(schedules("machines, after any schedule one serves", 150))]

    #[test]
    fn after_any_schedule_a_steady_breach_brings_a_machine_in(
        settings in any_settings(),
        happenings in proptest::collection::vec(happening(), 1..40),
        seed in any::<u64>(),
    ) {
        let mut settings = settings;
        settings.max = None;
        let world = World::new(settings).with_machine("web2", 40);
        let mut world = world.with_machine("web3", 100);
        world.is_truthful = false;
        world.faults = Box::new(move |action| Fault::of(seed, action, 20));
        world.pass(Duration::ZERO);
        for happening in &happenings {
            take(&mut world, happening);
        }
        settle(&mut world);
        world.requests(1500, 900, Duration::from_millis(100));
        let is_in = world.is_up("web2") || world.is_up("web3");
        prop_assert!(is_in, "{}", world.trace());
    }
}
