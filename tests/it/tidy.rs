//! The shape of the repository: cheap rules that nobody has to remember.

mod pages;
mod rooms;
mod types;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Longest file of code.
const MAX_LINES: usize = 600;
/// Longest ARCHITECTURE.md.
const MAX_ARCHITECTURE_LINES: usize = 150;
/// Not ours to look at.
const SKIPPED: [&str; 3] = ["target", ".git", ".haproxy"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `folder`, with its text; files that are not UTF-8 are left out.
fn files(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name();
            let kind = entry.file_type().expect("a file type");
            if SKIPPED.iter().any(|skipped| name == *skipped) {
                continue;
            }
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file()
                && let Ok(text) = fs::read_to_string(&path)
            {
                let path = path.strip_prefix(root()).expect("below the root");
                found.push((path.to_owned(), text));
            }
        }
    }
    assert!(!found.is_empty(), "no files in {folder}");
    found
}

fn rust_files(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = files(folder);
    found.retain(|(path, _)| path.extension().is_some_and(|extension| extension == "rs"));
    found
}

/// Numbered lines that are not comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate();
    lines
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Panics with all of `faults`, one a line.
#[track_caller]
fn none(rule: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{rule}:\n{}", faults.join("\n"));
}

#[test]
fn no_file_of_code_is_too_long_to_read_at_once() {
    let mut faults = Vec::new();
    for folder in ["src", "tests", "examples", "benches"] {
        for (path, text) in rust_files(folder) {
            let lines = text.lines().count();
            if lines > MAX_LINES {
                faults.push(format!("{}: {lines} lines", path.display()));
            }
        }
    }
    none("at most 600 lines", &faults);
}

#[test]
fn every_source_file_opens_with_what_lives_there() {
    let mut faults = Vec::new();
    for folder in ["src", "tests", "examples", "benches"] {
        for (path, text) in rust_files(folder) {
            if !text.trim().is_empty() && !text.starts_with("//! ") {
                faults.push(path.display().to_string());
            }
        }
    }
    none("opens with //!", &faults);
}

/// Said of everything, these tell nothing: the name below says more, or a better comment would.
const FILLERS: [&str; 17] = [
    "All of it.",
    "All of them.",
    "How many.",
    "In a sentence.",
    "In one word.",
    "It ends.",
    "It is over.",
    "Its name.",
    "Its path.",
    "The file.",
    "What to do.",
    "What.",
    "What happened.",
    "When.",
    "Where it is.",
    "Which.",
    "Why.",
];

#[test]
fn no_comment_only_fills_its_line() {
    let mut faults = Vec::new();
    for (path, text) in rust_files("src") {
        if path.starts_with("src/scaler") {
            continue;
        }
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for (index, line) in lines.iter().enumerate() {
            let is_whole = |at: Option<usize>| {
                at.and_then(|at| lines.get(at))
                    .is_none_or(|it| !it.starts_with("///"))
            };
            let is_alone = is_whole(index.checked_sub(1)) && is_whole(Some(index + 1));
            let said = line.strip_prefix("/// ");
            if is_alone && said.is_some_and(|it| FILLERS.contains(&it)) {
                faults.push(format!("{}:{}: {line}", path.display(), index + 1));
            }
        }
    }
    none("a comment says what the name does not", &faults);
}

/// The rooms that know no world: numbers, and what follows from them.
fn pure_files() -> impl Iterator<Item = (PathBuf, String)> {
    let rooms = ["src/measure", "src/scaler"];
    rooms.into_iter().flat_map(rust_files)
}

#[test]
fn what_looks_at_a_set_up_can_write_nothing_to_haproxy() {
    let mut faults = Vec::new();
    let rooms = ["src/haproxy_cfg", "src/doctor", "src/init"];
    for (path, text) in rooms.into_iter().flat_map(rust_files) {
        for (number, line) in code(&text) {
            if line.contains("Writer") {
                faults.push(format!("{}:{number}: {line}", path.display()));
            }
        }
    }
    none("no `Writer` in doctor and init", &faults);
}

