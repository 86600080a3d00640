//! Every action of many generated schedules with its time, what `status` shows and what is remembered,
//! as one number for each schedule: a change of structure leaves all of them as they are.
//!
//! A change of behaviour or of the words of a decision does not. What changed is seen in two runs with
//! `TRANSCRIPT_OF=SEED`, which prints one whole schedule; `TRANSCRIPTS=record` writes the file anew, and
//! `TRANSCRIPTS=10000` has so many schedules instead of those that are always had.

use std::collections::VecDeque;
use std::fmt::{self, Debug, Write as _};
use std::io::Write as _;
use std::num::NonZero;
use std::path::Path;
use std::time::Duration;

use haproxy_autoscale::measure::settings::{PolicySettings, Signal};
use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::scaler::event::{Action, Event};
use haproxy_autoscale::scaler::settings::OnOpenSessions;
use haproxy_autoscale::words::order::Verb;
use haproxy_autoscale::words::picture::{Balance, Crowded};
use haproxy_autoscale::words::request::Request;
use haproxy_autoscale::words::time::Timestamp;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::properties::{SERVERS, Step, any_settings, play, server, step};
use super::world::{BACKEND, Fault, World};

/// Schedules of every run.
const SHORT: usize = 300;
/// Schedules whose sum stands in the file, too.
const LONG: usize = 10_000;

/// Hashes what it is told, and prints it if that is wanted.
pub(super) struct Heard {
    hash: u64,
    is_printed: bool,
}

impl Heard {
    /// FNV-1a: the same on every machine and with every compiler.
    fn new(is_printed: bool) -> Self {
        let hash = 0xcbf2_9ce4_8422_2325;
        Self { hash, is_printed }
    }

    pub(super) fn actions(&mut self, now: Timestamp, actions: &VecDeque<Action>) {
        // What a change did is for people, follows from nothing else here, and changes nothing.
        let is_effect =
            |it: &&Action| matches!(it, Action::Report(it) if it.change == Change::Effect);
        for action in actions.iter().filter(|action| !is_effect(action)) {
            self.line(now, action);
        }
    }

    fn line(&mut self, now: Timestamp, what: &dyn Debug) {
        writeln!(self, "{} {what:?}", now.as_ms()).expect("a hash takes everything");
    }
}

impl fmt::Write for Heard {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if self.is_printed {
            let _ = std::io::stderr().write_all(text.as_bytes());
        }
        Ok(())
    }
}

