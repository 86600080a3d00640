//! The recorded logs against `fixtures/NAME.expected` and `fixtures/NAME.expected.json`, byte for
//! byte. `UPDATE_EXPECT=1` writes the files anew; read them then.

use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::program::{Ran, file, in_repository, names_in_order, objects, run, run_with};

/// Name and logs of each fixture that has a configuration.
const FIXTURES: [(&str, &[&str]); 5] = [
    ("spike-then-idle", &["spike-then-idle.log"]),
    ("slow-single-request", &["slow-single-request.log"]),
    ("slow-always-up", &["slow-always-up.log"]),
    ("minus-one-and-nosrv", &["minus-one-and-nosrv.log"]),
    ("rotation", &["rotation.log.1", "rotation.log"]),
];

const CHANGES: [&str; 7] = [
    "breach",
    "warm_up",
    "enable",
    "enable_failed",
    "drain",
    "disable",
    "no_spare",
];

fn replay(name: &str, options: &[&str], logs: &[String]) -> Ran {
    let config = in_repository(&format!("fixtures/{name}.toml"));
    let mut args = vec!["replay", "-c", &config];
    args.extend(options);
    args.extend(logs.iter().map(String::as_str));
    run(&args)
}

fn logs_of(logs: &[&str]) -> Vec<String> {
    let path = |log: &&str| in_repository(&format!("fixtures/{log}"));
    logs.iter().map(path).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[track_caller]
fn assert_expected(name: &str, ending: &str, found: &str) {
    let path = in_repository(&format!("fixtures/{name}.{ending}"));
    if std::env::var_os("UPDATE_EXPECT").is_some_and(|value| value == "1") {
        std::fs::write(&path, found).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{path}: {error}; make it with UPDATE_EXPECT=1"));
    assert_eq!(found, expected, "{path}");
}

#[test]
fn every_fixture_gives_its_expected_output_twice() {
    for (name, logs) in FIXTURES {
        let logs = logs_of(logs);
        for options in [&[][..], &["--json"]] {
            let ran = replay(name, options, &logs);
            let again = replay(name, options, &logs);
            assert_eq!((&ran.out, &ran.err), (&again.out, &again.err), "{name}");
            let ending = if options.is_empty() {
                "expected"
            } else {
                "expected.json"
            };
            let is_talk = |line: &str| line.starts_with("note: ");
            assert!(ran.err.lines().all(is_talk), "{}", ran.err);
            assert_expected(name, ending, &ran.succeeded());
        }
    }
}

#[test]
fn json_is_what_the_contract_says() {
    let at = regex::Regex::new(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}$").unwrap();
    for (name, logs) in FIXTURES {
        let out = replay(name, &["--json"], &logs_of(logs)).succeeded();
        let (decisions, summary) = out.trim_end().rsplit_once('\n').unwrap();
        for (line, decision) in decisions.lines().zip(objects(decisions)) {
            let names = ["at", "backend", "server", "change", "reason"];
            assert_eq!(names_in_order(line), names);
            assert!(at.is_match(decision["at"].as_str().unwrap()), "{line}");
            assert!(decision["backend"].is_string() && decision["reason"].is_string());
            let change = decision["change"].as_str().unwrap();
            assert!(CHANGES.contains(&change), "{line}");
            let has_server = !matches!(change, "breach" | "no_spare");
            assert_eq!(decision["server"].is_string(), has_server, "{line}");
        }
        assert_eq!(names_in_order(summary), ["summary"]);
        let inner = &summary["{\"summary\":".len()..summary.len() - 1];
        let names = [
            "lines",
            "requests",
            "rejected",
            "breaches",
            "enables",
            "disables",
            "spare_seconds",
            "above_threshold_seconds",
        ];
        assert_eq!(names_in_order(inner), names);
        let sum: serde_json::Value = serde_json::from_str(inner).unwrap();
        let count = |change: &str| {
            objects(decisions)
                .iter()
                .filter(|it| it["change"] == change)
                .count()
        };
        assert_eq!(sum["breaches"], count("breach"));
        assert_eq!(sum["enables"], count("enable"));
        assert_eq!(sum["disables"], count("disable"));
        let requests = sum["requests"].as_u64().unwrap();
        // HAProxy's messages about itself are neither.
        let logs = logs_of(logs);
        let logs = logs.iter().map(String::as_str);
        let parse: Vec<&str> = ["parse", "--rejects"].into_iter().chain(logs).collect();
        let rejects = objects(&run(&parse).out);
        let messages = rejects
            .iter()
            .filter(|it| it["reason"] == "haproxy_message");
        let rejected = sum["rejected"].as_u64().unwrap();
        assert_eq!(sum["lines"], requests + rejected + messages.count() as u64);
    }
}

#[test]
fn text_and_json_tell_the_same_decisions() {
    for (name, logs) in FIXTURES {
        let logs = logs_of(logs);
        let text = replay(name, &[], &logs).succeeded();
        let json = replay(name, &["--json"], &logs).succeeded();
        let decisions: Vec<_> = text
            .lines()
            .take_while(|line| line.starts_with("20"))
            .collect();
        let objects: Vec<_> = objects(&json);
        assert_eq!(decisions.len(), objects.len() - 1, "{name}");
        for (line, object) in decisions.iter().zip(&objects) {
            for field in ["at", "backend", "server", "change", "reason"] {
                let value = object[field].as_str().unwrap_or_default();
                assert!(line.contains(value), "{field} of {object}: {line}");
            }
        }
    }
}

#[test]
fn compressed_and_piped_logs_give_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for (name, logs) in FIXTURES {
        let plain = replay(name, &[], &logs_of(logs)).succeeded();
        let mut all = Vec::new();
        let mut compressed = Vec::new();
        for log in logs_of(logs) {
            let bytes = std::fs::read(&log).unwrap();
            let base = Path::new(&log).file_name().unwrap().to_str().unwrap();
            compressed.push(file(folder.path(), &format!("{base}.gz"), gzip(&bytes)));
            all.extend(bytes);
        }
        assert_eq!(
            replay(name, &[], &compressed).succeeded(),
            plain,
            "{name}.gz"
        );
        let config = in_repository(&format!("fixtures/{name}.toml"));
        let piped = |bytes: &[u8]| run_with(&["replay", "-c", &config, "-"], bytes).succeeded();
        assert_eq!(piped(&all), plain, "{name} on standard input");
        assert_eq!(piped(&gzip(&all)), plain, "{name}.gz on standard input");
        let unterminated = all.strip_suffix(b"\n").unwrap();
        assert_eq!(
            piped(unterminated),
            plain,
            "{name} without its last newline"
        );
    }
}

#[test]
fn observing_replays_like_acting() {
    let folder = tempfile::tempdir().unwrap();
    for (name, logs) in FIXTURES {
        let text =
            std::fs::read_to_string(in_repository(&format!("fixtures/{name}.toml"))).unwrap();
        let path = file(
            folder.path(),
            "observe.toml",
            format!("mode = \"observe\"\n{text}"),
        );
        let mut args = vec!["replay".to_owned(), "-c".to_owned(), path];
        args.extend(logs_of(logs));
        assert_eq!(
            run(&args).succeeded(),
            replay(name, &[], &logs_of(logs)).succeeded()
        );
    }
}

#[test]
fn a_warm_up_delays_the_enable_by_its_time_in_the_log() {
    let logs = logs_of(&["spike-then-idle.log"]);
    let of = |options: &[&str], change: &str| {
        let out = replay("spike-then-idle", options, &logs).succeeded();
        let found = objects(&out).into_iter().find(|it| it["change"] == change);
        found.unwrap()["at"].as_str().unwrap().to_owned()
    };
    let warmed = of(&["--json"], "warm_up");
    assert_eq!(of(&["--json"], "enable"), warmed, "it takes no time");
    let slow = ["--json", "--warm-up", "5s"];
    assert_eq!(of(&slow, "warm_up"), warmed);
    let (start, ms) = warmed.rsplit_once('.').unwrap();
    let (minute, second) = start.rsplit_once(':').unwrap();
    let second: u32 = second.parse().unwrap();
    assert_eq!(
        of(&slow, "enable"),
        format!("{minute}:{:02}.{ms}", second + 5)
    );
}

/// What happens is known as soon as it has happened: a log that ends earlier gives the same
/// decisions up to its end, and none after it.
#[test]
fn the_start_of_a_log_gives_the_start_of_its_decisions() {
    let folder = tempfile::tempdir().unwrap();
    for (name, count) in [("spike-then-idle", 12), ("slow-always-up", 12)] {
        let path = in_repository(&format!("fixtures/{name}.log"));
        let text = std::fs::read_to_string(&path).unwrap();
        let config = in_repository(&format!("fixtures/{name}.toml"));
        let mut config = std::fs::read_to_string(config).unwrap();
        if !config.contains("spares = ") {
            // Named, so that the spare is known before it appears in the log.
            let table = "[backend.web]\nspares = [\"web2\"]";
            config = config.replace("[backend.web]", table);
        }
        let config = file(folder.path(), "named.toml", config);
        let decide = |text: &str| {
            let out = run_with(&["replay", "--json", "-c", &config, "-"], text.as_bytes());
            let out = out.succeeded();
            let decisions = out
                .trim_end()
                .rsplit_once('\n')
                .map_or("", |(decisions, _)| decisions);
            decisions.to_owned()
        };
        let all = decide(&text);
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        for part in 1..count {
            let some = decide(&lines[..lines.len() * part / count].concat());
            assert!(all.starts_with(&some), "{name} {part}: {some}");
        }
    }
}
