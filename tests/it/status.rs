//! What `status` says of what one server carries: the sentence for people and the numbers for scripts.

use std::time::{Duration, SystemTime};

use haproxy_autoscale::config::Mode;
use haproxy_autoscale::measure::capacity::Carries;
use haproxy_autoscale::measure::need::{Lead, Need};
use haproxy_autoscale::measure::served::Goal;
use haproxy_autoscale::measure::settings::Signal;
use haproxy_autoscale::scaler::seen::{
    BackendState, CapacitySource, CapacityView, MachineView, Needed, Outlook, Standings, VotesView,
};
use haproxy_autoscale::scaler::{BackendView, Role, ServerView, Stage};
use haproxy_autoscale::status::{LogCondition, Report};
use haproxy_autoscale::words::machine::PowerState;

fn learned() -> CapacityView {
    CapacityView {
        source: CapacitySource::Learned,
        goal: Some(Goal {
            signal: Signal::ResponseTime,
            ms: 500.0,
        }),
        proved_per_s: Some(37.0),
        proved_ago: Some(Duration::from_secs(12 * 60)),
        broken_per_s: Some(40.123_456),
        carries: Some(Carries::Bounded(37.0)),
        demand_per_s: Some(52.0),
        serving: 2,
        exist: 3,
        enough_until: Some(57.3),
    }
}

fn view(capacity: CapacityView) -> BackendView {
    BackendView {
        name: "web".to_owned(),
        state: BackendState::Ok,
        policy: None,
        servers: Vec::new(),
        next: Outlook::Well {
            measured: None,
            per_second: None,
            serving: 2,
        },
        serving: Some(2),
        wanted: Some(3),
        capacity,
        votes: VotesView::default(),
        in_flight: Some(0),
        standings: Standings::default(),
        problems: Vec::new(),
    }
}

/// `status --json` of a backend of which that is known.
fn json(capacity: CapacityView) -> serde_json::Value {
    json_of(view(capacity))
}

/// 42 s after the beginning of 2026.
fn json_of(view: BackendView) -> serde_json::Value {
    let report = Report {
        mode: Mode::Act,
        version: None,
        source: "/var/log/haproxy.log".to_owned(),
        lines: 0,
        rejected: 0,
        lost: 0,
        refused: 0,
        log: LogCondition::Read,
        lag: Duration::ZERO,
        problems: Vec::new(),
        backends: vec![view],
    };
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_642);
    let text = report.json(at);
    let mut status: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    status["backends"][0].take()
}

#[test]
fn one_sentence_says_what_a_server_carries_and_from_where_one_more_is_wanted() {
    assert_eq!(
        learned().sentence().as_deref(),
        Some(
            "one server carries 37 requests/s within 500 ms (proved 12m ago, broke at 40); now 52/s on 2; \
             a third is wanted above 57/s"
        )
    );
    let all_in = CapacityView {
        exist: 2,
        ..learned()
    };
    let said = all_in.sentence().unwrap_or_default();
    assert!(
        said.ends_with("; 2 are enough up to 57/s, and no more servers exist"),
        "{said}"
    );
}

#[test]
fn what_never_broke_is_a_lower_bound_and_asks_for_nothing() {
    let unbroken = CapacityView {
        broken_per_s: None,
        carries: Some(Carries::Proved(46.25)),
        ..learned()
    };
    assert_eq!(
        unbroken.sentence().as_deref(),
        Some(
            "one server carries at least 37 requests/s within 500 ms (proved 12m ago, never broke); now 52/s on 2"
        )
    );
}

#[test]
fn it_is_said_by_whose_word_a_capacity_is_known() {
    let known = |capacity: CapacityView| {
        let sentence = capacity.sentence().expect("known");
        let (_, rest) = sentence.split_once('(').expect("by whose word");
        rest.split_once(')').expect("by whose word").0.to_owned()
    };
    let restarted = CapacityView {
        proved_ago: None,
        ..learned()
    };
    assert_eq!(
        known(restarted),
        "proved before the last restart, broke at 40"
    );
    let source = CapacitySource::Log;
    assert_eq!(
        known(CapacityView {
            source,
            ..restarted
        }),
        "by an old log, broke at 40"
    );
    let source = CapacitySource::Given;
    assert_eq!(
        known(CapacityView {
            source,
            ..restarted
        }),
        "as configured"
    );
    let unproved = CapacityView {
        proved_per_s: None,
        ..restarted
    };
    assert_eq!(known(unproved), "not proved yet, broke at 40");
    assert_eq!(CapacityView::default().sentence(), None);
}

