//! config.example.toml and docs/configuration.md are what the table of keys says. `UPDATE_EXPECT=1`
//! writes both anew; read the difference then.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use haproxy_autoscale::config::key::{Key, Section};
use haproxy_autoscale::config::{keys, parse};
use haproxy_autoscale::measure::settings::{Signal, Unit};

use super::{BASE, EXAMPLE};

const BEFORE_THE_EXAMPLE: &str = r#"haproxy-autoscale: every key of the configuration, with its default.

Relative paths are relative to this file.

A line that begins with `#` and a key shows a key that is not set, or an alternative. Keys that you leave
out have the values shown here. The smallest file that works is:

    [backend.web]
    always_up = ["web1"]
    response_time = "500ms"

Durations are strings with a unit: "500ms", "30s", "5m", "1h". A capital M would mean months.
Try a change before it takes effect:

    haproxy-autoscale check  -c config.toml                        every mistake, with its line
    haproxy-autoscale replay -c config.toml /var/log/haproxy.log   what it would have done
    haproxy-autoscale run    -c config.toml --observe              decide and report, change nothing"#;

const BEFORE_THE_REFERENCE: &str = "# Configuration\n
Every key of the configuration file, table by table. It is TOML; the default place is
`/etc/haproxy-autoscale/config.toml`, `-c FILE` names another. Relative paths are relative to the file.
`haproxy-autoscale check -c FILE` finds every mistake in one go, with its line, and `replay` and
`run --observe` show what a change would do. After `SIGHUP` the daemon reads the file again: all of it, or,
if it has a mistake, none of it.

A duration is a string with a unit: `\"500ms\"`, `\"30s\"`, `\"5m\"`, `\"1h\"`. Names in capitals stand
for yours. [config.example.toml](../config.example.toml) is the same as a file to start from.

