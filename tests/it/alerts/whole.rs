//! The whole daemon, with channels that work, fail and hang.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use super::place::{Place, TOLD, alert, webhook};
use super::receiver::{Manner, Receiver};
use crate::support::{
    Backend, Behaviour, Daemon, DaemonConfig, HaproxyConfig, Load, RealHaproxy, TinyServer,
    versions, wait_for, wait_for_some,
};

fn until(daemon: &Daemon, what: &str, is: impl FnMut() -> bool) {
    wait_for(&format!("{what}\n{}", daemon.text()), TOLD, is);
}

#[test]
fn an_incident_is_one_message_and_its_end_another() {
    let place = Place::new();
    let receiver = Receiver::start(Manner::Answer(200));
    let daemon = place
        .config(&webhook("ops", &receiver.url("/secret-hook-4711")))
        .start();
    place.silence(true);
    until(&daemon, "the beginning", || {
        receiver.count("unreachable", "begun") == 1
    });
    place.silence(false);
    until(&daemon, "the end", || {
        receiver.count("unreachable", "ended") == 1
    });
    assert_eq!(receiver.received().len(), 2, "{:#?}", receiver.events());
    let [begun, ended] = &receiver.events()[..] else {
        unreachable!("two were counted");
    };
    assert_eq!(
        (&begun["level"], &ended["level"]),
        (&"warning".into(), &"info".into())
    );
    assert!(
        begun["backend"].is_null(),
        "it is about all of HAProxy: {begun}"
    );
    assert_eq!(begun["data"]["since"], ended["data"]["since"]);
    let text = begun["text"].as_str().unwrap();
    assert!(text.contains(": HAProxy cannot be reached: "), "{text}");
    let request = &receiver.received()[0];
    assert_eq!(request.line, "POST /secret-hook-4711 HTTP/1.1");
    assert_eq!(request.headers["content-type"], "application/json");
    assert!(!daemon.text().contains("secret-hook"), "{}", daemon.text());
}

#[test]
fn a_channel_that_hangs_holds_up_no_other_and_none_is_lost_when_it_fails() {
    let place = Place::new();
    let (hanging, failing, good) = (
        Receiver::start(Manner::Hang),
        Receiver::start(Manner::Answer(500)),
        Receiver::start(Manner::Answer(200)),
    );
    let tables = [
        webhook("a", &hanging.url("/")),
        webhook("b", &failing.url("/token-in-the-path")),
        webhook("c", &good.url("/")),
    ];
    let daemon = place.config(&tables.concat()).start();
    place.silence(true);
    until(&daemon, "the good one is told", || {
        good.count("unreachable", "begun") == 1
    });
    assert!(hanging.received().len() <= 1);
    until(&daemon, "the failing one is tried again", || {
        failing.received().len() >= 3
    });
    daemon_says(&daemon, "alerts do not reach b: POST to http://127.0.0.1");
    assert!(
        daemon.problems().contains("alert_not_sent"),
        "{}",
        daemon.problems()
    );
    until(&daemon, "the others hear of it", || {
        good.count("alert_not_sent", "begun") >= 1
    });
    failing.change(Manner::Answer(204));
    daemon_says(&daemon, "alerts reach b again");
    assert_eq!(good.count("unreachable", "begun"), 1);
    assert!(!daemon.text().contains("token-in-the-path"));
    let waits = failing
        .received()
        .windows(2)
        .map(|two| two[1].at - two[0].at)
        .collect::<Vec<_>>();
    assert!(waits[1] > waits[0], "later and later: {waits:?}");
}

fn daemon_says(daemon: &Daemon, text: &str) {
    until(daemon, text, || daemon.text().contains(text));
}

#[test]
fn after_a_restart_nothing_is_told_twice_and_the_end_is_told() {
    let place = Place::new();
    let receiver = Receiver::start(Manner::Answer(200));
    let config = place.remembering(&webhook("ops", &receiver.url("/")));
    let mut daemon = config.start();
    place.silence(true);
    until(&daemon, "the beginning", || {
        receiver.count("unreachable", "begun") == 1
    });
    daemon.terminate(TOLD);
    let daemon = config.start();
    until(&daemon, "the new daemon finds the same", || {
        daemon.problems().contains("unreachable")
    });
    place.silence(false);
    until(&daemon, "the end", || {
        receiver.count("unreachable", "ended") == 1
    });
    assert_eq!(
        receiver.count("unreachable", "begun"),
        1,
        "{:#?}",
        receiver.events()
    );
}

