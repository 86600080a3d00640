//! The command `report`: sums of what is in the file.

use std::time::{Duration, SystemTime};

use haproxy_autoscale::measure::account::Usage;
use haproxy_autoscale::publish::record::{News, Record, What};
use haproxy_autoscale::scaler::decision::{
    Change, Decision, MachineNews, MachineTrouble, Reason, Refusal, Wanted,
};
use haproxy_autoscale::words::machine::{MachineKey, MachineVerb};
use haproxy_autoscale::words::order::Verb;
use haproxy_autoscale::words::time::Timestamp;
use serde_json::Value;

use super::file::{Teller, place};
use super::list::config;
use crate::support::program::run;

const MINUTE: Duration = Duration::from_secs(60);

pub(super) fn usage(minutes: u32) -> News {
    News::Usage {
        backend: "web".to_owned(),
        usage: Usage {
            span: minutes * MINUTE,
            known: minutes * MINUTE,
            requests: 1000,
            slow: 30,
            failed: 20,
            above_goal: Duration::from_secs(12),
            servers: 2 * minutes * MINUTE,
            all_servers: 5 * minutes * MINUTE,
            machines: None,
        },
        is_pretended: false,
    }
}

/// Three times five minutes of the last quarter of an hour, and five of yesterday.
fn counted() -> (tempfile::TempDir, String) {
    let (folder, events) = place();
    let teller = Teller::start(&events);
    let now = SystemTime::now();
    for ago in [26 * 60, 10, 5, 0] {
        let what = What::News(usage(5));
        let at = now - ago * MINUTE;
        teller.hub.tell(Record { at, what });
    }
    teller.end();
    let config = config(folder.path(), &events);
    (folder, config)
}

/// An order for what there is not.
pub(super) fn refused(backend: &str, server: Option<&str>) -> Record {
    let decision = Decision {
        at: Timestamp::default(),
        backend: Some(backend.to_owned()),
        server: server.map(str::to_owned),
        change: Change::Operator,
        reason: Reason::Answer {
            verb: Verb::Pause,
            by: None,
            answer: Err(Refusal::UnknownBackend {
                name: backend.to_owned(),
                known: vec!["web".to_owned()],
            }),
        },
    };
    let what = What::Decision {
        decision,
        is_pretended: false,
    };
    Record {
        at: SystemTime::now(),
        what,
    }
}

/// What a machine was asked for, or did not do.
fn of_machine(change: Change, news: MachineNews) -> Record {
    let decision = Decision {
        at: Timestamp::default(),
        backend: Some("web".to_owned()),
        server: Some("web2".to_owned()),
        change,
        reason: Reason::Machine(news),
    };
    Record {
        at: SystemTime::now(),
        what: What::Decision {
            decision,
            is_pretended: false,
        },
    }
}

/// Machines ran for six of five minutes together, were started once, and failed twice.
fn counted_with_machines() -> (tempfile::TempDir, String) {
    let (folder, events) = place();
    let teller = Teller::start(&events);
    let start = |attempt| MachineNews::Start {
        key: MachineKey(7),
        attempt,
        usual: None,
        wanted: Wanted::Reloaded,
    };
    let failed = |verb, trouble| MachineNews::Failed {
        verb,
        trouble,
        again_in: None,
    };
    for attempt in [1, 2] {
        let record = of_machine(Change::MachineStart, start(attempt));
        teller.hub.tell(record);
    }
    for (verb, trouble) in [
        (MachineVerb::Stop, MachineTrouble::StillOn),
        (MachineVerb::Status, MachineTrouble::Died),
        (
            MachineVerb::Status,
            MachineTrouble::Unknown("no answer".to_owned()),
        ),
    ] {
        let record = of_machine(Change::MachineFailed, failed(verb, trouble));
        teller.hub.tell(record);
    }
    let News::Usage { backend, usage, .. } = usage(5) else {
        unreachable!()
    };
    teller.tell(News::Usage {
        backend,
        usage: Usage {
            machines: Some(6 * MINUTE),
            ..usage
        },
        is_pretended: false,
    });
    teller.end();
    let config = config(folder.path(), &events);
    (folder, config)
}

