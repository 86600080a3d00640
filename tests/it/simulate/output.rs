//! What `simulate` prints, and what it says to mistakes.

use std::time::{Duration, Instant};

use crate::support::program::{in_repository, names_in_order, objects, run, undisturbed};
use crate::support::release_binary;

/// For ten million requests on one core.
const LIMIT: Duration = Duration::from_secs(10);

const SMALL: [&str; 6] = ["simulate", "--shape", "day", "--seconds", "120", "--json"];

#[test]
fn json_has_the_names_of_the_contract() {
    let out = run(&SMALL).succeeded();
    assert_eq!(out.lines().count(), 1, "one object on one line");
    let names = names_in_order(&out);
    let first = ["goal_ms", "duration_s", "requests", "seed", "runs"];
    assert_eq!(names[..5], first);
    let object = objects(&out).remove(0);
    let policies = [
        "ours",
        "guard",
        "static-min",
        "static-max",
        "script2011",
        "hpa",
        "kpa",
        "hpa-best",
        "kpa-best",
        "oracle",
    ];
    let runs = object["runs"].as_array().expect("runs");
    assert_eq!(runs.len(), policies.len());
    for (run, policy) in runs.iter().zip(policies) {
        assert_eq!(run["policy"], policy);
        let names: Vec<&String> = run.as_object().expect("an object").keys().collect();
        let mut expected = [
            "policy",
            "requests",
            "failed",
            "slow_share",
            "response_ms",
            "wait_ms",
            "server_seconds",
            "paid_server_seconds",
            "cost",
            "servers_mean",
            "changes",
            "flaps",
            "longest_above_goal_s",
            "elasticity",
        ];
        expected.sort_unstable();
        let mut names: Vec<&str> = names.into_iter().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, expected);
        for name in ["mean", "p50", "p90", "p95", "p99", "max"] {
            assert!(run["response_ms"][name].is_f64(), "{name}");
        }
        assert!(run["wait_ms"]["mean"].is_f64());
        for name in [
            "under_accuracy",
            "over_accuracy",
            "under_time_share",
            "over_time_share",
            "instability",
        ] {
            assert!(run["elasticity"][name].is_f64(), "{name}");
        }
        assert_eq!(run["requests"], object["requests"]);
        assert_eq!(run["cost"], serde_json::Value::Null, "no price was said");
        assert_eq!(run["paid_server_seconds"], run["server_seconds"]);
    }
}

#[test]
fn the_table_says_what_a_simulation_does_not_show() {
    let out = run(&["simulate", "--shape", "steady", "--seconds", "60"]).succeeded();
    assert!(out.contains("POLICY"), "{out}");
    for policy in ["ours", "hpa-best", "oracle"] {
        assert!(out.contains(&format!("\n{policy} ")), "{out}");
    }
    assert!(out.contains("This does not show:\n- "), "{out}");
}

#[test]
fn every_shape_runs_and_stays_below_its_peak() {
    use haproxy_autoscale::simulate::load::shapes::Shape;
    for shape in Shape::ALL {
        let rates = shape.rates_per_s(3600, 100.0);
        assert_eq!(rates.len(), 3600);
        let most = rates.iter().copied().fold(0.0, f64::max);
        assert!(most > 95.0 && most <= 100.0 + 1e-9, "{shape:?}: {most}");
        assert!(rates.iter().all(|it| *it > 0.0), "{shape:?}");
        let args = [
            "simulate",
            "--seconds",
            "60",
            "--policies",
            "static-max",
            "--shape",
        ];
        run(&[&args[..], &[shape.as_str()]].concat()).succeeded();
    }
}

#[test]
fn the_page_asks_for_nothing_from_outside_and_has_no_script() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("page.html");
    let path = path.to_str().expect("a path");
    let args = [
        "simulate",
        "--shape",
        "spike",
        "--seconds",
        "900",
        "--html",
        path,
    ];
    run(&args).succeeded();
    let page = std::fs::read_to_string(path).expect("the page");
    for word in [
        "http://", "https://", "src=", "<script", "<link", "@import", "url(",
    ] {
        assert!(!page.contains(word), "{word}");
    }
    assert_eq!(page.matches("<svg ").count(), 30, "three for each policy");
    for word in [
        "prefers-color-scheme: dark",
        "takes traffic",
        "warm_up",
        "</html>",
    ] {
        assert!(page.contains(word), "{word}");
    }
    assert!(!page.contains("30 days"), "no price was said");
    let opened = page.matches("<details").count();
    assert_eq!(opened, page.matches("</details>").count());
}

#[test]
fn a_load_is_named_exactly_once() {
    let none = run(&["simulate"]).failed(2);
    assert!(none.contains("--shape"), "{none}");
    let two = run(&["simulate", "--shape", "day", "--rates", "x"]).failed(2);
    assert!(two.contains("cannot be used with"), "{two}");
}