The smallest file that works:

    [backend.web]
    always_up = [\"web1\"]
    response_time = \"500ms\"
";

/// The name of a table in the example.
fn header(table: &Section) -> String {
    let names = [("NAME", "web"), ("SERVER", "web3")];
    names
        .iter()
        .fold(table.header.to_owned(), |text, (from, to)| {
            text.replace(from, to)
        })
}

/// `text` as a comment. An indented line that sets `key` is a line to be taken as it is.
fn comment(out: &mut String, text: &str, key: &str) {
    for line in text.lines() {
        let sets = line.trim_start().starts_with(&format!("{key} = "));
        let line = if sets { line.trim_start() } else { line };
        let _ = writeln!(out, "{}", format!("# {line}").trim_end());
    }
}

/// A file that says the defaults, with what each key is for.
fn example() -> String {
    let mut out = String::new();
    comment(&mut out, BEFORE_THE_EXAMPLE, "no key");
    let mut told = BTreeSet::new();
    for table in keys::TABLES {
        let (text, alternative) = table.text.split_once("\n\n").unwrap_or((table.text, ""));
        out.push('\n');
        comment(&mut out, text, "no key");
        let off = if table.is_off { "# " } else { "" };
        if !table.header.is_empty() {
            let _ = writeln!(out, "{off}{}", header(table));
        }
        comment(&mut out, alternative, "idle_timeout");
        for group in table.groups.iter().filter(|_| !is_defaults(table)) {
            if !group.text.is_empty() && told.insert(group.text) {
                out.push('\n');
                comment(&mut out, group.text, "no key");
                out.push('\n');
            }
            for key in group.keys.iter().filter(|key| !key.is_table()) {
                let text = if told.insert(key.text) { key.text } else { "" };
                let (text, alternatives) = text.split_once("\n\n").unwrap_or((text, ""));
                comment(&mut out, text, key.name);
                let (off, value) = match key.default() {
                    Some(default) if !table.is_off => ("", default),
                    _ if is_needed(key) => ("", key.shown()),
                    _ => ("# ", key.shown()),
                };
                let _ = writeln!(out, "{off}{} = {value}", key.name);
                comment(&mut out, alternatives, key.name);
            }
        }
    }
    out
}

/// Its keys are those of every backend.
fn is_defaults(table: &Section) -> bool {
    table.header == keys::DEFAULTS.header
}

/// The keys of the smallest file.
fn is_needed(key: &Key) -> bool {
    BASE.lines()
        .any(|line| line.starts_with(&format!("{} = ", key.name)))
}

/// The page with every key: what it may be, its default, what it is for.
fn reference() -> String {
    let mut out = BEFORE_THE_REFERENCE.to_owned();
    let mut told = BTreeSet::<*const Key>::new();
    for table in keys::TABLES {
        let title = match table.header {
            "" => "Outside every table".to_owned(),
            header => format!("`{header}`"),
        };
        let _ = writeln!(out, "\n## {title}");
        if !table.text.is_empty() {
            let _ = writeln!(out, "\n{}", table.text);
        }
        for group in table.groups.iter().filter(|_| !is_defaults(table)) {
            if !told.insert(group.keys.as_ptr()) {
                continue;
            }
            if !group.text.is_empty() {
                let _ = writeln!(out, "\n{}", group.text);
            }
            for key in group.keys.iter().filter(|key| !key.is_table()) {
                let default = match key.default() {
                    Some(default) => format!("default `{default}`"),
                    None => format!("for example `{}`", key.shown()),
                };
                let _ = writeln!(out, "\n### `{}`\n", key.name);
                let _ = writeln!(out, "{}; {default}\n\n{}", key.kind(), key.text);
            }
        }
    }
    out
}

#[track_caller]
fn assert_same(path: &str, made: &str) {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_EXPECT").is_some_and(|value| value == "1") {
        std::fs::write(&path, made).unwrap();
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let lines = found.lines().zip(made.lines());
    let different = lines.enumerate().find(|(_, (found, made))| found != made);
    assert!(
        found == made,
        "{path} is not what the table of keys says; write it with UPDATE_EXPECT=1: {different:?}"
    );
}

#[test]
fn the_example_is_what_the_table_of_keys_says() {
    assert_same("config.example.toml", &example());
}

#[test]
fn the_reference_is_what_the_table_of_keys_says() {
    assert_same("docs/configuration.md", &reference());
}

#[test]
fn every_row_of_the_table_is_complete_and_its_example_is_good() {
    let own = "[[backend.web.policy]]\nsignal = \"response_time\"\nabove = \"1s\"\n";
    for table in keys::TABLES {
        for key in table.keys().filter(|key| !key.is_table()) {
            let (name, value) = (key.name, key.shown());
            assert!(!key.text.is_empty() && !key.kind().is_empty(), "{key:?}");
            let line = format!("{name} = {value}\n");
            let header = header(table);
            let text = match header.as_str() {
                "" => line + BASE,
                "[backend.web]" if BASE.contains(&format!("\n{name} = ")) => continue,
                "[backend.web]" => BASE.to_owned() + &line,
                "[[backend.web.schedule]]" => {
                    let others = table.keys().filter(|other| other.name != name);
                    let others = others.map(|it| format!("{} = {}\n", it.name, it.shown()));
                    format!("{BASE}{header}\n{line}{}", others.collect::<String>())
                }
                "[[backend.web.policy]]" if name == "per_server" => {
                    format!("{BASE}{header}\nsignal = \"concurrency\"\n{line}")
                }
                "[[backend.web.policy]]" => {
                    let others = own.lines().filter(|other| !other.starts_with(name));
                    let others: Vec<&str> = others.collect();
                    format!("{BASE}{}\n{line}", others.join("\n"))
                }
                "[[alert]]" => format!("{BASE}{header}\n{}", alert_with(table, name)),
                "[backend.web.server.web3.machine]" => {
                    format!("{BASE}{header}\n{}", machine_with(table, name))
                }
                "[[probe]]" if name != "url" => {
                    format!("{BASE}{header}\nurl = \"http://h/\"\n{line}")
                }
                _ => format!("{BASE}{header}\n{line}"),
            };
            parse(&text, "c.toml").unwrap_or_else(|errors| panic!("{text}\n{errors}"));
        }
    }
}

/// The lines of an `[[alert]]` with that key: of the kind that it belongs to, with what that needs.
fn alert_with(table: &Section, key: &str) -> String {
    let (kind, needed) = match key {
        "smtp" | "tls" | "from" | "to" | "username" | "password_file" => (
            "email",
            &["smtp", "from", "to", "username", "password_file"][..],
        ),
        "command" => ("exec", &["command"][..]),
        _ => ("webhook", &["url"][..]),
    };
    let keys = table.keys();
    let keys = keys.filter(|it| it.name == key || needed.contains(&it.name));
    let lines = keys.map(|it| match it.name {
        "kind" => String::new(),
        name => format!("{name} = {}\n", it.shown()),
    });
    format!("kind = \"{kind}\"\n{}", lines.collect::<String>())
}

/// The lines of a machine with that key: of the provider that it belongs to, with what that needs.
fn machine_with(table: &Section, key: &str) -> String {
    let (provider, needed) = match key {
        "agent" | "options" => ("fence", "agent"),
        "mac" | "broadcast" | "wol_password" => ("wol", "mac"),
        _ => ("exec", "command"),
    };
    let keys = table.keys().filter(|it| it.name != "provider");
    let keys = keys.filter(|it| it.name == key || it.name == needed);
    let lines = keys.map(|it| format!("{} = {}\n", it.name, it.shown()));
    format!("provider = \"{provider}\"\n{}", lines.collect::<String>())
}

/// The words that a key may be, as its row says them.
fn words_of(name: &str) -> Vec<String> {
    let mut keys = keys::TABLES.iter().flat_map(|table| table.keys());
    let key = keys.find(|key| key.name == name).expect(name);
    let quoted = key.kind();
    let words = quoted.split('"').skip(1).step_by(2);
    words.map(str::to_owned).collect()
}

#[test]
fn every_signal_and_statistic_can_be_written_looked_up_and_relied_on() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let explained = std::fs::read_to_string(root.join("docs/how-it-decides.md")).unwrap();
    let tested = [
        include_str!("../scaler/meters.rs"),
        include_str!("../scaler/windows.rs"),
        include_str!("../scaler/world.rs"),
    ];
    assert_eq!(words_of("signal").len(), Signal::NAMED.len());
    for ((name, signal), word) in Signal::NAMED.iter().zip(words_of("signal")) {
        assert_eq!(*name, word);
        let above = if signal.unit() == Unit::Ms {
            "'1s'"
        } else {
            "5"
        };
        let text = format!("{BASE}[[backend.web.policy]]\nsignal = '{name}'\nabove = {above}\n");
        let read = parse(&text, "c.toml").unwrap_or_else(|errors| panic!("{errors}"));
        let policies = &read.config.backends["web"].scaler.policies;
        assert!(policies.iter().any(|it| it.signal == *signal), "{name}");
        assert!(
            explained.contains(&format!("`{name}`")) || explained.contains(&name.replace('_', " ")),
            "{name}"
        );
        assert!(EXAMPLE.contains(name), "{name}");
        let variant = format!("Signal::{signal:?}");
        assert!(
            tested.iter().any(|text| text.contains(&variant)),
            "{variant} has no test"
        );
    }
    for word in words_of("statistic") {
        let text = format!("{BASE}statistic = '{word}'\n");
        let read = parse(&text, "c.toml").unwrap_or_else(|errors| panic!("{errors}"));
        let policies = &read.config.backends["web"].scaler.policies;
        assert_eq!(policies[0].statistic.name(), word);
        assert!(EXAMPLE.contains(&word), "{word}");
    }
}

