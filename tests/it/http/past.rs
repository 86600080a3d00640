//! Events of a daemon before, sent from its files: all of them, and no file that is not needed.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::ops::RangeInclusive;
use std::path::Path;

use haproxy_autoscale::publish::record::{News, Record};
use serde_json::{Value, json};

use super::client::SOON;
use super::events::Listener;
use super::front::{EVENTS, Loop};

/// More of them do not fit into what a new daemon has in memory of one before it.
const EVENT_BYTES: usize = 1024;

fn event(id: u64) -> Value {
    json!({
        "id": id, "at": "2026-11-27T20:00:00.000Z", "level": "info", "code": "note",
        "backend": null, "server": null, "text": "x".repeat(EVENT_BYTES), "data": {},
    })
}

fn write(folder: &Path, name: &str, ids: RangeInclusive<u64>) {
    let mut text = String::new();
    for id in ids {
        let _ = writeln!(text, "{}", event(id));
    }
    std::fs::write(folder.join(name), text).expect("events");
}

/// A folder with 1500 events in three files.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &format!("{EVENTS}.1"), 1..=500);
    write(folder.path(), &format!("{EVENTS}.501"), 501..=1000);
    write(folder.path(), EVENTS, 1001..=1500);
    folder
}

fn listen(played: &Loop, since: u64) -> Listener {
    let stream = TcpStream::connect(played.address).expect("a connection");
    stream.set_read_timeout(Some(SOON)).expect("a limit");
    Listener::on(stream, &format!("?since={since}"), "")
}

fn tell(played: &Loop, text: &str) {
    let news = News::ConfigNotApplied(text.to_owned());
    played.hub.tell(Record::now(news));
}

#[test]
fn none_is_missing_and_none_comes_twice_from_one_file_to_the_next() {
    let played = Loop::start_in(folder());
    for since in [0, 1, 499, 500, 501, 999, 1000, 1001, 1400, 1500] {
        let mut listener = listen(&played, since);
        // The first one of this daemon is that it serves HTTP.
        for id in since + 1..=1501 {
            assert_eq!(listener.next()["id"], id, "since {since}");
        }
    }
}

#[test]
fn files_that_ended_before_are_not_read() {
    let folder = folder();
    // Whoever reads it finds these.
    write(folder.path(), &format!("{EVENTS}.1"), 700..=701);
    let played = Loop::start_in(folder);
    assert_eq!(listen(&played, 600).next()["id"], 601);
}

#[test]
fn files_are_not_read_where_memory_has_what_is_asked_for() {
    let folder = folder();
    let growing = folder.path().join(EVENTS);
    let played = Loop::start_in(folder);
    assert_eq!(listen(&played, 1500).next()["id"], 1501);
    // Whoever reads the file finds this one before what happens next.
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(growing)
        .expect("the file");
    writeln!(file, "{}", event(5000)).expect("an event");
    for since in [1500, 1501] {
        let mut listener = listen(&played, since);
        tell(&played, "something");
        assert_eq!(listener.next()["id"], since + 1);
    }
}

#[test]
fn listeners_who_take_nothing_hold_up_none_of_those_who_read_files() {
    let played = Loop::start_in(folder());
    let lazy: Vec<TcpStream> = (0..8)
        .map(|_| {
            let mut stream = played.small();
            let request = b"GET /api/v1/events?since=0 HTTP/1.1\r\nHost: localhost\r\n\r\n";
            stream.write_all(request).expect("a request");
            let mut first = [0; 1];
            stream.read_exact(&mut first).expect("the beginning");
            stream
        })
        .collect();
    let mut listener = listen(&played, 0);
    for id in 1..=1501 {
        assert_eq!(listener.next()["id"], id);
    }
    drop(lazy);
}