#[test]
fn a_clock_that_was_set_back_across_a_restart_repeats_nothing_and_keeps_the_end() {
    const DAY_MS: u64 = 24 * 3600 * 1000;
    let place = Place::new();
    let receiver = Receiver::start(Manner::Answer(200));
    let config = place.remembering(&webhook("ops", &receiver.url("/")));
    let mut daemon = config.start();
    place.silence(true);
    until(&daemon, "the beginning", || {
        receiver.count("unreachable", "begun") == 1
    });
    daemon.terminate(TOLD);
    // To a clock that is a day behind, all of it is still to come.
    let file = place.kept_alerts();
    let mut kept: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let row = &mut kept["channels"]["ops"][0];
    for key in ["since_ms", "told_ms"] {
        row[key] = (row[key].as_u64().unwrap() + DAY_MS).into();
    }
    fs::write(&file, kept.to_string()).unwrap();
    let daemon = config.start();
    until(&daemon, "the new daemon finds the same", || {
        daemon.problems().contains("unreachable")
    });
    place.silence(false);
    until(&daemon, "the end", || {
        receiver.count("unreachable", "ended") == 1
    });
    let events = receiver.events();
    assert_eq!(receiver.count("unreachable", "begun"), 1, "{events:#?}");
    let lasted = events.last().unwrap()["data"]["lasted_s"].as_u64();
    assert!(lasted.is_some_and(|it| it < 600), "{events:#?}");
}

#[test]
fn while_everything_is_paused_nothing_is_told_but_that_and_then_what_still_lasts() {
    let place = Place::new();
    let receiver = Receiver::start(Manner::Answer(200));
    let daemon = place.config(&webhook("ops", &receiver.url("/"))).start();
    daemon
        .ask(&["pause", "--reason", "maintenance"])
        .succeeded();
    let muted = || {
        receiver
            .events()
            .iter()
            .filter(|it| it["code"] == "alerts_muted")
            .count()
    };
    until(&daemon, "that it is muted", || muted() == 1);
    place.silence(true);
    until(&daemon, "a problem", || {
        daemon.problems().contains("unreachable")
    });
    place.silence(false);
    until(&daemon, "no problem", || {
        !daemon.problems().contains("unreachable")
    });
    fs::remove_file(place.folder.path().join("x.log")).unwrap();
    until(&daemon, "another problem", || {
        daemon.problems().contains("log_missing")
    });
    daemon.ask(&["resume"]).succeeded();
    until(&daemon, "what still lasts", || {
        receiver.count("log_missing", "begun") == 1
    });
    assert_eq!(muted(), 1);
    assert_eq!(receiver.count("unreachable", "begun"), 0);
    let text = receiver.events()[0]["text"].as_str().unwrap().to_owned();
    assert!(text.contains("maintenance"), "{text}");
}

/// Has the daemon go by that file.
fn apply(daemon: &Daemon, text: &str) {
    let before = daemon.text().matches("new configuration applied").count();
    fs::write(daemon.config(), text).unwrap();
    daemon.signal(Signal::HUP);
    until(daemon, "applied", || {
        daemon.text().matches("new configuration applied").count() > before
    });
}

#[test]
fn a_pause_that_lasts_over_a_restart_is_told_once_and_orders_and_its_end_are_told() {
    let place = Place::new();
    let receiver = Receiver::start(Manner::Answer(200));
    let table = alert(&format!(
        "kind = \"webhook\"\nname = \"ops\"\nurl = \"{}\"",
        receiver.url("/")
    ));
    let config = place.remembering(&table);
    let mut daemon = config.start();
    daemon.ask(&["pause"]).succeeded();
    let count = |code: &str| {
        let events = receiver.events();
        events.iter().filter(|it| it["code"] == code).count()
    };
    until(&daemon, "that it is muted", || count("alerts_muted") == 1);
    let before = count("order");
    daemon.ask(&["pause", "--reason", "still"]).succeeded();
    until(&daemon, "an order", || count("order") > before);
    daemon.terminate(TOLD);
    let daemon = config.start();
    daemon_says(&daemon, "HAProxy");
    daemon.ask(&["resume"]).succeeded();
    until(&daemon, "that it is over", || count("alerts_unmuted") == 1);
    assert_eq!(count("alerts_muted"), 1, "{:#?}", receiver.events());
    assert!(
        !daemon.text().contains("no alerts are sent"),
        "{}",
        daemon.text()
    );
}

#[test]
fn sighup_brings_a_channel_and_takes_it_away() {
    let place = Place::new();
    let (first, second) = (
        Receiver::start(Manner::Answer(200)),
        Receiver::start(Manner::Answer(200)),
    );
    let daemon = place.config("").start();
    let text = fs::read_to_string(daemon.config()).unwrap();
    let set = |tables: &str| apply(&daemon, &format!("{text}{tables}"));
    set(&webhook("ops", &first.url("/")));
    place.silence(true);
    until(&daemon, "the first is told", || {
        first.count("unreachable", "begun") == 1
    });
    set(&alert(&format!(
        "kind = \"webhook\"\nurl = \"{}\"",
        second.url("/")
    )));
    until(&daemon, "a new one is told what lasts", || {
        second.count("unreachable", "begun") == 1
    });
    assert_eq!(first.received().len(), 1);
}

