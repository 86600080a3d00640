//! The closed list of reasons for what a backend does and does not do: each is reached, and its sentence has the
//! numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use haproxy_autoscale::measure::capacity::Bracket;
use haproxy_autoscale::measure::settings::{PolicySettings, Signal, TargetSettings, WindowSize};
use haproxy_autoscale::scaler::Scaler;
use haproxy_autoscale::scaler::event::{Action, Event, LogState};
use haproxy_autoscale::scaler::seen::ReasonCode;
use haproxy_autoscale::scaler::settings::{BackendSettings, Capacity};
use haproxy_autoscale::words::order::Verb;
use haproxy_autoscale::words::picture::{AdminState, Crowded, Picture};
use haproxy_autoscale::words::shift::{Shift, TimeOfDay};
use haproxy_autoscale::words::time::Timestamp;

use super::scenes::{GAP, seconds, with_a_spare_in};
use super::world::{BACKEND, World, settings};

/// Each code that was seen, with the first sentence that came with it.
#[derive(Default)]
struct Seen(BTreeMap<ReasonCode, String>);

impl Seen {
    fn note(&mut self, world: &mut World) {
        let next = world.view().next;
        self.0
            .entry(next.code())
            .or_insert_with(|| next.to_string());
    }

    /// Lets time pass and notes what is said meanwhile.
    fn pass(&mut self, world: &mut World, lasts: Duration) {
        for _ in 0..lasts.as_millis() / 200 {
            world.pass(Duration::from_millis(200));
            self.note(world);
        }
    }

    fn requests(&mut self, world: &mut World, count: u32, ms: u32) {
        for _ in 0..count {
            world.requests(1, ms, GAP);
            self.note(world);
        }
    }

    /// So many requests of 60 ms a second for so long.
    fn load(&mut self, world: &mut World, per_second: u64, lasts_s: u64) {
        for _ in 0..lasts_s * 10 {
            world.load_tenth(per_second);
            self.note(world);
        }
    }
}

fn shift(from: Timestamp, lasts_s: u64) -> Shift {
    Shift {
        from,
        to: from.after(seconds(lasts_s)),
        min: 3,
        until: TimeOfDay {
            hour: 18,
            minute: 0,
        },
    }
}

fn tell(world: &mut World, shifts: &[Shift]) {
    world.step(Event::Shifts {
        backend: BACKEND,
        shifts,
    });
}

/// HAProxy itself: not read, gone, without that backend; the daemon; the log.
fn of_the_world(seen: &mut Seen) {
    let mut world = World::new(settings());
    seen.note(&mut world);
    world.is_reachable = false;
    seen.pass(&mut world, seconds(10));
    let mut scaler = Scaler::new(Timestamp::default(), [settings()]);
    let actions = scaler.handle(Timestamp::default(), Event::Tick);
    let id = actions.iter().find_map(|action| match action {
        Action::Read { id, .. } => Some(*id),
        Action::WarmUp { .. }
        | Action::Machine { .. }
        | Action::SetState { .. }
        | Action::SetMaxconn { .. }
        | Action::SetWeight { .. }
        | Action::Report(_) => None,
    });
    let answer = Event::HaproxyRead {
        id: id.expect("a read"),
        outcome: Ok(Picture::default()),
    };
    let _ = scaler.handle(Timestamp::from_ms(1), answer);
    let next = scaler.snapshot(Timestamp::from_ms(1)).remove(0).next;
    seen.0.insert(next.code(), next.to_string());
    let mut world = World::new(settings());
    seen.requests(&mut world, 20, 20);
    world.step(Event::Gap {
        lasted: seconds(600),
    });
    seen.note(&mut world);
    seen.pass(&mut world, seconds(10));
    world.log_state(LogState::Absent);
    seen.note(&mut world);
    world.log_state(LogState::Flowing);
    world.order(Verb::Pause, BACKEND, None);
    seen.note(&mut world);
}

/// It is slow, and something comes or nothing does.
fn of_slowness(seen: &mut Seen) {
    let mut world = World::new(settings());
    seen.requests(&mut world, 60, 900);
    let cooldown = BackendSettings {
        scale_up_cooldown: seconds(600),
        ..settings()
    };
    let mut world = World::new(cooldown);
    seen.requests(&mut world, 60, 900);
    let max = BackendSettings {
        max: Some(2),
        ..settings()
    };
    let mut world = World::new(max).without("other");
    seen.requests(&mut world, 60, 900);
    let mut world = World::new(settings()).without("web3");
    world.server("web2").is_alive = false;
    seen.requests(&mut world, 300, 900);
    let mut world = World::new(settings());
    for _ in 0..300 {
        world.pass(GAP);
        let server = if world.is_up("web2") { "web2" } else { "web1" };
        world.request(server, 900);
        seen.note(&mut world);
    }
    let mut world = with_a_spare_in();
    for _ in 0..60 {
        world.pass(GAP);
        world.line("web1", 20, 500);
        world.responses += 1;
        seen.note(&mut world);
    }
}

