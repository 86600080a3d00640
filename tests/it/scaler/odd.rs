//! A HAProxy whose numbers are at their ends and whose servers' names never come again: nothing
//! overflows, and nothing grows.

use std::time::Duration;

use haproxy_autoscale::scaler::Scaler;
use haproxy_autoscale::scaler::event::{Action, Event};
use haproxy_autoscale::words::machine::MachineAnswer;
use haproxy_autoscale::words::picture::Picture;
use haproxy_autoscale::words::picture::{
    BackendRead, Balance, CheckRead, Crowded, Generation, ServerCounters, ServerRead,
};
use haproxy_autoscale::words::proof::WarmUpEvidence;
use haproxy_autoscale::words::request::Request;
use haproxy_autoscale::words::time::Timestamp;
use proptest::prelude::*;

use super::world::{BACKEND, settings};

/// Answers every read with `picture`, and every other action with yes, for `span`.
fn run(scaler: &mut Scaler, from: Timestamp, span: Duration, picture: &Picture) -> Timestamp {
    let (mut now, end) = (from, from.after(span));
    while let Some(due) = scaler.deadline().filter(|due| *due <= end) {
        now = now.max(due);
        let mut actions = scaler.handle(now, Event::Tick);
        while let Some(action) = actions.pop() {
            let next = match action {
                Action::Read { id, .. } => {
                    let outcome = Ok(picture.clone());
                    scaler.handle(now, Event::HaproxyRead { id, outcome })
                }
                Action::WarmUp { id, server, .. } => {
                    let outcome = Ok(WarmUpEvidence {
                        took_ms: u32::MAX,
                        ..WarmUpEvidence::default()
                    });
                    scaler.handle(
                        now,
                        Event::WarmUpEnded {
                            id,
                            server,
                            outcome,
                        },
                    )
                }
                Action::SetState { id, server, .. } => scaler.handle(
                    now,
                    Event::StateSet {
                        id,
                        server,
                        outcome: Ok(()),
                    },
                ),
                Action::SetMaxconn { id, server, .. } => scaler.handle(
                    now,
                    Event::MaxconnSet {
                        id,
                        server,
                        outcome: Ok(()),
                    },
                ),
                Action::SetWeight { id, server, .. } => scaler.handle(
                    now,
                    Event::WeightSet {
                        id,
                        server,
                        outcome: Ok(()),
                    },
                ),
                Action::Machine { id, call } => scaler.handle(
                    now,
                    Event::MachineAnswered {
                        id,
                        server: call.server,
                        outcome: Ok(MachineAnswer::Done),
                    },
                ),
                // Its text is made of the same numbers.
                Action::Report(decision) => {
                    let _ = decision.to_string();
                    Vec::new()
                }
            };
            actions.extend(next);
        }
    }
    let _ = scaler.snapshot(end);
    end
}

/// Mostly the ends of a number.
fn number() -> BoxedStrategy<u32> {
    prop_oneof![
        Just(0),
        Just(1),
        Just(2),
        Just(3),
        Just(u32::MAX),
        any::<u32>()
    ]
    .boxed()
}

fn total() -> BoxedStrategy<u64> {
    prop_oneof![Just(0_u64), Just(u64::MAX), Just(u64::MAX - 1), 0..1000_u64].boxed()
}

fn crowd(limit: u32) -> Vec<Crowded> {
    vec![Crowded::Process { limit }]
}

/// Boxed, as the others: their types together would be too large for a thread's stack.
fn server(name: &'static str) -> BoxedStrategy<ServerRead> {
    let admin = prop_oneof![Just(0_u32), Just(4), Just(5), Just(12), 0..128_u32];
    let check = proptest::option::of((number(), number(), 0..=u32::MAX / 4, 0..=u32::MAX / 4));
    let counters = proptest::option::of((total(), total(), total()));
    let traffic = (
        number(),
        any::<bool>(),
        any::<bool>(),
        proptest::option::of(number()),
        proptest::option::of(number()),
        counters,
    );
    (admin, 0..4_u32, check, number(), number(), traffic)
        .prop_map(
            move |(admin, operational, check, sessions, queued, traffic)| ServerRead {
                name: name.to_owned(),
                admin,
                operational,
                check: check.map(|(result, health, rise, fall)| CheckRead {
                    result,
                    health,
                    rise,
                    fall,
                    is_enabled: result != 1,
                }),
                sessions,
                queued,
                weight: traffic.0,
                is_backup: traffic.1,
                is_passed_over: traffic.2,
                throttle: traffic.3,
                maxconn: traffic.4,
                counters: traffic.5.map(|(taken, ended, failed)| ServerCounters {
                    taken,
                    ended,
                    failed,
                }),
                ..ServerRead::default()
            },
        )
        .boxed()
}

