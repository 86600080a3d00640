//! What `tune` prints and writes, and what it says when it cannot.

use std::io::Write as _;
use std::path::Path;

use serde_json::Value;

use super::logs::{Kind, World, day};
use crate::support::program::{file, objects, run, run_with};

/// A day in forty minutes, more than one server carries at its height; the second one comes late.
fn busy() -> World {
    let rates_per_s = day(2_400, 3.0, 26.0);
    let serving = |second| if (900..1_700).contains(&second) { 2 } else { 1 };
    World {
        serving: (0..rates_per_s.len()).map(serving).collect(),
        rates_per_s,
        ..World::new(Kind::Workers(4), "exp:200ms", 5)
    }
}

fn quiet() -> World {
    World {
        rates_per_s: day(1_200, 2.0, 5.0),
        ..World::new(Kind::Workers(4), "exp:100ms", 5)
    }
}

fn written(folder: &Path, name: &str, world: &World) -> String {
    file(folder, name, world.log())
}

const CONFIG: &str = "[backend.web]\nalways_up = [\"web1\"]\nspares = [\"web2\", \"web3\"]\n\
                      response_time = \"1s\"\n";

fn shows_all(text: &str) {
    for part in [
        "web: ",
        "1 to 2 servers at a time",
        "One server carries ",
        " requests/s within 1000 ms: ",
        "Confidence: good",
        "today's settings",
        "recommended",
        "Recommended, in [backend.web]",
        "  capacity = { proved = \"",
        "spares",
        "LOG SLOWER",
        "model: with the servers that were really up",
        "What was learned is in ",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

fn number(object: &Value, path: &str) -> f64 {
    let found = object.pointer(path).and_then(Value::as_f64);
    found.unwrap_or_else(|| panic!("{path} of {object}"))
}

#[test]
fn a_busy_log_gives_a_capacity_settings_and_their_consequences() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = written(folder.path(), "haproxy.log", &busy());
    let config = file(folder.path(), "config.toml", CONFIG);
    let learned = folder.path().join("learned.toml").display().to_string();
    let args = [
        "tune",
        "-c",
        &config,
        "-o",
        &learned,
        "--sweep",
        "goal=500ms..2s",
        &log,
    ];

    shows_all(&run(&args).succeeded());
    let json = run(&[&args[..], &["--json"]].concat()).succeeded();
    let web = &objects(&json).remove(0)["backends"][0];
    assert_eq!(web["name"], "web");
    assert_eq!(web["confidence"], "good");
    // 4 workers of 200 ms do 20/s at most, and 19.4/s within a second.
    let broken = number(web, "/capacity/broken_per_s");
    assert!((broken / 19.4 - 1.0).abs() < 0.15, "{web}");
    assert!(number(web, "/capacity/proved_per_s") <= broken);
    assert!(
        (number(web, "/service_ms") / 200.0 - 1.0).abs() < 0.15,
        "{web}"
    );
    assert!(
        (number(web, "/concurrency_at_goal") / 19.4 - 1.0).abs() < 0.15,
        "{web}"
    );
    assert!(web["why"].as_str().is_some_and(|it| !it.is_empty()));
    let recommended = &web["recommended"];
    assert_eq!(recommended["response_time"], "1s");
    let rate = format!("{broken}/s");
    assert_eq!(recommended["capacity"]["broken"], rate.as_str());
    let trials = &web["trials"];
    assert_eq!(trials["today"]["capacity"], "learn");
    assert!(number(trials, "/recommended/slow_share") <= number(trials, "/slow_share_max"));
    assert!(
        trials["tried"].as_array().is_some_and(|it| it.len() > 9),
        "{trials}"
    );
    assert!(
        web["boot"]["tried"]
            .as_array()
            .is_some_and(|it| it.len() >= 8),
        "{web}"
    );
    let sweep = web["sweep"].as_array().expect("a sweep");
    let carried = |it: &Value| it["capacity"]["broken_per_s"].as_f64();
    assert_eq!(sweep[0]["goal_ms"], serde_json::json!(500.0));
    assert!(
        carried(&sweep[0]).expect("at 500 ms") < carried(&sweep[sweep.len() - 1]).unwrap_or(99.0)
    );
    let shares: Vec<f64> = sweep
        .iter()
        .map(|it| number(it, "/logged_slow_share"))
        .collect();
    assert!(shares.is_sorted_by(|a, b| a >= b), "{shares:?}");
}

#[test]
fn what_was_learned_is_a_configuration_and_a_start_for_simulate() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = written(folder.path(), "haproxy.log", &busy());
    let learned = folder.path().join("learned.toml").display().to_string();
    run(&["tune", "--goal", "1s", "-o", &learned, &log]).succeeded();
    // It may be written anew.
    run(&["tune", "--goal", "1s", "-o", &learned, &log]).succeeded();
    let text = std::fs::read_to_string(&learned).expect("what was learned");
    let line = text
        .lines()
        .find(|it| it.starts_with("capacity = "))
        .expect("a capacity");
    let config = file(folder.path(), "config.toml", format!("{CONFIG}{line}\n"));
    let checked = run(&["check", "-c", &config]).succeeded();
    assert!(checked.starts_with("ok: "), "{checked}");

    let ramp = (0..900).map(|second| format!("{}\n", 5.0 + 55.0 * f64::from(second) / 900.0));
    let ramp = file(folder.path(), "rates", ramp.collect::<String>());
    let ours = |more: &[&str]| {
        let args = [
            "simulate",
            "--rates",
            &ramp,
            "--service",
            "exp:200ms",
            "--goal",
            "1s",
            "--servers",
            "4",
            "--boot",
            "30s",
            "--policies",
            "ours",
            "--json",
        ];
        let out = run(&[&args[..], more].concat()).succeeded();
        objects(&out).remove(0)["runs"][0].clone()
    };
    let without = file(
        folder.path(),
        "without.toml",
        format!("{CONFIG}capacity = \"learn\"\n"),
    );
    let told_nothing = ours(&["-c", &without]);
    let started = ours(&["-c", &without, "--learned", &learned]);
    let configured = ours(&["-c", &config]);
    assert_eq!(started, configured, "the key and the option are the same");
    let slow = |run: &Value| number(run, "/slow_share");
    assert!(
        slow(&started) < 0.7 * slow(&told_nothing),
        "on a ramp: {started} {told_nothing}"
    );
}