#[test]
fn a_report_says_what_machines_took_where_there_are_some() {
    let (_folder, config) = counted_with_machines();
    let web = &report(&config, &[])["backends"][0];
    assert_eq!(web["machine_seconds"], 360.0);
    assert_eq!(web["machine_starts"], 1, "a repetition is none");
    assert_eq!(web["machine_failures"], 2, "one that nobody sees is none");
    let text = run(&["report", "-c", &config]).succeeded();
    let part = "\n  machines  6.0 machine-minutes run, 1 start, 2 failed\n";
    assert!(text.contains(part), "{text}");
    let (_folder, config) = counted();
    let text = run(&["report", "-c", &config]).succeeded();
    assert!(!text.contains("machine"), "{text}");
}

fn report(config: &str, more: &[&str]) -> Value {
    let arguments = ["report", "--json", "-c", config];
    serde_json::from_str(&run(&[&arguments, more].concat()).succeeded()).unwrap()
}

#[test]
fn a_report_adds_up_a_day_with_the_names_of_the_contract() {
    let (_folder, config) = counted();
    let day = report(&config, &[]);
    let web = &day["backends"][0];
    assert_eq!(web["name"], "web");
    assert_eq!(web["requests"], 3000, "not those of yesterday");
    assert_eq!(
        (&web["failed"], &web["slow_share"]),
        (&60.into(), &0.05.into())
    );
    assert_eq!(web["server_seconds"], 1800.0);
    assert_eq!(web["saved_server_seconds"], 2700.0);
    assert_eq!(web["above_goal_seconds"], 36.0);
    assert_eq!(web["pretended"], false);
    let names: Vec<&String> = web.as_object().unwrap().keys().collect();
    let wanted = [
        "above_goal_seconds",
        "disables",
        "enables",
        "failed",
        "failures",
        "name",
        "pretended",
        "requests",
        "saved_server_seconds",
        "server_seconds",
        "slow_share",
    ];
    assert_eq!(names, wanted);
    assert!(day["from"].is_string() && day["to"].is_string());
}

#[test]
fn a_report_takes_the_part_of_what_was_counted_that_is_inside() {
    let (_folder, config) = counted();
    let web = &report(&config, &["--since", "7m 30s"])["backends"][0];
    let requests = web["requests"].as_u64().unwrap();
    assert!(
        (1495..=1510).contains(&requests),
        "two and a half minutes, and five: {requests}"
    );
    let all = &report(&config, &["--since", "2d"])["backends"][0];
    assert_eq!(all["requests"], 4000);
}

#[test]
fn a_report_for_people_says_what_was_saved_and_what_nobody_counted() {
    let (_folder, config) = counted();
    let text = run(&["report", "-c", &config]).succeeded();
    for part in [
        "0.5 server-hours used, 0.8 saved against all servers always",
        "3000, 5.00 % slow or failed, 60 failed; 36s above the threshold",
        "unknown   23h 45m: no daemon counted",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_report_says_for_how_long_nobody_knew_the_servers() {
    let (folder, events) = place();
    let teller = Teller::start(&events);
    let News::Usage { mut usage, .. } = usage(5) else {
        unreachable!()
    };
    usage.known = MINUTE;
    teller.tell(News::Usage {
        backend: "web".to_owned(),
        usage,
        is_pretended: false,
    });
    teller.end();
    let config = config(folder.path(), &events);
    let text = run(&["report", "--since", "10m", "-c", &config]).succeeded();
    assert!(text.contains("unknown   9m: no daemon counted"), "{text}");
}

#[test]
fn a_refused_order_makes_no_backend() {
    let (folder, events) = place();
    let teller = Teller::start(&events);
    teller.tell(usage(5));
    for (backend, server) in [("nope", None), ("no", Some("web9"))] {
        teller.hub.tell(refused(backend, server));
    }
    teller.end();
    let config = config(folder.path(), &events);
    let all = report(&config, &[]);
    let backends = all["backends"].as_array().unwrap().iter();
    let names: Vec<_> = backends.map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["web"]);
    let error = run(&["events", "-c", &config, "--backend", "api"]).failed(1);
    assert!(
        error.contains("no backend api in the configuration or the events; known: web\n"),
        "{error}"
    );
}
