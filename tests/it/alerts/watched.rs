//! What is watched beside HAProxy, and who watches the daemon: probes, the heartbeat, and an
//! Alertmanager that is told of an incident and of its end.

use super::place::{Place, TOLD, alert, webhook};
use super::real::{Alertmanager, body_of};
use super::receiver::{Manner, Receiver};
use crate::support::{ReservedPort, holds_within, wait_for};

#[test]
fn a_site_that_is_down_is_told_once_and_once_that_it_is_up_and_decides_nothing() {
    let place = Place::new();
    let (site, receiver) = (
        Receiver::start(Manner::Answer(200)),
        Receiver::start(Manner::Answer(200)),
    );
    let probe = format!(
        "[[probe]]\nurl = \"{}\"\nevery = \"1s\"\nfailures = 3\nsuccesses = 2\n",
        site.url("/shop?key=s3cret")
    );
    let port = ReservedPort::new();
    let http = format!("[http]\nlisten = \"{}\"\n", port.address());
    let daemon = place
        .config(&(webhook("ops", &receiver.url("/")) + &probe + &http))
        .start();
    wait_for("a first look", TOLD, || !site.received().is_empty());
    site.change(Manner::Answer(503));
    wait_for("it is down", TOLD, || {
        receiver.count("probe_down", "begun") == 1
    });
    let event = &receiver.events()[0];
    let text = event["text"].as_str().unwrap();
    let name = format!("http://{}", &site.url("")["http://".len()..]);
    assert!(text.contains(&format!("{name} is down: ")), "{text}");
    assert!(text.contains("answered 503, 3 times in a row"), "{text}");
    assert!(
        !daemon.problems().contains("probe"),
        "{}",
        daemon.problems()
    );
    site.change(Manner::Answer(200));
    wait_for("it is up", TOLD, || {
        receiver.count("probe_down", "ended") == 1
    });
    assert_eq!(receiver.received().len(), 2, "{:#?}", receiver.events());
    let metrics = || body_of(port.address(), "/metrics").unwrap_or_default();
    let counted = [
        format!("haproxy_autoscale_probe_up{{site=\"{name}\"}} 1"),
        "haproxy_autoscale_notifications_total{channel=\"ops\",result=\"success\"} 2".to_owned(),
        "haproxy_autoscale_notification_queue_length{channel=\"ops\"} 0".to_owned(),
    ];
    wait_for("the metrics", TOLD, || {
        let page = metrics();
        counted.iter().all(|line| page.contains(line))
    });
    assert!(!metrics().contains("s3cret"));
    let log = daemon.text();
    assert!(
        log.contains("is up again, after") && !log.contains("s3cret"),
        "{log}"
    );
    assert!(!log.contains("web/web2"), "nothing was decided: {log}");
}

#[test]
fn the_heartbeat_beats_as_long_as_healthz_would_be_200() {
    let place = Place::new();
    let service = Receiver::start(Manner::Answer(200));
    let heartbeat = format!(
        "[heartbeat]\nurl = \"{}\"\nevery = \"1s\"\n",
        service.url("/ping/s3cret")
    );
    let daemon = place
        .config(&heartbeat)
        .haproxy("poll_interval", "\"1s\"")
        .start();
    let beats = || service.received().len();
    wait_for("beats", TOLD, || beats() >= 3);
    assert!(service.received()[0].line.starts_with("GET /ping/s3cret "));
    place.silence(true);
    wait_for("a problem", TOLD, || {
        daemon.problems().contains("unreachable")
    });
    let silent = |beats: &dyn Fn() -> usize| {
        let before = beats();
        !holds_within(std::time::Duration::from_secs(3), || beats() > before)
    };
    wait_for("silence", TOLD, || silent(&beats));
    place.silence(false);
    let before = beats();
    wait_for("it beats again", TOLD, || beats() > before + 1);
    service.change(Manner::Answer(404));
    wait_for("it is said that nobody takes it", TOLD, || {
        daemon
            .text()
            .contains("the heartbeat is not taken: GET http://127.0.0.1")
    });
    assert!(daemon.problems().contains("heartbeat_not_sent"));
    assert!(!daemon.text().contains("s3cret"), "{}", daemon.text());
}

#[test]
fn a_real_alertmanager_shows_an_incident_until_it_is_over() {
    let Some(manager) = Alertmanager::start() else {
        return;
    };
    let place = Place::new();
    let table = alert(&format!(
        "kind = \"webhook\"\npreset = \"alertmanager\"\nurl = \"{}\"",
        manager.url()
    ));
    let daemon = place.config(&table).start();
    place.silence(true);
    wait_for("it is active", TOLD, || {
        manager.active("unreachable").len() == 1
    });
    let alert = &manager.active("unreachable")[0];
    assert_eq!(alert["labels"]["severity"], "warning");
    place.silence(false);
    wait_for(&daemon.text(), TOLD, || {
        manager.active("unreachable").is_empty()
    });
}