#[test]
fn scripts_get_the_numbers_with_the_contracts_names() {
    let backend = json(learned());
    assert_eq!(backend["demand_per_s"], 52.0);
    assert_eq!(backend["wanted"], 3);
    assert_eq!(
        backend["capacity"],
        serde_json::json!({"proved_per_s": 37.0, "broken_per_s": 40.123, "source": "learned"})
    );
    let backend = json(CapacityView::default());
    assert_eq!(backend["demand_per_s"], serde_json::Value::Null);
    assert_eq!(backend["capacity"]["source"], "none");
    assert_eq!(backend["capacity"]["proved_per_s"], serde_json::Value::Null);
    let words: Vec<&str> = CapacitySource::ALL.iter().map(|it| it.as_str()).collect();
    assert_eq!(words, ["learned", "log", "given", "none"]);
}

#[test]
fn a_spare_that_the_load_needs_stays_with_the_numbers_that_say_so() {
    let need = Need {
        units: 1.8,
        lead: Lead::Arrivals,
        demand: 52.0,
        margin: 14.0,
        backlog: 0.0,
        in_flight: 3.0,
        capacity: Some(Carries::Bounded(37.0)),
        service_ms: Some(60.0),
        by_arrivals: Some(1.8),
        by_in_flight: None,
        by_queue: None,
    };
    let needed = Needed {
        server: "web2".to_owned(),
        need,
        highest: 1.8,
        within: Duration::from_secs(300),
        left: 1.0,
        exist: 3,
    };
    let said = |needed: &Needed| Outlook::Stays(Box::new(needed.clone())).to_string();
    assert_eq!(
        said(&needed),
        "web2 stays: 52 requests/s × 1.27 kept ready ÷ 37/s each = 1.8 → 2 wanted"
    );
    let beyond = Needed {
        exist: 1,
        ..needed.clone()
    };
    assert!(said(&beyond).ends_with(" → 2 wanted, 1 exist"));
    let later = Needed {
        need: Need {
            units: 0.5,
            demand: 15.0,
            margin: 3.5,
            ..need
        },
        ..needed
    };
    assert_eq!(
        said(&later),
        "web2 stays: the load of the last 5m needed up to 1.8 servers, and 1 would be left; \
         now 15 requests/s × 1.23 kept ready ÷ 37/s each = 0.5 → 1 wanted"
    );
    let close = Needed {
        highest: 0.9,
        ..later
    };
    assert!(said(&close).contains("needed up to 0.9 servers, and 1 would be barely enough"));
}

/// web1 without a machine, and web2 with one.
fn with_machines() -> BackendView {
    let server = |name: &str, machine: Option<MachineView>| ServerView {
        name: name.to_owned(),
        role: Role::Spare,
        stage: Stage::Maint,
        is_up: false,
        is_serving: false,
        weight: Some(1),
        machine,
        standings: Standings::default(),
        note: None,
    };
    let machine = MachineView {
        power: Some(PowerState::Starting),
        lasted: Duration::from_secs(42),
        is_ours: true,
        booting: None,
        boot: Some(Duration::from_millis(55_250)),
        starts: 3,
        ran: Duration::from_secs(7200),
    };
    let unknown = MachineView {
        power: None,
        boot: None,
        is_ours: false,
        ..machine
    };
    BackendView {
        servers: vec![
            server("web1", None),
            server("web2", Some(machine)),
            server("web3", Some(unknown)),
        ],
        ..view(learned())
    }
}

#[test]
fn each_server_with_a_machine_has_it_for_scripts_and_no_other() {
    let status = json_of(with_machines());
    let servers = status["servers"].as_array().expect("servers");
    let has = |at: usize| {
        servers[at]
            .as_object()
            .expect("one")
            .contains_key("machine")
    };
    assert!(!has(0) && has(1) && has(2));
    let known = serde_json::json!({
        "state": "starting",
        "since": "2026-01-01T00:00:00Z",
        "ours": true,
        "boot_s": 55.25,
        "starts": 3,
        "ran_s": 7200.0,
    });
    assert_eq!(servers[1]["machine"], known);
    assert_eq!(servers[2]["machine"]["state"], "unknown");
    assert!(servers[2]["machine"]["boot_s"].is_null());
}
