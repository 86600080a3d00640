//! An Alertmanager forgets what is not repeated: what lasts is told again, until it is over.

use std::time::{Duration, SystemTime};

use haproxy_autoscale::alerts::{Front, Glance};
use haproxy_autoscale::config;
use haproxy_autoscale::publish::events::Events;
use haproxy_autoscale::publish::hub::Hub;
use haproxy_autoscale::status::Told;
use serde_json::Value;
use tokio::time::Instant;

use super::place::TOLD;
use super::receiver::{Manner, Receiver};
use crate::support::wait_for;

/// Instead of a minute.
const EVERY: Duration = Duration::from_millis(200);

/// The loop's end of the alerts, with one Alertmanager, and nothing else of a daemon.
struct Loop {
    front: Front,
    manager: Receiver,
}

impl Loop {
    fn start() -> Self {
        let manager = Receiver::start(Manner::Answer(200));
        let text = format!(
            "[haproxy]\nsocket = \"/nonexistent/admin.sock\"\n[log]\nsource = \"/nonexistent/log\"\n\
             [state]\ndir = \"\"\n[backend.web]\nalways_up = [\"web1\"]\nresponse_time = \"500ms\"\n\
             [[alert]]\nkind = \"webhook\"\npreset = \"alertmanager\"\nname = \"ops\"\nurl = \"{}\"\n",
            manager.url("")
        );
        let loaded = config::parse(&text, "config.toml");
        let loaded = loaded.unwrap_or_else(|errors| panic!("{}", errors.report(false)));
        let hub = Hub::new();
        let (events, _) = Events::start(&hub, None);
        let mut front = Front::new(&hub, &events).repeating_every(EVERY);
        front.serve(&loaded.config);
        Self { front, manager }
    }

    /// Goes on with those problems until it is so.
    fn until(&self, codes: &[&'static str], what: &str, is: impl Fn(&Self) -> bool) {
        wait_for(what, TOLD, || {
            self.front.publish(Glance {
                at: Instant::now(),
                problems: codes.iter().map(|code| told(code)).collect(),
                pause: None,
                ailments: Vec::new(),
            });
            is(self)
        });
    }

    /// What it was sent about that, oldest first.
    fn of(&self, code: &str) -> Vec<Value> {
        let alerts = self.manager.events().into_iter().map(|it| it[0].clone());
        alerts.filter(|it| it["labels"]["code"] == code).collect()
    }

    fn count(&self, code: &str) -> usize {
        self.of(code).len()
    }
}

fn told(code: &'static str) -> Told {
    Told {
        backend: None,
        about: None,
        code,
        text: format!("{code} of all"),
        since: SystemTime::UNIX_EPOCH,
    }
}

/// The end that an alert has, in whole milliseconds of RFC 3339: later ones are greater.
fn end(alert: &Value) -> &str {
    alert["endsAt"].as_str().expect("an end")
}

#[test]
fn what_lasts_is_repeated_with_a_later_end_and_what_is_over_is_not() {
    let played = Loop::start();
    let both = ["http_token", "untrusted"];
    played.until(&both, "repeats", |it| {
        it.count("http_token") >= 4 && it.count("untrusted") >= 4
    });
    let first = &played.of("http_token")[0];
    let later = jiff::Timestamp::now() + Duration::from_secs(60);
    let shown_until: jiff::Timestamp = end(first).parse().unwrap();
    assert!(shown_until > later, "it outlasts a repeat: {first}");
    played.until(&["untrusted"], "the end", |it| {
        let last = it.of("http_token").pop().unwrap();
        end(&last).parse::<jiff::Timestamp>().unwrap() <= jiff::Timestamp::now()
    });
    let (alerts, others) = (played.of("http_token"), played.count("untrusted"));
    let (_over, lasting) = alerts.split_last().unwrap();
    for two in lasting.windows(2) {
        assert_eq!(two[0]["labels"], two[1]["labels"], "the same alert");
        assert_eq!(two[0]["startsAt"], two[1]["startsAt"]);
        assert!(end(&two[0]) < end(&two[1]), "{two:#?}");
    }
    played.until(&["untrusted"], "repeats of the other", |it| {
        it.count("untrusted") >= others + 3
    });
    assert_eq!(played.count("http_token"), alerts.len(), "it is over");
}

#[test]
fn a_repeat_that_fails_is_made_good_by_the_next() {
    let played = Loop::start();
    let code = "http_token";
    played.until(&[code], "a repeat", |it| it.count(code) >= 2);
    played.manager.change(Manner::Answer(500));
    played.until(&[code], "it is a problem that nothing arrives", |it| {
        !it.front.problems().is_empty()
    });
    let failed = played.count(code);
    played.manager.change(Manner::Answer(200));
    played.until(&[code], "they arrive again", |it| {
        it.front.problems().is_empty() && it.count(code) > failed
    });
    assert_eq!(played.front.counts().channels["ops"].lost, 0);
}
