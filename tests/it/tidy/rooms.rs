//! Which part of the source may use which.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::{code, none, root, rust_files};

/// Which rooms of `src` each room may use; `words` is the ground floor. Read from top to bottom no room
/// uses one above it, so there is no circle.
const MAY_USE: [(&str, &[&str]); 34] = [
    ("main", &["cli"]),
    (
        "cli",
        &[
            "alerts",
            "config",
            "control",
            "daemon",
            "demo",
            "doctor",
            "history",
            "init",
            "log",
            "parse",
            "publish",
            "replay",
            "runtime_api",
            "scaler",
            "simulate",
            "state",
            "stats",
            "status",
            "top",
            "tune",
            "words",
        ],
    ),
    (
        "init",
        &[
            "config",
            "doctor",
            "haproxy_cfg",
            "log",
            "measure",
            "runtime_api",
            "simulate",
            "tune",
            "words",
        ],
    ),
    (
        "doctor",
        &[
            "config",
            "control",
            "haproxy_cfg",
            "log",
            "machines",
            "runtime_api",
            "scaler",
            "status",
            "warm_up",
            "words",
        ],
    ),
    (
        "demo",
        &[
            "config",
            "daemon",
            "publish",
            "runtime_api",
            "scaler",
            "sim",
            "words",
        ],
    ),
    (
        "daemon",
        &[
            "alerts",
            "clock",
            "config",
            "control",
            "curve",
            "http",
            "log",
            "machines",
            "measure",
            "metrics",
            "publish",
            "runtime_api",
            "scaler",
            "schedule",
            "sim",
            "state",
            "status",
            "warm_up",
            "words",
        ],
    ),
    (
        "alerts",
        &[
            "child",
            "config",
            "http_client",
            "metrics",
            "publish",
            "status",
            "words",
        ],
    ),
    (
        "http",
        &[
            "config", "control", "curve", "history", "metrics", "publish", "status", "words",
        ],
    ),
    (
        "curve",
        &["measure", "metrics", "publish", "scaler", "words"],
    ),
    (
        "metrics",
        &["config", "log", "measure", "scaler", "status", "words"],
    ),
    (
        "replay",
        &["config", "log", "scaler", "schedule", "sim", "words"],
    ),
    (
        "tune",
        &["config", "measure", "scaler", "simulate", "words"],
    ),
    (
        "simulate",
        &[
            "config", "log", "measure", "scaler", "schedule", "sim", "stats", "words",
        ],
    ),
    ("sim", &["scaler", "words"]),
    ("top", &["control", "publish", "status", "words"]),
    (
        "history",
        &["config", "control", "publish", "status", "words"],
    ),
    (
        "status",
        &["config", "control", "measure", "scaler", "words"],
    ),
    ("parse", &["clock", "log", "publish"]),
    (
        "config",
        &[
            "http_client",
            "log",
            "machines",
            "measure",
            "publish",
            "runtime_api",
            "scaler",
            "schedule",
            "state",
            "warm_up",
            "words",
        ],
    ),
    ("machines", &["child", "words"]),
    ("publish", &["log", "measure", "scaler", "words"]),
    ("warm_up", &["http_client", "words"]),
    ("http_client", &["words"]),
    ("state", &["measure", "runtime_api", "scaler", "words"]),
    ("control", &["words"]),
    ("haproxy_cfg", &[]),
    ("stats", &["log", "words"]),
    ("scaler", &["measure", "words"]),
    ("measure", &["words"]),
    ("runtime_api", &["words"]),
    ("child", &["words"]),
    ("clock", &["words"]),
    ("schedule", &["words"]),
    ("log", &["words"]),
];

/// The rooms that the code of each room names.
fn uses() -> BTreeMap<String, BTreeMap<String, PathBuf>> {
    let mut uses: BTreeMap<String, BTreeMap<String, PathBuf>> = BTreeMap::new();
    let names: BTreeSet<String> = fs::read_dir(root().join("src"))
        .expect("src")
        .flatten()
        .filter_map(|entry| {
            Some(
                Path::new(&entry.file_name())
                    .file_stem()?
                    .to_str()?
                    .to_owned(),
            )
        })
        .collect();
    for (path, text) in rust_files("src") {
        let mut parts = path.components().skip(1);
        let room = parts.next().expect("below src").as_os_str();
        let room = Path::new(room).with_extension("").display().to_string();
        for (_, line) in code(&text) {
            for prefix in ["crate::", "haproxy_autoscale::"] {
                for (at, _) in line.match_indices(prefix) {
                    let rest = &line[at + prefix.len()..];
                    let is_group = rest.starts_with('{');
                    let mentioned = rest
                        .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
                        .filter(|word| names.contains(*word))
                        .take(if is_group { usize::MAX } else { 1 });
                    for used in mentioned.filter(|used| *used != room) {
                        let of_room = uses.entry(room.clone()).or_default();
                        of_room.entry(used.to_owned()).or_insert(path.clone());
                    }
                }
            }
        }
    }
    uses
}

#[test]
fn rooms_use_only_the_rooms_that_the_table_allows_and_there_is_no_circle() {
    let mut faults = Vec::new();
    for (room, used) in uses() {
        let allowed = MAY_USE.iter().find(|(name, _)| *name == room);
        let allowed = allowed.map_or(&[][..], |(_, allowed)| allowed);
        for (other, path) in &used {
            if !allowed.contains(&other.as_str()) {
                faults.push(format!("{}: {room} must not use {other}", path.display()));
            }
        }
        for other in allowed.iter().filter(|other| !used.contains_key(**other)) {
            faults.push(format!(
                "{room} may use {other} and does not: out of the table"
            ));
        }
    }
    let place = |name: &str| MAY_USE.iter().position(|(room, _)| *room == name);
    for (index, (room, allowed)) in MAY_USE.iter().enumerate() {
        for other in *allowed {
            if place(other).is_some_and(|below| below <= index) {
                faults.push(format!("{room} uses {other}, which stands above it"));
            }
        }
    }
    none("rooms with walls", &faults);
}

/// What is known of a backend, what follows from it and what is done about it: each of these files of
/// `src/scaler/backend` may use those before it.
const STOREYS: [&str; 14] = [
    "timers", "crowd", "facts", "advice", "shares", "kicks", "signals", "journey", "journeys",
    "service", "needs", "plan", "road", "Backend",
];

#[test]
fn a_backend_is_built_from_the_ground_up() {
    let mut faults = Vec::new();
    for (path, text) in rust_files("src/scaler/backend") {
        let below = path.strip_prefix("src/scaler/backend").expect("below it");
        let room = below
            .iter()
            .next()
            .map(|it| Path::new(it).with_extension(""));
        let room = room.unwrap_or_default().display().to_string();
        let Some(storey) = STOREYS.iter().position(|name| *name == room) else {
            continue;
        };
        for (number, line) in code(&text) {
            let mut words = line.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
            let is_above = |word: &&str| {
                let used = STOREYS.iter().position(|name| name == word);
                let is_named = line.contains(&format!("super::{word}")) || *word == "Backend";
                is_named && used.is_some_and(|used| used > storey)
            };
            if let Some(word) = words.find(is_above) {
                faults.push(format!("{}:{number}: {word}", path.display()));
            }
        }
    }
    none("no file uses one above it", &faults);
}