#[test]
fn a_channel_without_a_name_is_known_by_where_it_goes() {
    let place = Place::new();
    let (first, second) = (
        Receiver::start(Manner::Answer(200)),
        Receiver::start(Manner::Answer(200)),
    );
    let daemon = place.config("").start();
    let text = fs::read_to_string(daemon.config()).unwrap();
    let of = |it: &Receiver| alert(&format!("kind = \"webhook\"\nurl = \"{}\"", it.url("/")));
    apply(&daemon, &format!("{text}{}", of(&first)));
    place.silence(true);
    until(&daemon, "the first is told", || {
        first.count("unreachable", "begun") == 1
    });
    // It was the first, and is the second.
    apply(&daemon, &format!("{text}{}{}", of(&second), of(&first)));
    until(&daemon, "the new one is told what lasts", || {
        second.count("unreachable", "begun") == 1
    });
    place.silence(false);
    until(&daemon, "both are told the end", || {
        first.count("unreachable", "ended") == 1 && second.count("unreachable", "ended") == 1
    });
    assert_eq!(first.count("unreachable", "begun"), 1);
}

#[test]
fn an_end_is_told_by_a_receiver_that_refused_it_for_a_while() {
    let place = Place::new();
    let receiver = Receiver::start(Manner::Answer(200));
    let daemon = place.config(&webhook("ops", &receiver.url("/"))).start();
    place.silence(true);
    until(&daemon, "the beginning", || {
        receiver.count("unreachable", "begun") == 1
    });
    receiver.change(Manner::Answer(404));
    place.silence(false);
    // As a proxy does while the receiver is restarted.
    wait_for("more than three tries", TOLD * 2, || {
        receiver.count("unreachable", "ended") >= 4
    });
    receiver.change(Manner::Answer(200));
    daemon_says(&daemon, "alerts reach ops again");
    let requests = receiver.received();
    let keys: Vec<_> = requests
        .iter()
        .map(|it| it.headers["idempotency-key"].as_str())
        .collect();
    assert!(keys[1..].iter().all(|it| *it == keys[1]), "{keys:?}");
    assert_ne!(keys[0], keys[1], "another message");
}

#[test]
fn what_an_ended_daemon_could_not_send_is_told_by_the_next() {
    let place = Place::new();
    let receiver = Receiver::start(Manner::Answer(500));
    let table = alert(&format!(
        "kind = \"webhook\"\nname = \"ops\"\nurl = \"{}\"\non = [\"change\"]",
        receiver.url("/")
    ));
    let config = place.remembering(&table);
    let mut daemon = config.start();
    daemon.ask(&["pause", "web"]).succeeded();
    until(&daemon, "a try", || !receiver.received().is_empty());
    daemon.terminate(TOLD);
    receiver.change(Manner::Answer(200));
    let daemon = config.start();
    daemon_says(&daemon, "1 alert could not be sent to ops and will not be");
}

#[test]
fn a_command_is_killed_with_all_it_started_when_its_channel_goes() {
    let place = Place::new();
    let pid = place.folder.path().join("pid");
    let script = format!(
        "sleep 50 & echo $! >{0}.new; mv {0}.new {0}; wait",
        pid.display()
    );
    let table = alert(&format!(
        "kind = \"exec\"\ncommand = [\"/bin/sh\", \"-c\", \"{script}\"]"
    ));
    let daemon = place.config("").start();
    let text = fs::read_to_string(daemon.config()).unwrap();
    apply(&daemon, &format!("{text}{table}"));
    place.silence(true);
    until(&daemon, "it runs", || pid.exists());
    let sleeper = fs::read_to_string(&pid).unwrap();
    let stat = format!("/proc/{}/stat", sleeper.trim());
    // Whoever adopts it may not have buried it.
    let lives = || fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
    assert!(lives());
    apply(&daemon, &text);
    wait_for("its end", Duration::from_secs(5), || !lives());
}

