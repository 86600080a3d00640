//! A backend's last hour: a point for every ten seconds, the worst kept, and no more than an hour.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use haproxy_autoscale::curve::{BACKENDS_MAX, Curves, POINTS_MAX};
use haproxy_autoscale::measure::policy::PolicyView;
use haproxy_autoscale::measure::settings::{PolicySettings, Signal};
use haproxy_autoscale::metrics::Counters;
use haproxy_autoscale::publish::events::Events;
use haproxy_autoscale::publish::hub::Hub;
use haproxy_autoscale::publish::record::{News, Record};
use haproxy_autoscale::scaler::seen::{BackendState, CapacityView, Outlook, Standings, VotesView};
use haproxy_autoscale::scaler::{BackendView, Role, ServerView, Stage};
use haproxy_autoscale::words::request::Request;
use haproxy_autoscale::words::time::Timestamp;
use serde_json::{Value, json};

fn view(name: &str, serving: u32) -> BackendView {
    BackendView {
        name: name.to_owned(),
        state: BackendState::Ok,
        policy: None,
        servers: Vec::new(),
        next: Outlook::Well {
            measured: None,
            per_second: None,
            serving: 2,
        },
        serving: Some(serving),
        wanted: Some(1),
        capacity: CapacityView::default(),
        votes: VotesView::default(),
        in_flight: Some(0),
        standings: Standings::default(),
        problems: Vec::new(),
    }
}

fn server(name: &str) -> ServerView {
    ServerView {
        name: name.to_owned(),
        role: Role::AlwaysUp,
        stage: Stage::Ready,
        is_up: true,
        is_serving: true,
        weight: Some(1),
        machine: None,
        standings: Standings::default(),
        note: None,
    }
}

/// A daemon's counters and its curves, and what is looked at.
struct Played {
    counters: Counters,
    curves: Curves,
    hub: Hub,
    events: Events,
    views: Vec<BackendView>,
}

impl Played {
    fn new(names: &[String]) -> Self {
        let hub = Hub::new();
        let (events, _) = Events::start(&hub, None);
        let policies: &[_] = &[];
        let backends = names.iter().map(|name| (name.as_str(), policies));
        Self {
            counters: Counters::new(backends, wall(0)),
            curves: Curves::default(),
            hub,
            events,
            views: names.iter().map(|name| view(name, 1)).collect(),
        }
    }

    fn web() -> Self {
        Self::new(&["web".to_owned()])
    }

    fn requests(&mut self, count: u32, took_ms: u32) {
        for _ in 0..count {
            self.request_of("web1", took_ms);
        }
    }

    fn request_of(&mut self, server: &str, took_ms: u32) {
        self.counters.request(&Request {
            backend: "web",
            server,
            request_ms: Some(0),
            queue_ms: Some(0),
            connect_ms: Some(0),
            response_ms: Some(took_ms),
            total_ms: Some(took_ms),
            status: Some(200),
            tail: None,
        });
    }

    fn see(&self, at_ms: u64) {
        let now = Timestamp::from_ms(at_ms);
        self.curves
            .see(now, wall(at_ms), &self.views, &self.counters);
    }

    fn curve(&self, backend: &str) -> Option<Value> {
        let curve = self.curves.json(backend, &self.events)?;
        Some(serde_json::from_str(&curve).expect("JSON"))
    }
}

fn wall(at_ms: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000) + Duration::from_millis(at_ms)
}

#[test]
fn a_point_has_the_mean_of_ten_seconds_and_their_worst_second() {
    let mut played = Played::web();
    played.see(0);
    for second in 1..10 {
        played.requests(10, if second == 5 { 500 } else { 50 });
        played.see(second * 1000);
    }
    played.see(10_000);
    let curve = played.curve("web").expect("a curve");
    assert_eq!(curve["mean_ms"], json!([100.0, null]));
    assert_eq!(curve["peak_ms"], json!([500.0, null]));
    assert_eq!(curve["per_s"], json!([10.0, 0.0]));
    assert_eq!(curve["peak_per_s"], json!([10.0, 0.0]));
    assert_eq!(curve["serving"], json!([1, 1]));
    assert_eq!(curve["first_at"], "2027-01-15T08:00:00.000Z");
    assert_eq!(curve["step_s"], 10);
}