#[test]
fn what_measures_knows_no_server_of_haproxys() {
    let mut faults = Vec::new();
    for (path, text) in rust_files("src/measure") {
        for (number, line) in code(&text) {
            let of_servers = ["ServerRead", "AdminState", "ServerName", "CheckRead"];
            if let Some(word) = of_servers.iter().find(|word| line.contains(**word)) {
                faults.push(format!("{}:{number}: {word}", path.display()));
            }
        }
    }
    none("src/measure has numbers only", &faults);
}

#[test]
fn what_measures_and_what_decides_touches_nothing() {
    let mut faults = Vec::new();
    for (path, text) in pure_files() {
        for (number, line) in code(&text) {
            let rest = line.replace("std::net::SocketAddr;", "");
            let banned = [
                "tokio",
                "std::fs",
                "std::net",
                "Instant",
                "std::io",
                "async ",
                ".await",
                "crate::sim",
            ];
            if let Some(word) = banned.iter().find(|word| rest.contains(**word)) {
                faults.push(format!("{}:{number}: {word}", path.display()));
            }
        }
    }
    none("src/measure and src/scaler are pure", &faults);
}

/// The string literals of the code, each with the line that it begins in and the code before it in
/// its statement. Comments, and the unit tests at the end of a file, are left out.
fn literals(text: &str) -> Vec<(usize, String, String)> {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let (mut found, mut statement, mut number) = (Vec::new(), String::new(), 1);
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '/' if chars.peek() == Some(&'/') => while chars.next_if(|it| *it != '\n').is_some() {},
            '"' => {
                let (begins, mut literal) = (number, String::new());
                while let Some(char) = chars.next_if(|it| *it != '"') {
                    number += usize::from(char == '\n');
                    literal.push(char);
                    if char == '\\' {
                        let escaped = chars.next().unwrap_or_default();
                        number += usize::from(escaped == '\n');
                        literal.push(escaped);
                    }
                }
                chars.next();
                found.push((begins, literal, statement.clone()));
            }
            ';' | '{' | '}' => statement.clear(),
            _ => statement.push(char),
        }
        number += usize::from(char == '\n');
    }
    found
}

/// Two words in a row, of which one may be filled in: a part of a sentence.
fn is_prose(literal: &str) -> bool {
    let words: Vec<&str> = literal.split_whitespace().collect();
    words.windows(2).any(|pair| {
        let ends = pair[0].ends_with(|it: char| it.is_ascii_lowercase() || "}`".contains(it));
        let begins = pair[1].starts_with(|it: char| it.is_ascii_lowercase() || "{`".contains(it));
        let is_word = |it: &str| it.contains(|it: char| it.is_ascii_lowercase());
        ends && begins && (is_word(pair[0]) || is_word(pair[1]))
    })
}

#[test]
fn what_measures_and_what_decides_composes_no_sentence() {
    let mut faults = Vec::new();
    for (path, text) in pure_files() {
        for (number, literal, statement) in literals(&text) {
            let is_for_us = ["assert", "panic!", "expect(", "unreachable!"];
            if is_prose(&literal) && !is_for_us.iter().any(|word| statement.contains(word)) {
                faults.push(format!("{}:{number}: {literal}", path.display()));
            }
        }
    }
    none(
        "src/measure and src/scaler give data, src/publish/text makes sentences",
        &faults,
    );
}

#[test]
fn prose_is_told_from_words() {
    let code = "// \"not this\"\nlet a = \"drained in {took}\"; assert!(b, \"nor this\");\nf(\"always_up\")";
    let found = literals(code);
    let literals: Vec<_> = found.iter().map(|(at, it, _)| (*at, it.as_str())).collect();
    let expected = [(2, "drained in {took}"), (2, "nor this"), (3, "always_up")];
    assert_eq!(literals, expected);
    assert!(found[1].2.contains("assert"));
    assert!(is_prose("drained in {took}") && is_prose("{server} goes"));
    assert!(!is_prose("{}/{}") && !is_prose("always_up") && !is_prose("{} {}"));
}

