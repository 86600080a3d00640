//! Targets, tiers and hours in generated schedules with faults: the promises hold with them as without them.

use std::time::Duration;

use haproxy_autoscale::measure::capacity::Bracket;
use haproxy_autoscale::measure::settings::{PolicySettings, Signal, TargetSettings, WindowSize};
use haproxy_autoscale::scaler::event::Event;
use haproxy_autoscale::scaler::settings::{BackendSettings, Capacity};
use haproxy_autoscale::words::shift::{Shift, TimeOfDay};
use proptest::prelude::*;

use super::properties::{Step, any_settings, play, schedules, step};
use super::world::{BACKEND, Fault, World};

/// What happens beside the steps of every schedule.
#[derive(Clone, Debug)]
enum Happens {
    Step(Step),
    /// So many sessions are open.
    Open(u32),
    /// So many requests arrive.
    Arrive(u64),
    /// Hours that begin in so many seconds and last so long, and what they want.
    Hours(u64, u64, u32),
    NoHours,
}

fn happens() -> impl Strategy<Value = Happens> {
    // A daemon that is killed forgets the hours, and is told them before it looks at anything.
    let step = step().prop_map(|step| {
        if matches!(step, Step::Crash { .. }) {
            Step::Pass { ms: 5000 }
        } else {
            step
        }
    });
    prop_oneof![
        12 => step.prop_map(Happens::Step),
        3 => (0..80_u32).prop_map(Happens::Open),
        2 => (0..200_u64).prop_map(Happens::Arrive),
        2 => (0..60_u64, 1..200_u64, 1..4_u32)
            .prop_map(|(from, lasts, min)| Happens::Hours(from, lasts, min)),
        1 => Just(Happens::NoHours),
    ]
}

fn with_votes(settings: BackendSettings, kind: u8) -> BackendSettings {
    let target = |signal, per_server| TargetSettings {
        measured: PolicySettings {
            window: WindowSize::Span(Duration::from_secs(4)),
            min_samples: 2,
            breaches: 2,
            ..PolicySettings::new(signal, per_server)
        },
    };
    let mut settings = settings;
    if kind & 1 != 0 {
        settings.targets.push(target(Signal::Concurrency, 20.0));
    }
    if kind & 2 != 0 {
        settings.targets.push(target(Signal::RequestRate, 5.0));
        settings.targets.push(target(Signal::QueueLength, 1.0));
    }
    if kind & 4 != 0 {
        settings.tiers.insert("web2".to_owned(), 2);
    }
    if kind & 8 != 0 {
        settings.capacity = Capacity::Given(Bracket::given(2.0));
    }
    settings
}

fn run(settings: &BackendSettings, all: &[Happens], faults: (u64, u64), ticks: u64) -> World {
    let mut world = World::new(settings.clone());
    let (seed, percent) = faults;
    world.faults = Box::new(move |action| Fault::of(seed, action, percent));
    world.pass(Duration::ZERO);
    for what in all {
        for _ in 0..ticks {
            world.extra_tick();
        }
        match what {
            Happens::Step(step) => play(&mut world, step, ticks),
            Happens::Open(sessions) => world.sessions = *sessions,
            Happens::Arrive(requests) => world.arrived += requests,
            Happens::Hours(from, lasts, min) => {
                let from = world.now.after(Duration::from_secs(*from));
                let shift = Shift {
                    from,
                    to: from.after(Duration::from_secs(*lasts)),
                    min: *min,
                    until: TimeOfDay {
                        hour: 18,
                        minute: 0,
                    },
                };
                world.tell_hours(vec![shift]);
            }
            Happens::NoHours => world.tell_hours(Vec::new()),
        }
    }
    world
}

impl World {
    /// The calendar tells these hours; from now on no command may leave fewer servers in them.
    pub(crate) fn tell_hours(&mut self, shifts: Vec<Shift>) {
        self.shifts = shifts;
        let shifts = self.shifts.clone();
        self.step(Event::Shifts {
            backend: BACKEND,
            shifts: &shifts,
        });
    }

    /// Servers that are to serve now.
    pub(super) fn floor(&self) -> u32 {
        let lasting = self.shifts.iter();
        let lasting = lasting.filter(|it| it.from <= self.now && self.now < it.to);
        let hours = lasting.map(|it| it.min).max().unwrap_or(0);
        self.settings.min.max(hours).max(1)
    }
}

proptest! {
    #![proptest_config(schedules("C-1 to C-9, with targets, tiers and hours", 1500))]

    #[test]
    fn no_vote_and_no_hour_makes_it_break_a_promise(
        settings in any_settings(),
        kind in 0..16_u8,
        all in proptest::collection::vec(happens(), 1..60),
        seed in any::<u64>(),
        share in prop_oneof![Just(0_u64), Just(10), Just(40)],
    ) {
        run(&with_votes(settings, kind), &all, (seed, share), 0);
    }
}

proptest! {
    #![proptest_config(schedules("C-11, with targets, tiers and hours", 400))]

    #[test]
    fn with_votes_and_hours_an_extra_tick_changes_nothing(
        settings in any_settings(),
        kind in 0..16_u8,
        all in proptest::collection::vec(happens(), 1..30),
        seed in any::<u64>(),
        ticks in 1..4_u64,
    ) {
        let settings = with_votes(settings, kind);
        let once = run(&settings, &all, (seed, 20), 0);
        let ticked = run(&settings, &all, (seed, 20), ticks);
        prop_assert_eq!(&once.done, &ticked.done);
        prop_assert_eq!(&once.decisions, &ticked.decisions);
    }
}
