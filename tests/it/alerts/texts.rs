//! What messages say: a title of one short line, the evidence, what follows, and how to undo or mend it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use haproxy_autoscale::publish::alert::{Incident, Notice, Subject};
use haproxy_autoscale::publish::events::Entry;
use haproxy_autoscale::scaler::seen::{NoHelp, ProblemCode};
use haproxy_autoscale::status::DaemonProblem;
use serde_json::{Value, json};

fn event(code: &str, server: Option<&str>, text: &str, data: &Value) -> Notice {
    let event = json!({
        "id": 7, "at": "2026-11-27T22:00:00.000Z", "level": "info", "code": code,
        "backend": "web", "server": server, "text": text, "data": data,
    });
    let event = serde_json::from_value(event).unwrap();
    let line = String::new();
    Notice::now(Subject::Event(Arc::new(Entry { event, line })))
}

fn incident(code: &str, text: &str) -> Incident {
    Incident {
        code: code.to_owned(),
        backend: Some("web".to_owned()),
        about: Some("web3".to_owned()),
        text: text.to_owned(),
        since: SystemTime::UNIX_EPOCH,
    }
}

#[test]
fn a_change_says_what_why_what_follows_and_how_to_undo_it() {
    for (notice, title, body) in [
        (
            event(
                "enable",
                Some("web3"),
                "enable web/web3: mean 612 ms > 500 ms over 15 requests in 2s (3 of 3); took 6.2s",
                &json!({}),
            ),
            "web: enabled spare web3",
            "Mean 612 ms > 500 ms over 15 requests in 2s (3 of 3); took 6.2s. It takes traffic. Undo: \
             `haproxy-autoscale disable web/web3`.",
        ),
        (
            event(
                "disable",
                Some("web3"),
                "disable web/web3: drained in 4s",
                &json!({}),
            ),
            "web: put web3 away",
            "Drained in 4s. Undo: `haproxy-autoscale enable web/web3`.",
        ),
        (
            event(
                "enable",
                Some("web3"),
                "[observe] would enable web/web3: mean 612 ms > 500 ms",
                &json!({}),
            ),
            "[observe] web: would enable web3",
            "Nothing was changed. Mean 612 ms > 500 ms.",
        ),
        (
            event(
                "order",
                None,
                "order web: pause by alice: nothing is changed here",
                &json!({"order": "pause"}),
            ),
            "web: order: pause",
            "Pause by alice: nothing is changed here.",
        ),
    ] {
        assert_eq!(notice.title("lb1"), title);
        assert_eq!(notice.body(), body);
    }
}

#[test]
fn an_incident_says_what_is_wrong_and_what_to_do_and_its_end_how_long_it_lasted() {
    let slow = incident(
        "slow_all_in",
        "too slow (mean 640 ms > 500 ms), and nothing can help: all spares are in",
    );
    let begun = Notice::now(Subject::Begun(slow.clone()));
    assert_eq!(begun.title("lb1"), "web: slow, and nothing can help");
    assert!(
        begun.body().starts_with("Too slow (mean 640 ms > 500 ms)"),
        "{}",
        begun.body()
    );
    assert!(
        begun.body().ends_with("add servers, or take load away."),
        "{}",
        begun.body()
    );
    let lasted = Duration::from_secs(130);
    let ended = Notice::now(Subject::Ended {
        incident: slow,
        lasted,
    });
    assert_eq!(ended.title("lb1"), "web: over: slow, and nothing can help");
    assert!(
        ended.body().starts_with("It lasted 2m 10s. "),
        "{}",
        ended.body()
    );
}

#[test]
fn every_problem_has_a_title_of_its_own_that_fits() {
    let helpless = NoHelp::ALL.into_iter();
    let helpless = helpless.flat_map(|why| [ProblemCode::Slow(why), ProblemCode::Short(why)]);
    let codes = helpless.chain(ProblemCode::OTHERS).map(ProblemCode::as_str);
    let codes = codes.chain(DaemonProblem::ALL.map(DaemonProblem::as_str));
    let mut titles = BTreeMap::new();
    for code in codes.chain(["probe_down"]) {
        let notice = Notice::now(Subject::Begun(incident(code, "text")));
        let title = notice.title("lb1");
        assert!(
            title.chars().count() <= 60 && !title.ends_with('…'),
            "{title}"
        );
        let bare = code.replace('_', " ");
        assert!(
            !title.ends_with(&format!(": {bare}")),
            "{code} has no title: {title}"
        );
        assert!(notice.body().starts_with("Text. "), "{}", notice.body());
        titles.insert(title, code);
    }
    assert!(titles.len() > 25, "{titles:#?}");
    let long = incident("probe_down", "x");
    let about =
        Some("https://a-very-long-name-of-a-host.with-many-parts.shop.example:8443".to_owned());
    let notice = Notice::now(Subject::Begun(Incident { about, ..long }));
    assert_eq!(notice.title("lb1").chars().count(), 60);
}

#[test]
fn a_machine_is_told_with_its_server_and_one_that_has_none_as_that() {
    let started = event(
        "machine_start",
        Some("web3"),
        "machine_start web/web3: its machine is asked to start",
        &json!({}),
    );
    assert_eq!(started.title("lb1"), "web: starts the machine of web3");
    let mut stray = event("machine_stray", None, "machine vm-7 runs", &json!({}));
    if let Subject::Event(entry) = &mut stray.what {
        Arc::get_mut(entry).expect("the only one").event.backend = None;
    }
    assert_eq!(stray.title("lb1"), "lb1: a machine runs that has no server");
    let unused = incident("machine_unused", "web2: its machine has run for 3h");
    let unused = Notice::now(Subject::Begun(unused));
    assert!(
        unused.title("lb1").ends_with("runs in no use"),
        "{}",
        unused.title("lb1")
    );
    assert!(
        unused.body().contains("It may cost money."),
        "{}",
        unused.body()
    );
}