#[test]
fn looks_that_follow_each_other_faster_than_a_second_are_one() {
    let mut played = Played::web();
    played.see(0);
    played.requests(10, 50);
    played.see(1000);
    played.requests(1, 9000);
    played.see(1100);
    played.requests(8, 50);
    played.see(2000);
    let curve = played.curve("web").expect("a curve");
    assert_eq!(
        curve["peak_ms"],
        json!([1044.4]),
        "a mean of nine, not of one"
    );
    assert_eq!(curve["peak_per_s"], json!([10.0]));
}

#[test]
fn time_in_which_nobody_looked_is_empty() {
    let mut played = Played::web();
    played.requests(10, 50);
    played.see(0);
    played.see(45_000);
    let curve = played.curve("web").expect("a curve");
    assert_eq!(curve["serving"], json!([1, null, null, null, 1]));
    assert_eq!(curve["per_s"], json!([null, null, null, null, 0.0]));
    assert_eq!(
        curve["mean_ms"],
        json!([null, null, null, null, null]),
        "from before the first look"
    );
    assert_eq!(curve["first_at"], "2027-01-15T08:00:00.000Z");
}

#[test]
fn an_hour_is_kept_and_no_more() {
    let mut played = Played::web();
    for second in 0..2 * 3600 {
        played.requests(1, 50);
        played.see(second * 1000);
    }
    let curve = played.curve("web").expect("a curve");
    let points = curve["per_s"].as_array().expect("a list");
    assert_eq!(points.len(), POINTS_MAX);
    assert!(points.iter().all(|it| *it == json!(1.0)), "{points:?}");
    assert_eq!(curve["first_at"], "2027-01-15T09:00:00.000Z");
    // A day without a look leaves a point, and a day's worth of nothing before it.
    played.see(90_000_000);
    let curve = played.curve("web").expect("a curve");
    let points = curve["serving"].as_array().expect("a list");
    assert_eq!(points.len(), POINTS_MAX);
    assert_eq!(points.iter().filter(|it| !it.is_null()).count(), 1);
}

#[test]
fn backends_beyond_the_limit_have_none_and_those_that_go_take_theirs_along() {
    let names: Vec<String> = (0..BACKENDS_MAX + 10)
        .map(|it| format!("b{it:04}"))
        .collect();
    let mut played = Played::new(&names);
    played.see(0);
    assert!(played.curve("b0000").is_some());
    assert!(played.curve(&names[BACKENDS_MAX - 1]).is_some());
    assert_eq!(played.curve(&names[BACKENDS_MAX]), None);
    played.views.remove(0);
    played.see(1000);
    assert_eq!(played.curve("b0000"), None);
    assert!(played.curve(&names[BACKENDS_MAX]).is_some());
}

fn judged(signal: Signal, value: f64) -> PolicyView {
    PolicyView {
        settings: PolicySettings::new(signal, 200.0),
        value: Some(value),
        requests: 10,
        streak: 0,
        is_broken: false,
    }
}

#[test]
fn times_come_first_and_what_another_goal_judged_is_none_of_this_one() {
    let mut played = Played::web();
    let mut see = |at_ms: u64, signal: Signal, value: f64| {
        played.views[0].policy = Some(judged(signal, value));
        played.see(at_ms);
        played.curve("web").expect("a curve")
    };
    let curve = see(0, Signal::QueueLength, 7.0);
    assert_eq!(
        (&curve["unit"], &curve["level"]),
        (&json!("count"), &json!([7.0]))
    );
    let curve = see(10_000, Signal::ResponseTime, 90.0);
    assert_eq!(
        (&curve["unit"], &curve["level"]),
        (&json!("ms"), &json!([null, 90.0]))
    );
    see(12_000, Signal::ResponseTime, 80.0);
    let curve = see(20_000, Signal::QueueLength, 300.0);
    assert_eq!(
        (&curve["unit"], &curve["level"]),
        (&json!("ms"), &json!([null, 90.0, null]))
    );
    played.curves.reconfigured();
    played.see(30_000);
    let curve = played.curve("web").expect("a curve");
    assert_eq!(
        curve["signal"], "queue_length",
        "the policies may be others"
    );
    assert_eq!(curve["level"], json!([null, null, null, 300.0]));
}