#[test]
fn mistakes_are_said_with_a_way_out() {
    for (option, value, said) in [
        ("--shape", "dya", "sawtooth"),
        ("--policies", "ours,hpb", "hpa-best"),
        ("--service", "gauss:60ms", "exp:60ms"),
        ("--balance", "random", "leastconn"),
        ("--cold", "5", "20,5"),
        ("--boot", "5", "unit"),
    ] {
        let shape = if option == "--shape" { value } else { "day" };
        let mut args = vec!["simulate", "--shape", shape];
        if option != "--shape" {
            args.extend([option, value]);
        }
        let err = run(&args).failed(2);
        assert!(err.contains(said), "{option}: {err}");
    }
    let err = run(&["simulate", "--shape", "day", "--service", "log"]).failed(1);
    assert!(err.contains("needs a log"), "{err}");
}

#[test]
fn rates_are_read_line_by_line_and_a_bad_one_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rates");
    let name = path.to_str().expect("a path");
    let write = |text: &str| std::fs::write(&path, text).expect("rates");
    write("# a morning\n10\n20.5\n\n0\n30 # busy\n");
    let args = [
        "simulate",
        "--json",
        "--policies",
        "static-max",
        "--rates",
        name,
    ];
    let object = objects(&run(&args).succeeded()).remove(0);
    assert_eq!(object["duration_s"], 4.0);
    let requests = object["requests"].as_f64().expect("requests");
    assert!((30.0..95.0).contains(&requests), "{requests}");
    let peak = run(&[&args[..], &["--peak", "3000"]].concat()).succeeded();
    let peak = objects(&peak).remove(0)["requests"]
        .as_f64()
        .expect("requests");
    assert!((5800.0..6300.0).contains(&peak), "{peak}");
    write("10\nmany\n");
    let err = run(&args).failed(1);
    assert!(err.contains("line 2") && err.contains("many"), "{err}");
    write("0\n0\n");
    assert!(run(&args).failed(1).contains("every rate is 0"));
    let err = run(&["simulate", "--rates", "/nowhere/rates"]).failed(1);
    assert!(err.contains("/nowhere/rates"), "{err}");
}

#[test]
fn a_configuration_gives_servers_goal_and_rules() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.toml");
    let config = "[backend.shop]\nalways_up = [\"a\", \"b\"]\nspares = [\"c\", \"d\", \"e\"]\n\
                  response_time = \"200ms\"\n";
    std::fs::write(&path, config).expect("a configuration");
    let path = path.to_str().expect("a path");
    let args = [
        "simulate",
        "-c",
        path,
        "--shape",
        "steady",
        "--seconds",
        "60",
    ];
    let policies = ["--policies", "static-min,static-max", "--json"];
    let out = run(&[&args[..], &policies].concat()).succeeded();
    let object = objects(&out).remove(0);
    assert_eq!(object["goal_ms"], 200.0);
    assert_eq!(object["runs"][0]["servers_mean"], 2.0);
    assert_eq!(object["runs"][1]["servers_mean"], 5.0);
    let out = run(&[&args[..], &["--goal", "1s", "--json"]].concat()).succeeded();
    assert_eq!(objects(&out).remove(0)["goal_ms"], 1000.0);
    let out = run(&[&args[..], &["--boot", "2m"]].concat()).succeeded();
    assert!(out.contains("its first try always fails"), "{out}");
    let err = run(&[&args[..], &["--backend", "web"]].concat()).failed(1);
    assert!(err.contains("shop"), "{err}");
}

#[test]
fn replay_says_which_command_answers_what_it_cannot() {
    let config = in_repository("fixtures/spike-then-idle.toml");
    let log = in_repository("fixtures/spike-then-idle.log");
    let out = run(&["replay", "-c", &config, &log]).succeeded();
    let note = out.lines().last().expect("a note");
    assert!(note.contains("open loop"), "{note}");
    assert!(
        note.contains("haproxy-autoscale simulate -c FILE --log LOG"),
        "{note}"
    );
    let out = run(&["simulate", "-c", &config, "--log", &log]).succeeded();
    assert!(
        out.contains("model: with the servers that were really up"),
        "{out}"
    );
}

/// Ten million requests in ten seconds on one core is promised of the release build; a debug build gets a
/// thirtieth of them, and may be busy with other tests.
#[test]
fn ten_million_requests_take_ten_seconds_at_most() {
    let is_release = std::env::var_os("HAPROXY_AUTOSCALE_RELEASE").is_some();
    let seconds = if is_release { "25000" } else { "800" };
    for policy in ["static-max", "ours", "kpa"] {
        let args = [
            "simulate",
            "--json",
            "--shape",
            "day",
            "--servers",
            "8",
            "--seconds",
        ];
        let peak = ["--peak", "700", "--policies", policy];
        let mut command = undisturbed(release_binary());
        command.args(args).arg(seconds).args(peak);
        let began = Instant::now();
        let out = command.output().expect("the program");
        let took = began.elapsed();
        assert!(out.status.success());
        assert!(took < LIMIT, "{policy}: {took:?}");
    }
}