/// It is not slow, and a spare stays for the load, for `min`, for a schedule, for a target.
fn of_who_wants_it(seen: &mut Seen) {
    let given = BackendSettings {
        capacity: Capacity::Given(Bracket::given(60.0)),
        ..settings()
    };
    let mut world = World::new(given).without("other");
    seen.load(&mut world, 80, 15);
    seen.load(&mut world, 20, 60);
    seen.load(&mut world, 80, 60);
    let target = TargetSettings {
        measured: PolicySettings {
            window: WindowSize::Span(seconds(4)),
            min_samples: 2,
            ..PolicySettings::new(Signal::Concurrency, 20.0)
        },
    };
    let targets = BackendSettings {
        targets: vec![target],
        ..settings()
    };
    let mut world = World::new(targets).without("other");
    world.sessions = 30;
    seen.pass(&mut world, seconds(90));
    let min = BackendSettings {
        min: 3,
        ..settings()
    };
    let mut world = World::new(min).without("other");
    seen.pass(&mut world, seconds(60));
    let mut world = World::new(settings()).without("other");
    tell(&mut world, &[shift(Timestamp::from_ms(1000), 100)]);
    seen.pass(&mut world, seconds(60));
    let mut world = with_a_spare_in();
    world.server("web1").is_alive = false;
    seen.pass(&mut world, seconds(90));
}

/// It is not slow, and something else than a wish for it keeps a spare in.
fn of_what_forbids_it(seen: &mut Seen) {
    let mut world = with_a_spare_in();
    seen.requests(&mut world, 100, 400);
    let mut world = with_a_spare_in();
    world.queued = 5;
    seen.requests(&mut world, 50, 20);
    let mut world = with_a_spare_in();
    world.sessions = 100;
    world.crowded = vec![Crowded::Process { limit: 100 }];
    seen.requests(&mut world, 300, 20);
    let mut world = with_a_spare_in();
    world.log_state(LogState::Lagging);
    world.log_state(LogState::Flowing);
    seen.requests(&mut world, 60, 20);
    for verb in [Verb::Pin, Verb::Enable] {
        let mut world = with_a_spare_in();
        world.order(verb, "web/web2", None);
        seen.requests(&mut world, 400, 20);
    }
    let mut world = World::new(settings()).without("other");
    world.pass(seconds(2));
    world.by_hand("web2", AdminState::Ready);
    seen.requests(&mut world, 400, 20);
}

/// A spare that has come and gone goes later.
fn of_coming_and_going(seen: &mut Seen) {
    let mut world = World::new(settings()).without("other");
    for _ in 0..6 {
        seen.requests(&mut world, 30, 900);
        seen.requests(&mut world, 600, 20);
    }
    let mut world = World::new(settings()).without("other");
    for _ in 0..6 {
        let now = world.now;
        tell(&mut world, &[shift(now, 10)]);
        seen.pass(&mut world, seconds(80));
    }
}

#[test]
fn each_reason_is_reached_and_says_something() {
    let mut seen = Seen::default();
    of_the_world(&mut seen);
    of_slowness(&mut seen);
    of_who_wants_it(&mut seen);
    of_what_forbids_it(&mut seen);
    of_coming_and_going(&mut seen);
    let all = ReasonCode::ALL.iter();
    let missing: Vec<&str> = all
        .filter(|code| !seen.0.contains_key(code))
        .map(|code| code.as_str())
        .collect();
    assert!(
        missing.is_empty(),
        "never reached: {missing:?}; reached: {:#?}",
        seen.0
    );
    for (code, text) in [
        (ReasonCode::Busy, " ms, quiet begins below 300 ms"),
        (
            ReasonCode::Queued,
            "no spare is put away: 5 requests in the queue",
        ),
        (ReasonCode::Broken, " of the last "),
        (ReasonCode::AtMin, "stays: min is 3, and 3 are serving"),
        (ReasonCode::Pin, "web2 stays: pinned by uid 1000"),
        (ReasonCode::Order, "web2 stays: kept in by uid 1000"),
        (ReasonCode::Needed, " kept ready ÷ 60/s each = "),
        (ReasonCode::StandIn, "stays: always-up server web1 is DOWN"),
    ] {
        let said = &seen.0[&code];
        assert!(said.contains(text), "{code:?}: {said}");
    }
}