#[test]
fn each_thing_that_strangers_may_change_is_an_incident_of_its_own() {
    let place = Place::new();
    fs::set_permissions(place.folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let receiver = Receiver::start(Manner::Answer(200));
    let daemon = place.config(&webhook("ops", &receiver.url("/"))).start();
    until(&daemon, "both", || {
        receiver.count("untrusted", "begun") == 2
    });
    let events = receiver.events();
    for name in ["admin.sock", "x.log"] {
        let path = place.folder.path().join(name).display().to_string();
        assert!(
            events.iter().any(|it| it["server"] == path.as_str()),
            "{name}: {events:#?}"
        );
    }
}

#[test]
fn a_thousand_incidents_are_a_thousand_messages_and_ends_and_memory_stays_flat() {
    let place = Place::new();
    let receiver = Receiver::start(Manner::Answer(200));
    let unknown = |number: usize| {
        format!("[backend.b{number}]\nalways_up = [\"web1\"]\nresponse_time = \"1s\"\n")
    };
    let unknown: String = (0..1000).map(unknown).collect();
    let tables = unknown.clone() + &webhook("ops", &receiver.url("/"));
    let daemon = place
        .config(&tables)
        .haproxy("poll_interval", "\"1s\"")
        .start();
    wait_for("every beginning", TOLD * 4, || {
        receiver.count("unknown_backend", "begun") >= 1000
    });
    let before = resident_kib(daemon.pid());
    // While HAProxy cannot be read, none is over; without their tables all are.
    place.silence(true);
    until(&daemon, "that it is silent", || {
        receiver.count("unreachable", "begun") == 1
    });
    assert_eq!(receiver.count("unknown_backend", "ended"), 0);
    place.silence(false);
    let text = fs::read_to_string(daemon.config()).unwrap();
    fs::write(daemon.config(), text.replace(&unknown, "")).unwrap();
    daemon.signal(Signal::HUP);
    wait_for("every end", TOLD * 4, || {
        receiver.count("unknown_backend", "ended") >= 1000
    });
    let after = resident_kib(daemon.pid());
    let events = receiver.events();
    for number in 0..1000 {
        let name = format!("b{number}");
        let of_it = events.iter().filter(|it| it["backend"] == name.as_str());
        let states: Vec<_> = of_it.map(|it| it["data"]["state"].clone()).collect();
        assert_eq!(states, ["begun", "ended"], "{name}");
    }
    assert_eq!(receiver.count("unreachable", "begun"), 1);
    assert!(after < before + 8 * 1024, "{before} KiB, then {after} KiB");
}

fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let digits = line.unwrap().split_whitespace().nth(1).unwrap();
    digits.parse().unwrap()
}

#[test]
fn a_mistake_in_a_url_stays_out_of_the_daemons_log() {
    let place = Place::new();
    let daemon = place.config("").start();
    let text = fs::read_to_string(daemon.config()).unwrap();
    let table = alert("kind = \"webhook\"\nurl = \"htps://chat.example.com/s3cret\"");
    fs::write(daemon.config(), text + &table).unwrap();
    daemon.signal(Signal::HUP);
    daemon_says(&daemon, "the configuration stays as it was");
    assert!(!daemon.text().contains("s3cret"), "{}", daemon.text());
}

/// Beside a real HAProxy: with one channel that hangs, and with none.
#[test]
fn a_spare_that_comes_is_told_and_no_hanging_channel_makes_it_later() {
    let Some(version) = versions().first() else {
        return;
    };
    let servers = [("web1", 150), ("web2", 5)]
        .map(|(name, ms)| TinyServer::start(name, Behaviour::delay_ms(ms)));
    let check = "check inter 200ms fastinter 200ms downinter 200ms rise 2 fall 2";
    let backend = Backend::new("web")
        .server("web1", servers[0].address(), check)
        .server("web2", servers[1].address(), &format!("{check} disabled"));
    let haproxy = RealHaproxy::start(version, HaproxyConfig::new(backend));
    let (hanging, good) = (
        Receiver::start(Manner::Hang),
        Receiver::start(Manner::Answer(200)),
    );
    let all = "on = [\"problem\", \"change\", \"breach\", \"warm_up\"]";
    let of = |url: &str| alert(&format!("kind = \"webhook\"\nurl = \"{url}\"\n{all}"));
    let config = DaemonConfig::new(&haproxy).more(&(of(&hanging.url("/")) + &of(&good.url("/"))));
    let daemon = config.start();
    let _load = Load::open(haproxy.frontend(), 40.0);
    daemon.wait_for("enable", "web2", TOLD);
    let enabled = || {
        let events = good.events();
        events.into_iter().find(|event| event["code"] == "enable")
    };
    let event = wait_for_some("the message", TOLD, enabled);
    assert_eq!(
        (&event["backend"], &event["server"]),
        (&"web".into(), &"web2".into())
    );
    assert!(
        event["id"].is_u64() && event["data"]["threshold"].is_number(),
        "{event}"
    );
    assert!(
        hanging.received().len() <= 2,
        "it still waits for its first answer"
    );
}