/// What the schedules of `properties` leave out.
#[derive(Clone, Debug)]
enum Happens {
    Step(Step),
    Order(Verb, Option<&'static str>, Option<u64>),
    Restart,
    Gap(u64),
    Settings(u64),
    Users(&'static str, u64, u64),
    Maxconn(&'static str, Option<u32>),
    Crowd(Option<u32>, u32),
    Weight(&'static str, u32),
    Balance(Balance, bool),
    /// Requests of two servers, and what they wait for.
    Mixed(u32, u32, &'static str),
    DroppedLogs(u64),
    Stop,
}

fn happens() -> impl Strategy<Value = Happens> {
    let verb = proptest::sample::select(vec![
        Verb::Pause,
        Verb::Resume,
        Verb::Resume,
        Verb::Pin,
        Verb::Unpin,
        Verb::Enable,
        Verb::Enable,
        Verb::Disable,
        Verb::Disable,
    ]);
    let balance = proptest::sample::select(vec![
        Balance::InTurn,
        Balance::ByLoad,
        Balance::ByHash,
        Balance::First,
        Balance::Unknown,
    ]);
    let lasts = proptest::option::of(1..200_u64);
    prop_oneof![
        24 => step().prop_map(Happens::Step),
        8 => (1..40_u32, prop_oneof![Just(20_u32), Just(900)], server())
            .prop_map(|(count, ms, server)| Happens::Mixed(count, ms, server)),
        4 => (verb, proptest::option::of(server()), lasts)
            .prop_map(|(verb, server, lasts)| Happens::Order(verb, server, lasts)),
        1 => Just(Happens::Restart),
        1 => (1..100_u64).prop_map(Happens::Gap),
        1 => (0..32_u64).prop_map(Happens::Settings),
        4 => (server(), 0..60_u64, prop_oneof![3 => Just(0_u64), 1 => 1..60_u64])
            .prop_map(|(server, count, failed)| Happens::Users(server, count, failed)),
        1 => (server(), proptest::option::of(1..5_u32))
            .prop_map(|(server, maxconn)| Happens::Maxconn(server, maxconn)),
        1 => (proptest::option::of(5..20_u32), 0..20_u32)
            .prop_map(|(limit, sessions)| Happens::Crowd(limit, sessions)),
        1 => (server(), prop_oneof![Just(0_u32), Just(1), Just(100)])
            .prop_map(|(server, weight)| Happens::Weight(server, weight)),
        1 => (balance, any::<bool>())
            .prop_map(|(balance, has_cookie)| Happens::Balance(balance, has_cookie)),
        1 => (0..200_u64).prop_map(Happens::DroppedLogs),
        1 => Just(Happens::Stop),
    ]
}

fn take(world: &mut World, what: &Happens) {
    match what {
        Happens::Step(step) => play(world, step, 0),
        Happens::Order(verb, server, lasts) => {
            let place = server.map_or_else(
                || BACKEND.to_owned(),
                |server| format!("{BACKEND}/{server}"),
            );
            world.crash_after = None; // An order is answered.
            world.order(*verb, &place, lasts.map(Duration::from_secs));
        }
        Happens::Restart => {
            let memory = world.scaler.memory(world.now);
            world.restart(Some(memory));
        }
        Happens::Gap(lasted) => {
            let lasted = Duration::from_secs(*lasted);
            world.step(Event::Gap { lasted });
        }
        Happens::Settings(bits) => change_settings(world, *bits),
        Happens::Users(server, count, failed) => world.users(server, *count, *failed.min(count)),
        Happens::Maxconn(server, maxconn) => world.server(server).read.maxconn = *maxconn,
        Happens::Crowd(limit, sessions) => {
            world.sessions = *sessions;
            world.crowded = limit
                .map(|limit| Crowded::Process { limit })
                .into_iter()
                .collect();
        }
        Happens::Weight(server, weight) => world.server(server).read.weight = *weight,
        Happens::Balance(balance, has_cookie) => {
            (world.balance, world.has_cookie) = (*balance, *has_cookie);
        }
        Happens::Mixed(count, ms, server) => {
            for number in 0..*count {
                world.pass(Duration::from_millis(40));
                world.responses += 1;
                let server = if number % 2 == 0 { "web1" } else { server };
                mixed(world, *ms, server);
            }
        }
        Happens::DroppedLogs(lines) => world.dropped_logs += lines,
        Happens::Stop => {
            world.writing.clear(); // The last command waits for no answer.
            world.stop();
            take(world, &Happens::Restart);
        }
    }
}

fn mixed(world: &mut World, ms: u32, server: &str) {
    world.event(Request {
        backend: BACKEND,
        server,
        request_ms: Some(0),
        queue_ms: Some(ms / 2),
        connect_ms: Some(0),
        response_ms: Some(ms),
        total_ms: Some(ms + ms / 2),
        status: Some(200),
        tail: None,
    });
}

/// Each bit is another key. Longer times and stricter limits would need promises of their own.
fn change_settings(world: &mut World, bits: u64) {
    let mut next = world.settings.clone();
    if bits & 1 != 0 {
        next.idle_timeout = Duration::from_secs(20 + bits);
    }
    if bits & 2 != 0 {
        next.on_open_sessions = OnOpenSessions::Maint;
    }
    if bits & 4 != 0 {
        let queue = PolicySettings {
            signal: Signal::QueueTime,
            above: 200.0,
            ..next.policies[0].clone()
        };
        next.policies.push(queue);
    }
    if bits & 8 != 0 {
        next.scale_down_cooldown = Duration::from_secs(10);
    }
    if bits & 16 != 0 {
        next.policies.truncate(1);
    }
    world.settings = next.clone();
    world.step(Event::Settings {
        backends: &[next],
        is_elsewhere: false,
        was_pretended: false,
    });
}

/// One schedule from its beginning to its end.
fn transcript(seed: u64, is_printed: bool) -> u64 {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let schedule = (
        any_settings(),
        proptest::collection::vec(happens(), 1..60),
        prop_oneof![Just(0_u64), Just(10), Just(40)],
        any::<bool>(),
    );
    let tree = schedule.new_tree(&mut runner).expect("nothing is filtered");
    let (settings, steps, percent, is_counting) = tree.current();
    let mut world = World::new(settings);
    if is_counting {
        world = world.counting();
    }
    world.faults = Box::new(move |action| Fault::of(seed, action, percent));
    world.heard = Some(Heard::new(is_printed));
    world.is_watched_only = true;
    world.pass(Duration::ZERO);
    for step in &steps {
        take(&mut world, step);
        let (now, view) = (world.now, world.view());
        let memory = world.scaler.memory(now);
        if let Some(heard) = &mut world.heard {
            heard.line(now, &step);
            heard.line(now, &view);
            heard.line(now, &memory);
        }
    }
    for name in SERVERS {
        world.server(name).is_alive = true;
    }
    world.pass(Duration::from_secs(100));
    world.heard.expect("it listens").hash
}

/// The numbers of `seeds`, had by as many threads as there are processors.
fn transcripts(seeds: usize) -> Vec<u64> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut numbers = vec![0; seeds];
    let part = seeds.div_ceil(threads);
    std::thread::scope(|scope| {
        for (index, numbers) in numbers.chunks_mut(part).enumerate() {
            scope.spawn(move || {
                for (seed, number) in (index * part..).zip(numbers) {
                    *number = transcript(seed as u64, false);
                }
            });
        }
    });
    numbers
}

fn sum(numbers: &[u64]) -> u64 {
    let mut heard = Heard::new(false);
    for number in numbers {
        write!(heard, "{number:x} ").expect("a hash takes everything");
    }
    heard.hash
}

#[test]
fn recorded_schedules_give_the_same_actions_as_when_they_were_recorded() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/transcripts.txt");
    let wanted = std::env::var("TRANSCRIPTS").unwrap_or_default();
    if let Some(seed) = std::env::var("TRANSCRIPT_OF")
        .ok()
        .and_then(|it| it.parse().ok())
    {
        transcript(seed, true);
        return;
    }
    let is_recording = wanted == "record";
    let seeds = if is_recording {
        LONG
    } else {
        wanted.parse().unwrap_or(SHORT)
    };
    let numbers = transcripts(seeds);
    if is_recording {
        let mut text = format!("{LONG} schedules: {:016x}\n", sum(&numbers));
        for (seed, number) in numbers.iter().enumerate().take(SHORT) {
            writeln!(text, "{seed} {number:016x}").expect("text");
        }
        std::fs::write(&path, text).expect("the file of numbers");
        return;
    }
    let text = std::fs::read_to_string(&path).expect("tests/data/transcripts.txt");
    let mut lines = text.lines();
    let all = lines.next().unwrap_or_default();
    let others: Vec<usize> = lines
        .zip(numbers.iter().enumerate())
        .filter(|(line, (seed, number))| *line != format!("{seed} {number:016x}"))
        .map(|(_, (seed, _))| seed)
        .collect();
    assert!(
        others.is_empty(),
        "other actions in the schedules {others:?}"
    );
    if seeds == LONG {
        assert_eq!(all, format!("{LONG} schedules: {:016x}", sum(&numbers)));
    }
}