#[test]
fn what_an_operator_may_have_to_hear_is_told_as_a_record() {
    // The reader of records, and `parse`, which has no daemon.
    let writers = ["src/publish/log.rs", "src/parse.rs"].map(Path::new);
    let mut faults = Vec::new();
    for (path, text) in rust_files("src") {
        for (number, line) in code(&text) {
            let tells = ["info!", "warn!", "error!"];
            let tells = tells
                .iter()
                .any(|it| line.contains(&format!("tracing::{it}")));
            if tells && !writers.contains(&&*path) {
                faults.push(format!("{}:{number}: {}", path.display(), line.trim()));
            }
        }
    }
    none("told through publish::hub, not to tracing", &faults);
}

#[test]
fn only_the_command_line_prints_to_the_process_streams() {
    let mut faults = Vec::new();
    for (path, text) in rust_files("src") {
        let is_front = [Path::new("src/main.rs"), Path::new("src/cli.rs")].contains(&&*path)
            || path.starts_with("src/cli");
        for (number, line) in code(&text) {
            let prints = ["println!", "print!", "eprintln!", "eprint!"];
            if !is_front
                && prints
                    .iter()
                    .any(|print| line.trim_start().starts_with(print))
            {
                faults.push(format!("{}:{number}: {}", path.display(), line.trim()));
            }
        }
    }
    none("the library writes to what it is given", &faults);
}

#[test]
fn no_file_names_a_path_of_somebodys_machine() {
    // Put together here, or this file would be the first to fail.
    let machines = ["home", "root", "work", "tmp/wt"].map(|folder| format!("/{folder}/"));
    let mut faults = Vec::new();
    for (path, text) in files("") {
        for (index, line) in text.lines().enumerate() {
            let names_one = machines.iter().any(|machine| {
                line.match_indices(machine.as_str()).any(|(at, _)| {
                    let before = line[..at].chars().next_back();
                    before
                        .is_none_or(|before| before.is_whitespace() || "\"'`=(:<".contains(before))
                })
            });
            if names_one {
                faults.push(format!("{}:{}: {line}", path.display(), index + 1));
            }
        }
    }
    none("no path of a machine", &faults);
}

#[test]
fn the_architecture_page_stays_a_page() {
    if let Ok(text) = fs::read_to_string(root().join("ARCHITECTURE.md")) {
        let lines = text.lines().count();
        assert!(
            lines <= MAX_ARCHITECTURE_LINES,
            "ARCHITECTURE.md: {lines} lines"
        );
    }
}

/// The texts between backticks, outside blocks of code.
fn quoted(page: &str) -> Vec<&str> {
    let prose = page.split("```").step_by(2);
    prose
        .flat_map(|text| text.split('`').skip(1).step_by(2))
        .collect()
}

/// The path that a quoted text begins with, if it looks like one of this repository: a file of a kind
/// that we have, or something below one of our folders. `NAME` stands for anything.
fn path_of<'a>(quoted: &'a str, folders: &BTreeSet<String>) -> Option<&'a str> {
    let path = quoted.split_whitespace().next()?.trim_end_matches('/');
    let is_path = path
        .chars()
        .all(|it| it.is_ascii_alphanumeric() || "./_-".contains(it));
    let kinds = [".rs", ".md", ".toml", ".cfg"];
    let is_file = kinds.iter().any(|kind| path.ends_with(kind));
    let is_below = path
        .split_once('/')
        .is_some_and(|(first, _)| folders.contains(first));
    let is_any = path.contains("NAME") || SKIPPED.iter().any(|it| path.starts_with(it));
    (is_path && (is_file || is_below) && !is_any).then_some(path)
}

#[test]
fn every_path_that_the_pages_for_programmers_name_is_there() {
    let mut known: BTreeSet<PathBuf> = BTreeSet::new();
    for (path, _) in files("") {
        known.extend(path.ancestors().map(Path::to_owned));
    }
    let folders = ["", "src"].iter().flat_map(|folder| {
        let entries = fs::read_dir(root().join(folder)).into_iter().flatten();
        let entries = entries.flatten().filter(|it| it.path().is_dir());
        entries.map(|it| it.file_name().to_string_lossy().into_owned())
    });
    let folders = folders.collect();
    let (mut faults, mut paths) = (Vec::new(), 0);
    for page in ["ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = fs::read_to_string(root().join(page)).expect(page);
        for path in quoted(&text)
            .into_iter()
            .filter_map(|it| path_of(it, &folders))
        {
            paths += 1;
            if !known.iter().any(|it| it.ends_with(path)) {
                faults.push(format!("{page}: {path}"));
            }
        }
    }
    assert!(paths > 100, "{paths} paths");
    none("a path that is named is there", &faults);
}