fn picture() -> impl Strategy<Value = Picture> {
    let balance = prop_oneof![
        Just(Balance::Unknown),
        Just(Balance::InTurn),
        Just(Balance::First)
    ];
    let crowd = prop_oneof![Just(Vec::new()), number().prop_map(crowd)];
    let servers = (server("web1"), server("web2"), server("web3"));
    (
        total(),
        total(),
        (total(), balance, crowd),
        number(),
        number(),
        servers,
        1..3_u32,
    )
        .prop_map(
            |(responses, dropped_logs, traffic, sessions, queued, (one, two, three), pid)| {
                let backend = BackendRead {
                    responses,
                    sessions,
                    queued,
                    arrived: traffic.0,
                    balance: traffic.1,
                    has_cookie: false,
                    servers: vec![one, two, three],
                };
                Picture {
                    generation: Generation {
                        pid,
                        start_time_s: u64::MAX,
                    },
                    dropped_logs,
                    requests: responses,
                    crowded: traffic.2,
                    backends: [(BACKEND.to_owned(), backend)].into(),
                    odd: std::collections::BTreeMap::new(),
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_number_that_haproxy_could_say_overflows(
        pictures in proptest::collection::vec((picture(), number(), 0..20_000_u64), 1..40),
    ) {
        let mut scaler = Scaler::new(Timestamp::from_ms(0), [settings()]);
        let mut now = Timestamp::from_ms(0);
        for (picture, ms, span_ms) in &pictures {
            for _ in 0..6 {
                let request = Request {
                    backend: BACKEND,
                    server: "web1",
                    request_ms: Some(*ms),
                    queue_ms: Some(*ms),
                    connect_ms: Some(*ms),
                    response_ms: Some(*ms),
                    total_ms: Some(*ms),
                    status: Some(200),
                    tail: None,
                };
                let _ = scaler.handle(now, Event::Request(request));
            }
            now = run(&mut scaler, now, Duration::from_millis(*span_ms), picture);
        }
    }
}

#[test]
fn a_health_beyond_every_number_is_full_and_overflows_nothing() {
    for (rise, fall) in [(0, 0), (2, 3), (u32::MAX / 4, u32::MAX / 4)] {
        let check = CheckRead {
            result: 3,
            health: u32::MAX,
            rise,
            fall,
            is_enabled: true,
        };
        assert!(check.is_full(), "{check:?}");
    }
}

#[test]
fn names_of_servers_that_never_come_again_leave_nothing_behind() {
    let mut scaler = Scaler::new(Timestamp::from_ms(0), [settings()]);
    let mut now = Timestamp::from_ms(0);
    let mut held = Vec::new();
    // As often as servers are added and taken away where names are made up for each.
    for number in 0..1000_u32 {
        let row = |name: String, admin| ServerRead {
            name,
            admin,
            operational: if admin == 0 { 2 } else { 0 },
            ..ServerRead::default()
        };
        let backend = BackendRead {
            servers: vec![row("web1".to_owned(), 0), row(format!("pod-{number}"), 5)],
            ..BackendRead::default()
        };
        let picture = Picture {
            backends: [(BACKEND.to_owned(), backend)].into(),
            ..Picture::default()
        };
        now = run(&mut scaler, now, Duration::from_secs(4), &picture);
        held.push(scaler.held());
    }
    let (early, late) = (held[100], held[999]);
    assert!(late <= early + 10, "{early} things, then {late}");
}