/// A row that points at a neighbour's field would read well, show the right default, and be wrong.
#[test]
fn every_key_sets_the_field_of_its_name() {
    let shown = |text: &str| parse(text, "c.toml").map(|loaded| format!("{:#?}", loaded.config));
    let before = shown(BASE).unwrap();
    let values = "'http://h/' '77s' 7 true 0.7 '/x' 'tcp:a:1' '127.0.0.1:1' 'maint' 'observe' 'p90' '300-302' 'clf' '7KiB' 'x' ['b'] 'off' 'high'";
    let mut checked = 0;
    for table in keys::TABLES {
        let header = header(table);
        if is_defaults(table) || table.is_off {
            continue;
        }
        for key in table
            .keys()
            .filter(|key| !key.is_table() && !is_needed(key))
        {
            let changed = values.split(' ').find_map(|value| {
                let line = format!("{} = {value}\n", key.name);
                let text = match header.as_str() {
                    "" => line + BASE,
                    "[backend.web]" => BASE.to_owned() + &line,
                    _ => format!("{BASE}{header}\n{line}"),
                };
                shown(&text).ok().filter(|after| *after != before)
            });
            let after = changed.unwrap_or_else(|| panic!("{} sets nothing", key.name));
            let (lines, new) = (before.lines(), after.lines());
            let line = lines.zip(new).position(|(old, new)| old != new).unwrap();
            // The name of a field that takes several lines stands on the first of them.
            let near = after.lines().skip(line.saturating_sub(2)).take(3);
            let near: Vec<&str> = near.collect();
            assert!(
                near.join("\n").contains(key.name),
                "{}: {near:#?}",
                key.name
            );
            checked += 1;
        }
    }
    assert!(checked > 30, "{checked} keys");
}
