//! Our own side: the configuration, and the names in it. A daemon that runs or not is the business of `daemon`.

use std::path::Path;

use super::super::facts::{ConfigState, Facts};
use super::super::finding::{Code, Finding, Fix};
use super::super::shown::{toml_key, toml_text};
use crate::config::{BackendConfig, Config, Mode};
use crate::scaler::settings::Spares;

/// A name that is so much like another was meant to be it.
const SIMILAR: f64 = 0.6;

pub(super) fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    let path = facts.config.path.display().to_string();
    match &facts.config.state {
        ConfigState::Missing if facts.config.is_named => {
            let fix = Fix::run(format!("haproxy-autoscale init -o {path}"));
            findings.push(Finding::new(
                Code::ConfigBroken,
                path,
                "this file does not exist",
                fix,
            ));
        }
        ConfigState::Missing => {
            let text = "there is no configuration yet; `init` writes one from what it finds";
            let fix = Fix::run("sudo haproxy-autoscale init");
            findings.push(Finding::new(Code::ConfigMissing, path, text, fix));
        }
        ConfigState::Broken(report) => {
            let first = report
                .lines()
                .next()
                .unwrap_or("it has mistakes")
                .to_owned();
            let text = format!("the configuration cannot be used: {first}");
            let fix = Fix::run(format!("haproxy-autoscale check -c {path}"));
            findings.push(Finding::new(Code::ConfigBroken, path, text, fix));
        }
        ConfigState::Loaded(config) => {
            if config.mode == Mode::Observe {
                let text = "it only observes: it says what it would do and changes nothing";
                let fix = Fix::key("", "mode = \"act\"");
                findings.push(Finding::new(Code::Observing, path, text, fix));
            }
            for (name, backend) in &config.backends {
                of_backend(facts, config, (name, backend), findings);
            }
        }
    }
}

fn of_backend(
    facts: &Facts,
    config: &Config,
    (name, backend): (&str, &BackendConfig),
    findings: &mut Vec<Finding>,
) {
    let path = &facts.config.path;
    let Some(servers) = servers(facts, name) else {
        if let Some(known) = backends(facts) {
            findings.push(unknown_backend(path, config, name, &known));
        }
        return;
    };
    let place = format!("{} [backend.{name}]", path.display());
    let table = format!("backend.{}", toml_key(name));
    let replaced = |names: &[String], others: &[String]| {
        let wanted: Vec<&String> = servers.iter().filter(|it| !others.contains(it)).collect();
        let mut kept: Vec<String> = Vec::new();
        for one in names {
            let meant = if servers.contains(one) {
                Some(one.clone())
            } else {
                most_like(one, &wanted)
            };
            kept.extend(meant.filter(|it| !kept.contains(it)));
        }
        kept.iter()
            .map(|it| toml_text(it))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let spares = match &backend.scaler.spares {
        Spares::Auto => &[][..],
        Spares::Named(names) => names,
    };
    let always_up = &backend.scaler.always_up;
    let lists = [
        (
            Code::AlwaysUpUnknown,
            "always_up",
            always_up.as_slice(),
            spares,
        ),
        (Code::SpareUnknown, "spares", spares, always_up.as_slice()),
    ];
    for (code, key, names, others) in lists {
        let unknown: Vec<&str> = names
            .iter()
            .filter(|it| !servers.contains(it))
            .map(String::as_str)
            .collect();
        if unknown.is_empty() {
            continue;
        }
        let text = format!(
            "HAProxy has no server {} in backend {name}; it has {}",
            unknown.join(", "),
            servers.join(", ")
        );
        let fix = Fix::key(
            table.clone(),
            format!("{key} = [{}]", replaced(names, others)),
        );
        findings.push(Finding::new(code, place.clone(), text, fix));
    }
}

/// Those of HAProxy itself, else of haproxy.cfg; `None` where it has no such backend, or nobody knows.
fn servers(facts: &Facts, name: &str) -> Option<Vec<String>> {
    if let Some(read) = facts
        .socket
        .said()
        .and_then(|it| it.picture.backends.get(name))
    {
        return Some(read.servers.iter().map(|it| it.name.clone()).collect());
    }
    let proxy = facts.cfg.as_ref()?.backend(name)?;
    Some(proxy.servers.iter().map(|it| it.name.clone()).collect())
}

fn backends(facts: &Facts) -> Option<Vec<String>> {
    if let Some(said) = facts.socket.said() {
        return Some(said.backends.clone());
    }
    let cfg = facts.cfg.as_ref()?;
    Some(cfg.backends().map(|it| it.name.clone()).collect())
}

fn unknown_backend(path: &Path, config: &Config, name: &str, known: &[String]) -> Finding {
    let free: Vec<&String> = known
        .iter()
        .filter(|it| !config.backends.contains_key(*it))
        .collect();
    let text = format!("HAProxy has no backend {name}; it has {}", known.join(", "));
    let meant = most_like(name, &free).or_else(|| match free.as_slice() {
        [only] => Some((*only).clone()),
        _ => None,
    });
    let line = std::fs::read_to_string(path).ok().and_then(|text| {
        let wanted = [format!("[backend.{name}]"), format!("[backend.\"{name}\"]")];
        text.lines()
            .position(|line| wanted.iter().any(|it| line.trim_start().starts_with(it)))
    });
    let fix = match (meant, line) {
        (Some(meant), Some(index)) => Fix::Replace {
            file: path.to_owned(),
            line: index + 1,
            text: format!("[backend.{}]", toml_key(&meant)),
        },
        _ => Fix::None,
    };
    Finding::new(Code::BackendUnknown, path.display().to_string(), text, fix)
}

fn most_like(name: &str, known: &[&String]) -> Option<String> {
    let likeness = |it: &&&String| strsim::jaro_winkler(name, it);
    let best = known
        .iter()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(&best) >= SIMILAR).then(|| (*best).clone())
}
