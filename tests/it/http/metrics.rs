//! The page of metrics: every row of the table is on it and no other, from the first scrape on, in both
//! formats, within bounds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use haproxy_autoscale::metrics::{self, Kind};

use super::client::{SOON, Served, serve, serve_alone, web};
use super::prometheus::promtool;
use crate::support::{
    Behaviour, DaemonConfig, HaproxyConfig, Load, RealHaproxy, TinyServer,
    for_each_version_at_once, versions, wait_for,
};

const OPEN: &str = "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5";

/// Series and their values.
pub(super) fn series(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.rsplit_once(' '));
    pairs
        .map(|(name, value)| (name.to_owned(), value.parse().expect("a number")))
        .collect()
}

pub(super) fn scraped(served: &Served) -> BTreeMap<String, f64> {
    series(&served.get("/metrics", &[]).body)
}

/// The metric that a series is of: without labels, and without what a histogram adds.
pub(super) fn metric_of(series: &str) -> String {
    let name = series.split('{').next().unwrap_or_default();
    let ends = ["_bucket", "_sum", "_count"];
    let bare = ends.iter().find_map(|end| name.strip_suffix(end));
    let is_histogram = |bare: &str| {
        metrics::all().any(|(name, metric)| name == bare && metric.kind == Kind::Histogram)
    };
    bare.filter(|bare| is_histogram(bare))
        .unwrap_or(name)
        .to_owned()
}

#[test]
fn every_row_is_on_the_page_from_the_first_scrape_on() {
    let web1 = TinyServer::start("web1", Behaviour::delay_ms(5));
    let web2 = TinyServer::start("web2", Behaviour::delay_ms(5));
    let config = HaproxyConfig::new(web(&[&web1, &web2]));
    let haproxy = RealHaproxy::start(&versions()[0], config);
    let served = serve(DaemonConfig::new(&haproxy));
    wait_for("the first look", SOON, || {
        served.daemon.stage("web2") == "maint"
    });
    wait_for("its version", SOON, || {
        served.daemon.text().contains("connected to")
    });
    std::thread::sleep(Duration::from_secs(1)); // A look is a second old at most.
    let page = served.get("/metrics", &[]).body;
    let known: BTreeSet<String> = metrics::all().map(|(name, _)| name).collect();
    assert!(known.len() > 60, "{}", known.len());
    let shown: BTreeSet<String> = series(&page).keys().map(|it| metric_of(it)).collect();
    let unknown: Vec<_> = shown.difference(&known).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    // What nobody has measured yet is absent, not 0.
    let missing: BTreeSet<_> = known.difference(&shown).map(String::as_str).collect();
    let unmeasured = [
        "capacity_requests_per_second",
        "demand_requests_per_second",
        "log_last_line_timestamp_seconds",
        "machine_boot_seconds",
        "machine_failures_total",
        "machine_running_seconds_total",
        "machine_starts_total",
        "machine_state",
        "notification_queue_length",
        "notifications_total",
        "probe_up",
        "threshold_level",
        "window_level",
        "window_seconds",
    ]
    .map(|name| format!("{}{name}", metrics::PREFIX));
    let unexpected: Vec<_> = missing
        .iter()
        .filter(|it| !unmeasured.contains(&(**it).to_owned()))
        .collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
    for (name, metric) in metrics::all() {
        let kind = format!("# TYPE {name} {}\n", metric.kind.as_str());
        assert!(page.contains(&kind), "{kind}");
        let labels = ["proxy", "server", "code", "state"];
        for label in metric.labels.iter().filter(|it| !labels.contains(it)) {
            let ours = [
                "version",
                "mode",
                "socket",
                "source",
                "result",
                "reason",
                "kind",
                "signal",
                "statistic",
                "bound",
                "trigger",
                "stage",
                "revision",
                "action",
                "channel",
                "site",
                "verb",
            ];
            assert!(ours.contains(label), "{name}: {label}");
        }
    }
}

#[test]
fn the_page_is_clean_by_promtool_in_both_formats() {
    let Some(promtool) = promtool() else { return };
    let served = serve_alone();
    let classic = served.get("/metrics", &[]);
    assert!(
        classic
            .head
            .contains("content-type: text/plain; version=0.0.4"),
        "{}",
        classic.head
    );
    assert_eq!(promtool.check_metrics(&classic.body), "");
    let open = served.get("/metrics", &[OPEN]);
    let kind = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert!(open.head.contains(kind), "{}", open.head);
    assert!(open.body.ends_with("\n# EOF\n"));
    // `promtool check metrics` reads the classic format alone, in which a counter's family is called
    // as its samples are.
    let mut as_classic = open.body.replace("# EOF\n", "");
    for (name, _) in metrics::all().filter(|(_, metric)| metric.kind == Kind::Counter) {
        let family = name.trim_end_matches("_total");
        for word in ["HELP", "TYPE"] {
            let (from, to) = (format!("# {word} {family} "), format!("# {word} {name} "));
            assert!(as_classic.contains(&from), "{from}");
            as_classic = as_classic.replace(&from, &to);
        }
    }
    assert_eq!(promtool.check_metrics(&as_classic), "");
    assert_eq!(series(&as_classic).len(), series(&classic.body).len());
    for (accept, is_open) in [
        ("*/*", false),
        ("text/plain", false),
        ("text/plain, application/openmetrics-text;q=0.5", false),
        ("application/openmetrics-text", true),
        (
            "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            true,
        ),
        ("application/openmetrics-text;q=0", false),
    ] {
        let head = served.get("/metrics", &[&format!("Accept: {accept}")]).head;
        assert_eq!(head.contains("openmetrics"), is_open, "{accept}: {head}");
    }
}