#[test]
fn paths_are_told_from_other_quoted_texts() {
    let page = "`a` b `src/lib.rs`\n```sh\nrm `x/y`\n```\n`tests/run line` or `web/web2`";
    assert_eq!(
        quoted(page),
        ["a", "src/lib.rs", "tests/run line", "web/web2"]
    );
    let folders = BTreeSet::from(["src".to_owned(), "tests".to_owned()]);
    let path = |quoted| path_of(quoted, &folders);
    assert_eq!(path("src/lib.rs"), Some("src/lib.rs"));
    assert_eq!(path("tests/run line"), Some("tests/run"));
    assert_eq!(path("pool.rs"), Some("pool.rs"));
    for other in [
        "web/web2",
        "scaler::pool",
        "A/B",
        "fixtures/NAME.toml",
        "%Tw",
    ] {
        assert_eq!(path(other), None, "{other}");
    }
}

#[test]
fn every_recorded_log_is_named_in_the_fixtures_page() {
    let page = fs::read_to_string(root().join("fixtures/README.md")).expect("fixtures/README.md");
    let mut faults = Vec::new();
    for (path, text) in files("fixtures") {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let name = name.trim_end_matches(".expected").trim_end_matches(".log");
        if !page.contains(name) && path.extension().is_some_and(|extension| extension != "md") {
            faults.push(format!("{}: not in fixtures/README.md", path.display()));
        }
        if text.lines().count() > MAX_LINES {
            faults.push(format!("{}: more than {MAX_LINES} lines", path.display()));
        }
    }
    none("fixtures are small and explained", &faults);
}

#[test]
fn every_licence_is_on_the_list_of_deny_toml() {
    let deny = fs::read_to_string(root().join("deny.toml")).expect("deny.toml");
    let deny: toml::Table = deny.parse().expect("deny.toml is TOML");
    let allowed: Vec<_> = deny["licenses"]["allow"]
        .as_array()
        .expect("licenses.allow")
        .iter()
        .filter_map(toml::Value::as_str)
        .collect();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = Command::new(cargo)
        .args(["metadata", "--locked", "--offline", "--format-version", "1"])
        .args(["--filter-platform", &platform])
        .current_dir(root())
        .output()
        .expect("cargo metadata");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo metadata: {complaint}");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    assert!(packages.len() > 20, "{} packages", packages.len());
    let mut faults = Vec::new();
    for package in packages {
        let licence = package["license"].as_str().unwrap_or("none given");
        if !is_allowed(licence, &allowed) {
            faults.push(format!("{} {licence}", package["name"]));
        }
    }
    none("a licence that deny.toml does not allow", &faults);
}

/// Whether an SPDX expression can be met: every part of `AND` has an allowed one among its `OR`s.
/// The old `MIT/Apache-2.0` means `OR`.
fn is_allowed(expression: &str, allowed: &[&str]) -> bool {
    let plain = expression.replace(['(', ')'], "").replace('/', " OR ");
    plain.split(" AND ").all(|part| {
        part.split(" OR ")
            .any(|licence| allowed.contains(&licence.trim()))
    })
}

#[test]
fn a_licence_expression_is_read_as_spdx_means_it() {
    let allowed = ["MIT", "Unicode-3.0"];
    assert!(is_allowed("MIT/Apache-2.0", &allowed));
    assert!(is_allowed("(MIT OR Apache-2.0) AND Unicode-3.0", &allowed));
    assert!(!is_allowed("MIT AND GPL-3.0", &allowed));
    assert!(!is_allowed("GPL-3.0", &allowed));
    assert!(!is_allowed("none given", &allowed));
}
