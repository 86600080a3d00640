//! Logs: what the engine has made, written as HAProxy logs it, gives the same model again.

use std::fmt::Write as _;
use std::path::PathBuf;

use haproxy_autoscale::log::line::format_local_ms;
use haproxy_autoscale::simulate::engine::{
    Answer, Backend, Balance, Cold, MS_NS, SECOND_NS, ServerSetup,
};
use haproxy_autoscale::words::picture::AdminState;
use serde_json::Value;

use super::queueing::scenario;
use crate::support::program::{objects, run};

const START_MS: u64 = 1_795_312_400_000;

/// All answers of a backend under a load; a second server joins at that second.
fn answers(rates_per_s: Vec<f64>, workers: u32, joins_s: u64) -> Vec<Answer> {
    let load = scenario(2, workers, "exp:60ms", rates_per_s).load;
    let setup = |state| ServerSetup {
        state,
        workers,
        maxconn: None,
        cold: Cold::NONE,
    };
    let servers = [setup(AdminState::Ready), setup(AdminState::Maint)];
    let mut backend = Backend::new(Balance::RoundRobin, servers);
    let mut answers = Vec::new();
    let mut has_joined = false;
    for arrival in load.stream() {
        while backend.next_ns() <= arrival.at_ns {
            answers.extend(backend.step());
        }
        if !has_joined && arrival.at_ns >= joins_s * SECOND_NS {
            backend.set_state(1, AdminState::Ready, arrival.at_ns);
            has_joined = true;
        }
        answers.extend(backend.arrive(arrival));
    }
    while backend.next_ns() != u64::MAX {
        answers.extend(backend.step());
    }
    answers
}

/// As httplog, in the order of completion.
fn log(answers: &[Answer]) -> String {
    let mut text = String::new();
    for answer in answers {
        let server = answer.server.map_or(0, |it| it + 1);
        // Clocks of whole milliseconds: rounded on both sides.
        let took_ms = answer.ended_ns / MS_NS - answer.arrived_ns / MS_NS;
        let date = date(START_MS + answer.arrived_ns / MS_NS);
        let _ = writeln!(
            text,
            "127.0.0.1:1000 [{date}] fe web/web{server} 0/0/0/{took_ms}/{took_ms} 200 90 - - ---- \
             1/1/1/1/0 0/0 \"GET / HTTP/1.1\""
        );
    }
    text
}

/// `21/Nov/2026:23:36:31.172`.
fn date(at_ms: u64) -> String {
    let iso = format_local_ms(at_ms);
    let (day, time) = iso.split_once('T').expect("a date and a time");
    let parts: Vec<&str> = day.split('-').collect();
    assert_eq!(parts[1], "11", "{iso}");
    format!("{}/Nov/{}:{time}", parts[2], parts[0])
}

fn file(folder: &tempfile::TempDir, text: &str) -> String {
    let path: PathBuf = folder.path().join("haproxy.log");
    std::fs::write(&path, text).expect("a log");
    path.display().to_string()
}

fn simulated(args: &[&str]) -> Value {
    let out = run(&[&["simulate", "--json"], args].concat()).succeeded();
    objects(&out).remove(0)
}

fn near(got: &Value, expected: f64, share: f64, what: &str) {
    let got = got.as_f64().expect(what);
    assert!(
        (got / expected - 1.0).abs() < share,
        "{what}: {got}, not {expected}"
    );
}

#[test]
fn a_log_of_the_model_gives_its_workers_and_its_times_again() {
    let folder = tempfile::tempdir().expect("a folder");
    for workers in [2, 6] {
        // Business from a fifth to three quarters: near to full, ten minutes would say little.
        let most_per_s = f64::from(workers) * 2.0 / 0.06;
        let rate = |second: u32| most_per_s * (0.2 + 0.55 * f64::from(second) / 900.0);
        let answers = answers((0..900).map(rate).collect(), workers, 0);
        let log = file(&folder, &log(&answers));
        let result = simulated(&["--log", &log, "--policies", "static-max"]);
        let model = &result["model"];
        let logged = &model["logged_ms"];
        for name in ["p50", "p95"] {
            let expected = logged[name].as_f64().expect("a number");
            near(
                &model["modelled_ms"][name],
                expected,
                0.1,
                &format!("{workers} {name}"),
            );
        }
        let fitted = model["workers"].as_u64().expect("workers");
        assert!(
            fitted.abs_diff(workers.into()) <= 1,
            "{fitted} for {workers}"
        );
        assert_eq!(result["requests"], answers.len());
    }
}

#[test]
fn a_server_that_joined_later_is_not_there_from_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    // Nearly too much for one server of 4 workers, until the second one joins after four minutes.
    let answers = answers(vec![58.0; 400], 4, 240);
    let log = file(&folder, &log(&answers));
    let args = [
        "--log",
        &log,
        "--policies",
        "static-max,static-min",
        "--workers",
        "4",
    ];
    let result = simulated(&args);
    let model = &result["model"];
    let expected = model["logged_ms"]["p95"].as_f64().expect("a number");
    assert!(expected > 250.0, "{model}");
    near(&model["modelled_ms"]["p95"], expected, 0.15, "p95");
    let all = &result["runs"][0]["response_ms"]["p95"];
    assert!(
        all.as_f64().expect("p95") < 0.9 * expected,
        "with both from the start: {all}"
    );
}

#[test]
fn a_log_can_be_scaled_and_cut() {
    let folder = tempfile::tempdir().expect("a folder");
    let answers = answers(vec![40.0; 200], 4, 0);
    let log = file(&folder, &log(&answers));
    let requests = |args: &[&str]| {
        let args = [
            &["--log", &log, "--policies", "static-max", "--workers", "4"],
            args,
        ]
        .concat();
        simulated(&args)["requests"].as_f64().expect("requests")
    };
    let all = requests(&[]);
    assert!((requests(&["--scale", "1.5"]) / all - 1.5).abs() < 0.03);
    assert!((requests(&["--scale", "0.25"]) / all - 0.25).abs() < 0.03);
    assert!((requests(&["--seconds", "50"]) / all - 0.25).abs() < 0.03);
}

#[test]
fn a_log_of_years_or_of_another_backend_is_refused_with_a_way_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut text = log(&answers(vec![40.0; 5], 4, 0));
    let name = file(&folder, &text);
    let args = ["simulate", "--log", &name, "--policies", "static-max"];
    let err = run(&[&args[..], &["--backend", "shop"]].concat()).failed(1);
    assert!(err.contains("requests of: web"), "{err}");
    text.push_str(&text.replace("2026", "2028"));
    file(&folder, &text);
    let err = run(&args).failed(1);
    assert!(err.contains("--since"), "{err}");
    let both = text
        .replace("2028", "2026")
        .replacen("web/web1", "shop/a", 3);
    file(&folder, &both);
    let err = run(&args).failed(1);
    assert!(err.contains("--backend") && err.contains("shop"), "{err}");
    file(&folder, "nothing that could be read\n");
    let err = run(&args).failed(1);
    assert!(err.contains("nothing of the log could be read"), "{err}");
}