/// What one spare that came in left behind in the counters.
#[track_caller]
fn assert_counted(seen: &BTreeMap<String, f64>, haproxy: &RealHaproxy) {
    let number = |name: &str| {
        let found = seen.get(&format!("{}{name}", metrics::PREFIX)).copied();
        found.unwrap_or_else(|| panic!("no {name} in {:#?}", seen.keys()))
    };
    assert!(number("decisions_total{proxy=\"web\",code=\"breach\"}") >= 3.0);
    assert!((number("enables_total{proxy=\"web\",trigger=\"breach\"}") - 1.0).abs() < 0.1);
    assert!(
        (number("server_stage{proxy=\"web\",server=\"web2\",stage=\"ready\"}") - 1.0).abs() < 0.1
    );
    let of_web2 = |result: &str| {
        number(&format!(
            "warm_up_requests_total{{proxy=\"web\",server=\"web2\",result=\"{result}\"}}"
        ))
    };
    assert!(of_web2("success") >= 1.0 && of_web2("failure") < 0.1);
    for action in ["warm_up", "enable"] {
        let done = number(&format!(
            "actions_total{{proxy=\"web\",action=\"{action}\",trigger=\"breach\",result=\"success\"}}"
        ));
        assert!((done - 1.0).abs() < 0.1, "{action}: {done}");
    }
    let windows = |result: &str| {
        number(&format!(
            "evaluations_total{{proxy=\"web\",result=\"{result}\"}}"
        ))
    };
    assert!(windows("breach") >= 3.0 && windows("broken") < 0.1);
    assert!((number("scale_up_duration_seconds_count{proxy=\"web\"}") - 1.0).abs() < 0.1);
    assert!((number("breaches_needed{proxy=\"web\"}") - 3.0).abs() < 0.1);
    assert!(
        (number("threshold_seconds{proxy=\"web\",signal=\"response_time\",statistic=\"mean\"}")
            - 0.1)
            .abs()
            < 1e-9
    );
    assert!(number("serving_servers{proxy=\"web\"}") >= 1.0);
    // The threshold is a bucket, and those above it are no longer in it.
    let below = number("response_time_seconds_bucket{proxy=\"web\",le=\"0.1\"}");
    let all = number("response_time_seconds_count{proxy=\"web\"}");
    assert!(all > 10.0 && below < all / 2.0, "{below} of {all}");
    let users = number("requests_total{proxy=\"web\",server=\"web1\",code=\"2xx\"}");
    assert!(users > 10.0, "{users}");
    let source = format!("source=\"{}\"", haproxy.log().display());
    let parsed = number(&format!("log_lines_total{{{source},result=\"parsed\"}}"));
    assert!((parsed - all).abs() <= parsed * 0.2 + 2.0, "{parsed} {all}");
}

#[test]
fn what_happens_is_counted() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", Behaviour::delay_ms(400));
        let web2 = TinyServer::start("web2", Behaviour::delay_ms(5));
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web(&[&web1, &web2])));
        let served = serve(DaemonConfig::new(&haproxy));
        wait_for("the first look", SOON, || {
            served.daemon.stage("web2") == "maint"
        });
        let ours = |name: &str| format!("{}{name}", metrics::PREFIX);
        let value = |name: &str| scraped(&served).get(&ours(name)).copied();
        assert_eq!(
            value("server_stage{proxy=\"web\",server=\"web2\",stage=\"maint\"}"),
            Some(1.0)
        );
        assert_eq!(
            value("decisions_total{proxy=\"web\",code=\"enable\"}"),
            Some(0.0)
        );
        let load = Load::open(haproxy.frontend(), 40.0);
        served.daemon.wait_for("enable", "web2", SOON);
        wait_for("the count", SOON, || {
            value("decisions_total{proxy=\"web\",code=\"enable\"}") == Some(1.0)
        });
        assert_counted(&scraped(&served), &haproxy);
        assert!(load.failures().is_empty());
        wait_for("the time above the threshold", SOON, || {
            value("above_threshold_seconds_total{proxy=\"web\"}").is_some_and(|it| it > 0.5)
        });
        wait_for("its cost", SOON, || {
            value("spare_seconds_total{proxy=\"web\",server=\"web2\"}").is_some_and(|it| it > 0.5)
        });
    });
}