#[test]
fn shares_are_of_the_last_ten_seconds_that_are_over() {
    let mut played = Played::web();
    played.views[0].servers = ["web1", "web2"].map(server).into();
    played.counters.pass(Timestamp::from_ms(0), &played.views);
    played.requests(50, 20);
    played.see(0);
    played.requests(3, 20);
    played.request_of("web2", 20);
    played.see(11_000);
    let shares = &played.curve("web").expect("a curve")["shares"];
    assert_eq!(*shares, json!({"web1": 0.75, "web2": 0.25}));
    played.see(21_000);
    let shares = &played.curve("web").expect("a curve")["shares"];
    assert_eq!(*shares, json!({}), "nobody asked");
}

#[test]
fn what_happened_meanwhile_stands_beside_it_but_not_what_others_did() {
    let played = Played::web();
    let usage = News::Reason {
        backend: "web".to_owned(),
        reason: "quiet",
        text: "quiet".to_owned(),
    };
    let of = |backend: &str| News::ProblemLasts {
        backend: Some(backend.to_owned()),
        lasted: Duration::from_secs(1),
        text: "slow".to_owned(),
    };
    let told = [of("web"), of("api"), usage, News::Stopping, News::StateKept];
    for (second, news) in (1..).zip(told) {
        played.hub.tell(Record {
            at: wall(second * 1000),
            ..Record::now(news)
        });
    }
    played.see(0);
    played.see(9000);
    let codes = || -> Vec<String> {
        let curve = played.curve("web").expect("a curve");
        let events = curve["events"].as_array().expect("a list");
        let codes = events.iter().filter_map(|it| it["code"].as_str());
        codes.map(str::to_owned).collect()
    };
    crate::support::wait_for("the events", Duration::from_secs(10), || codes().len() == 2);
    assert_eq!(codes(), ["problem_lasts", "stopping"]);
}

/// A list of fifty backends asks once for all of them.
#[test]
fn in_brief_all_backends_have_the_highest_value_of_each_minute() {
    let names = ["api", "web"].map(str::to_owned);
    let mut played = Played::new(&names);
    for second in 0..150_u64 {
        let value = if second == 42 { 900.0 } else { 90.0 };
        played.views[1].policy = Some(judged(Signal::ResponseTime, value));
        played.see(second * 1000);
    }
    let brief = played.curves.brief_json().expect("JSON");
    let brief: Value = serde_json::from_str(&brief).expect("JSON");
    let web = json!({"unit": "ms", "threshold": 200.0, "level": [90.0, 900.0, 90.0]});
    // Fifteen points: the oldest three, and twice a minute to now.
    assert_eq!(brief["backends"]["web"], web);
    let api = json!({"unit": null, "threshold": null, "level": [null, null, null]});
    assert_eq!(brief["backends"]["api"], api, "no policy judges it");
    assert_eq!(brief["step_s"], 60);
}

#[test]
fn in_brief_an_hour_of_all_backends_is_small() {
    let names: Vec<String> = (0..BACKENDS_MAX).map(|it| format!("b{it:04}")).collect();
    let mut played = Played::new(&names);
    for view in &mut played.views {
        view.policy = Some(judged(Signal::ResponseTime, 123.456));
    }
    for point in 0..POINTS_MAX as u64 {
        played.see(point * 10_000);
    }
    let brief = played.curves.brief_json().expect("JSON").len();
    assert!(brief < BACKENDS_MAX * 500, "{brief} bytes");
}
