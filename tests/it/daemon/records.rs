//! What is told to people can slow nobody.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use haproxy_autoscale::publish::hub::{Hub, Taken, WAITING_MAX};
use haproxy_autoscale::publish::record::{News, Record, codes};
use rustix::process::{Pid, Signal, kill_process};

use super::fake::{FakeHaproxy, Place};
use crate::support::program::{SOON, program};
use crate::support::wait_for;

/// More than a pipe and a reader's queue hold together.
const ORDERS: usize = 8000;

/// A daemon whose standard error nobody reads so far.
fn unread(place: &Place) -> Child {
    let daemon = program(&["run", "-c", &place.config])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for("the control socket", SOON, || {
        std::os::unix::net::UnixStream::connect(&place.control).is_ok()
    });
    daemon
}

#[test]
fn a_standard_error_that_nobody_reads_slows_nothing_and_is_told_what_it_missed() {
    let place = Place::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = unread(&place);
    for _ in 0..ORDERS / 2 {
        for order in [b"pause web\n".as_slice(), b"resume web\n"] {
            let answer = place.ask(order);
            assert!(answer.contains("accepted"), "{answer}");
        }
    }
    // Everything has been answered; so is this, by the same loop.
    assert_eq!(place.json()["backends"][0]["name"], "web");
    let pid = Pid::from_child(&daemon);
    let mut stderr = daemon.stderr.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).map(|_| text)
    });
    place.ask(b"pause web\n");
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(daemon.wait().unwrap().code(), Some(0));
    let text = reader.join().unwrap().unwrap();
    // On a busy machine it may fall behind more than once.
    assert!(text.contains("lines are missing here"), "{}", text.len());
    assert!(text.lines().count() < ORDERS, "{}", text.lines().count());
    assert!(
        text.contains("stopping"),
        "the newest ones are not the lost ones"
    );
}

#[test]
fn a_standard_error_that_nobody_reads_does_not_keep_the_daemon_from_ending() {
    let place = Place::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = unread(&place);
    for _ in 0..ORDERS / 4 {
        place.ask(b"pause web\n");
    }
    let started = Instant::now();
    kill_process(Pid::from_child(&daemon), Signal::TERM).unwrap();
    assert_eq!(daemon.wait().unwrap().code(), Some(0));
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn every_code_is_one_word_and_stands_for_one_thing() {
    let mut seen = BTreeSet::new();
    for code in codes() {
        let is_word = code
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        assert!(is_word, "{code}");
        assert!(seen.insert(code), "{code} twice");
    }
}

fn told(hub: &Hub, records: usize) {
    for _ in 0..records {
        hub.tell(Record::now(News::Stopping));
    }
}

#[test]
fn a_reader_that_is_too_slow_loses_the_oldest_and_learns_how_many() {
    let hub = Hub::new();
    let mut slow = hub.read();
    told(&hub, WAITING_MAX + 7);
    assert!(matches!(slow.blocking_next(), Some(Taken::Lost(7))));
    for _ in 0..WAITING_MAX {
        assert!(matches!(slow.blocking_next(), Some(Taken::Record(_))));
    }
    drop(hub);
    assert!(slow.blocking_next().is_none());
}

#[test]
fn a_reader_that_reads_nothing_slows_nobody_and_takes_no_more_memory() {
    const ROUNDS: usize = 100;
    let hub = Hub::new();
    let mut stuck = hub.read();
    let mut quick = hub.read();
    let started = Instant::now();
    for _ in 0..ROUNDS {
        told(&hub, WAITING_MAX / 2);
        for _ in 0..WAITING_MAX / 2 {
            assert!(matches!(quick.blocking_next(), Some(Taken::Record(_))));
        }
    }
    assert!(started.elapsed() < Duration::from_secs(30));
    // No more than the newest is kept for it.
    let lost = (ROUNDS / 2 - 1) * WAITING_MAX;
    assert!(matches!(stuck.blocking_next(), Some(Taken::Lost(count)) if count == lost as u64));
    drop(hub);
    let kept = std::iter::from_fn(|| stuck.blocking_next());
    assert_eq!(kept.count(), WAITING_MAX);
}
