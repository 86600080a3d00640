//! What the daemon's log says, and what it says besides at the level debug.

use rustix::process::Signal;

use super::fake::{FakeHaproxy, Place, stop};
use crate::support::program::{Running, program};
use crate::support::{Behaviour, TinyServer};

#[test]
fn a_refused_order_begins_with_that_word_as_the_page_says() {
    let place = Place::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.wait_for("its servers", |status| {
        status["backends"][0]["servers"][0]["name"] == "web1"
    });
    let answer = place.ask(b"disable web/web1\n");
    assert!(answer.contains("refused"), "{answer}");
    daemon.err.wait_for("refused: operator web/web1: disable");
    let page = std::fs::read_to_string("docs/messages.md").unwrap();
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(page.contains("an order that was refused begins with `refused:`"));
    stop(&mut daemon, Signal::TERM);
}

#[test]
fn at_debug_it_shows_rejected_lines_new_states_and_each_command_with_its_reply() {
    let place = Place::new();
    let web2 = TinyServer::start("web2", Behaviour::default());
    let text = std::fs::read_to_string(&place.config).unwrap();
    let url = format!("warm_up_url = \"http://{}/\"\n", web2.address());
    std::fs::write(&place.config, text + "[backend.web.server.web2]\n" + &url).unwrap();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = Running::start(
        program(&["run", "-c", &place.config]).env("HAPROXY_AUTOSCALE_LOG", "debug"),
    );
    daemon.err.wait_for("reading the log");
    daemon
        .err
        .wait_for("show info;show servers state web;show stat -1 7 -1 -> ");
    daemon
        .err
        .wait_for("HAProxy shows process 4711; web/web1 (ready, up, ");
    for number in 0..100 {
        place.log.append(format!("nonsense {number}").as_bytes());
    }
    daemon.err.wait_for("no request (unknown_head): nonsense 0");
    daemon
        .err
        .wait_for("more lines of this second are no requests");
    place.ask(b"enable web/web2\n");
    daemon
        .err
        .wait_for("set server web/web2 state drain -> \"\\n\"");
    daemon.err.wait_for("web/web2 (maint, not up, ");
    let text = daemon.err.text();
    let rejected = text.matches("no request (unknown_head)").count();
    assert!((5..50).contains(&rejected), "{rejected}");
    stop(&mut daemon, Signal::TERM);
}

#[test]
fn without_being_asked_it_shows_none_of_that() {
    let place = Place::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.log.append(b"nonsense");
    place.wait_for("the line", |status| status["log"]["lines"] == 1);
    let text = daemon.err.text();
    assert!(
        !text.contains("nonsense") && !text.contains("show info"),
        "{text}"
    );
    stop(&mut daemon, Signal::TERM);
}