#[test]
fn a_log_that_cannot_tell_ends_with_4_and_writes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = written(folder.path(), "haproxy.log", &quiet());
    let learned = folder.path().join("learned.toml");
    let name = learned.display().to_string();
    let ended = run(&["tune", "-o", &name, &log]);
    assert_eq!(ended.code, Some(4), "{ended:?}");
    let text = &ended.out;
    assert!(text.contains("cannot be told from this log"), "{text}");
    assert!(
        text.contains("Confidence: none; the log never came near the limit"),
        "{text}"
    );
    assert!(!learned.exists());
    let ended = run(&["tune", "--json", &log]);
    assert_eq!(ended.code, Some(4), "{ended:?}");
    let web = &objects(&ended.out).remove(0)["backends"][0];
    assert_eq!(web["confidence"], "none");
    assert_eq!(web["recommended"], serde_json::json!({}));
    assert_eq!(web["capacity"]["broken_per_s"], Value::Null);
}

#[test]
fn a_file_that_is_not_ours_is_not_overwritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = written(folder.path(), "haproxy.log", &busy());
    let config = file(folder.path(), "config.toml", CONFIG);
    let said = run(&["tune", "--goal", "1s", "-o", &config, &log]).failed(1);
    assert!(said.contains("is not overwritten"), "{said}");
    assert_eq!(std::fs::read_to_string(&config).expect("the file"), CONFIG);
}

#[test]
fn compressed_logs_and_standard_input_are_read_and_backends_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = quiet().log();
    let other = text.replace(" web/web", " shop/shop");
    let lines = text.lines().zip(other.lines());
    let both = lines
        .flat_map(|(a, b)| [a, "\n", b, "\n"])
        .collect::<String>();
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    zipped.write_all(both.as_bytes()).expect("gzip");
    let log = file(
        folder.path(),
        "haproxy.log.gz",
        zipped.finish().expect("gzip"),
    );
    let ended = run(&["tune", "--json", &log]);
    let backends = objects(&ended.out).remove(0)["backends"].clone();
    let names: Vec<&str> = backends
        .as_array()
        .expect("backends")
        .iter()
        .filter_map(|it| it["name"].as_str())
        .collect();
    assert_eq!(names, ["shop", "web"]);
    let piped = run_with(&["tune", "--json", "-"], both.as_bytes());
    assert_eq!(piped.out, ended.out);
    let one = run(&["tune", "--backend", "shop", &log]);
    assert!(
        one.out.starts_with("shop: ") && !one.out.contains("web:"),
        "{}",
        one.out
    );
    let said = run(&["tune", "--backend", "nobody", &log]).failed(1);
    assert!(
        said.contains("no request of nobody") && said.contains("shop, web"),
        "{said}"
    );
    let said = run(&["tune", "--sweep", "500ms", &log]).failed(2);
    assert!(said.contains("goal=100ms..1s"), "{said}");
}

#[test]
fn with_a_price_the_cheapest_settings_are_recommended_with_what_they_cost() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World {
        rates_per_s: day(600, 3.0, 42.0),
        serving: vec![2],
        ..World::new(Kind::Workers(4), "exp:200ms", 5)
    };
    let log = written(folder.path(), "haproxy.log", &world);
    let config = format!("{CONFIG}[backend.web.server.web3]\ntier = 2\n");
    let config = file(folder.path(), "config.toml", config);
    let args = [
        "tune",
        "-c",
        &config,
        "--boot",
        "2s",
        "--boot",
        "2=30s",
        "--stop-delay",
        "10s",
        "--price",
        "0.02",
        "--price",
        "2=0.5",
        "--slow-at-most",
        "60%",
        &log,
    ];
    let json = run(&[&args[..], &["--json"]].concat()).succeeded();
    let web = &objects(&json).remove(0)["backends"][0];
    let trials = &web["trials"];
    assert!(
        (number(trials, "/slow_share_max") - 0.6).abs() < 1e-12,
        "{web}"
    );
    assert_eq!(trials["recommended"]["feasible"], true, "{web}");
    let tried = trials["tried"].as_array().expect("settings");
    let costs = tried.iter().filter(|it| it["feasible"] == true);
    let least = costs
        .map(|it| number(it, "/cost"))
        .fold(f64::INFINITY, f64::min);
    let recommended = number(trials, "/recommended/cost");
    assert!(recommended <= 1.06 * least, "{recommended} {least}");
    assert!(tried.iter().any(|it| it["min"] == 2) && tried.iter().any(|it| it["min"] == 3));
    assert!(tried.iter().any(|it| it["tiers"]["last"] == 1), "{web}");
    // web3 costs 25 times as much, and many may wait.
    assert_eq!(
        web["recommended"]["spares"],
        serde_json::json!(["web2"]),
        "{web}"
    );
    let text = run(&args).succeeded();
    assert!(text.contains("a spare in 2s to 30s "), "{text}");
    assert!(text.contains("COST    30 DAYS\n"), "{text}");
    assert!(text.contains("\n  spares = [\"web2\"]\n"), "{text}");
}
