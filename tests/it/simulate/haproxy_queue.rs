//! What HAProxy does with its queue when a server joins, as it was measured beside 2.6, 3.0 and 3.2.

use haproxy_autoscale::simulate::engine::{
    Answer, Arrival, Backend, Balance, Cold, MS_NS, SECOND_NS, ServerSetup, TIMEOUT_NS,
};
use haproxy_autoscale::words::picture::AdminState;

const fn setup(state: AdminState, maxconn: Option<u32>) -> ServerSetup {
    ServerSetup {
        state,
        workers: 4,
        maxconn,
        cold: Cold::NONE,
    }
}

/// web1 takes traffic; web2 is in that state.
fn backend(balance: Balance, web2: AdminState, maxconn: Option<u32>) -> Backend {
    let web1 = setup(AdminState::Ready, Some(4));
    Backend::new(balance, [web1, setup(web2, maxconn)])
}

/// So many come at once, each 10 s of work.
fn burst(backend: &mut Backend, count: u64, at_ns: u64) {
    for number in 0..count {
        let arrival = Arrival {
            at_ns: at_ns + number,
            service_ns: 10 * SECOND_NS,
        };
        assert_eq!(backend.arrive(arrival), None);
    }
}

fn all(backend: &mut Backend) -> Vec<Answer> {
    let mut answers = Vec::new();
    while backend.next_ns() != u64::MAX {
        answers.extend(backend.step());
    }
    answers
}

#[test]
fn a_server_that_comes_from_maint_takes_from_the_queue_at_once() {
    for balance in Balance::ALL {
        let mut backend = backend(balance, AdminState::Maint, Some(4));
        burst(&mut backend, 20, 0);
        assert_eq!(backend.queued(), 16, "{balance:?}");
        backend.set_state(1, AdminState::Ready, MS_NS);
        assert_eq!(backend.queued(), 12, "{balance:?}");
    }
}

#[test]
fn a_server_that_comes_from_drain_gets_nothing_until_its_maxconn_is_set() {
    for balance in [Balance::RoundRobin, Balance::First] {
        let mut backend = backend(balance, AdminState::Drain, Some(4));
        burst(&mut backend, 20, 0);
        backend.set_state(1, AdminState::Ready, MS_NS);
        burst(&mut backend, 2, 2 * MS_NS);
        assert_eq!(
            backend.queued(),
            18,
            "{balance:?}: new ones wait behind the others"
        );
        backend.set_maxconn(1, 4, false, 3 * MS_NS);
        assert_eq!(backend.queued(), 14, "{balance:?}: the kick");
    }
}

#[test]
fn with_leastconn_a_newcomer_gets_new_requests_although_others_wait() {
    let mut backend = backend(Balance::LeastConn, AdminState::Drain, Some(4));
    burst(&mut backend, 20, 0);
    backend.set_state(1, AdminState::Ready, MS_NS);
    burst(&mut backend, 2, 2 * MS_NS);
    assert_eq!(backend.queued(), 16);
}

#[test]
fn a_server_without_maxconn_takes_nothing_of_a_queue_but_as_long_as_it_is_lent_one() {
    let mut backend = backend(Balance::RoundRobin, AdminState::Drain, None);
    burst(&mut backend, 20, 0);
    backend.set_state(1, AdminState::Ready, MS_NS);
    backend.set_maxconn(1, 0, false, MS_NS);
    assert_eq!(backend.queued(), 16, "0 alone does nothing");
    backend.set_maxconn(1, 8, false, MS_NS);
    assert_eq!(backend.queued(), 8);
    backend.set_maxconn(1, 0, true, MS_NS);
    assert_eq!(
        backend.queued(),
        0,
        "all that waits, before it loses the limit"
    );
}

#[test]
fn a_server_that_drains_ends_what_it_has_and_takes_nothing_from_the_queue() {
    let mut backend = backend(Balance::RoundRobin, AdminState::Ready, Some(4));
    burst(&mut backend, 16, 0);
    backend.set_state(1, AdminState::Drain, MS_NS);
    let answers = all(&mut backend);
    let by = |server: u16| {
        answers
            .iter()
            .filter(|it| it.server == Some(server))
            .count()
    };
    assert_eq!((by(0), by(1)), (12, 4));
}

#[test]
fn a_request_without_an_answer_fails_after_half_a_minute_wherever_it_is() {
    let mut backend = backend(Balance::RoundRobin, AdminState::Maint, Some(4));
    burst(&mut backend, 8, 0);
    // Nobody is left who could take from the queue.
    backend.set_state(0, AdminState::Drain, MS_NS);
    let answers = all(&mut backend);
    assert_eq!((answers.len(), backend.open()), (8, 0));
    let failed: Vec<_> = answers.iter().filter(|it| it.is_failed()).collect();
    assert_eq!(failed.len(), 4, "{failed:?}");
    let is_timeout = |it: &&Answer| it.response_ns() == TIMEOUT_NS;
    let is_queue = |it: &&Answer| it.status == 503 && it.server.is_none();
    assert!(
        failed.iter().all(|it| is_timeout(it) && is_queue(it)),
        "{failed:?}"
    );
    // Without a limit they wait inside the server.
    let inside = setup(AdminState::Ready, None);
    let mut backend = Backend::new(Balance::RoundRobin, [inside]);
    burst(&mut backend, 20, 0);
    let answers = all(&mut backend);
    let failed = answers.iter().filter(|it| it.is_failed());
    assert!(
        failed
            .clone()
            .all(|it| it.status == 504 && it.server == Some(0))
    );
    assert!(failed.count() >= 4);
}

#[test]
fn nobody_waits_where_no_server_takes_traffic() {
    let mut backend = Backend::new(Balance::RoundRobin, [setup(AdminState::Maint, None)]);
    let arrival = Arrival {
        at_ns: 5,
        service_ns: 5,
    };
    let answer = backend.arrive(arrival).expect("an answer at once");
    assert_eq!((answer.status, answer.response_ns()), (503, 0));
}

#[test]
fn a_server_that_has_just_been_started_is_slow_for_its_first_requests() {
    let cold = Cold {
        requests: 2,
        factor: 5.0,
    };
    let setup = ServerSetup {
        workers: 1,
        cold,
        ..setup(AdminState::Ready, None)
    };
    let mut backend = Backend::new(Balance::RoundRobin, [setup]);
    let took = |backend: &mut Backend, at_ns: u64| {
        let arrival = Arrival {
            at_ns,
            service_ns: MS_NS,
        };
        backend.arrive(arrival);
        all(backend).first().map(Answer::response_ns)
    };
    assert_eq!(took(&mut backend, 0), Some(MS_NS), "it has run for long");
    backend.start_cold(0);
    for (at_ms, expected_ms) in [(10, 5), (20, 5), (30, 1)] {
        assert_eq!(took(&mut backend, at_ms * MS_NS), Some(expected_ms * MS_NS));
    }
}
