//! The plan as a file: short, with a word beside each line.

use std::fmt::Write as _;

use super::plan::{BackendPlan, PROPOSED, Plan};
use crate::doctor::shown::{toml_key, toml_text};
use crate::doctor::{Facts, Finding, Level};

/// Where comments begin.
const COLUMN: usize = 34;

/// Its text.
pub fn text(plan: &Plan, facts: &Facts, missing: &[&Finding]) -> String {
    let mut text = String::from(
        "# Written by `haproxy-autoscale init`. docs/configuration.md explains every key; \
         `haproxy-autoscale doctor`\n# says what is still missing.\n",
    );
    let errors = missing.iter().filter(|it| it.level == Level::Error);
    let errors: Vec<&str> = errors.map(|it| it.code.as_str()).collect();
    if !errors.is_empty() {
        let _ = writeln!(
            text,
            "# NOT USABLE YET: haproxy.cfg or the host lacks something ({}).",
            errors.join(", ")
        );
    }
    text.push('\n');
    line(
        &mut text,
        "mode = \"observe\"",
        "only says what it would do; `init --mode act` lets it act",
    );
    text.push_str("\n[haproxy]\n");
    let socket = format!("socket = {}", toml_text(&plan.socket));
    line(&mut text, &socket, &plan.socket_note);
    text.push_str("\n[log]\n");
    let source = format!("source = {}", toml_text(&plan.source));
    line(&mut text, &source, &plan.source_note);
    if let Some(format) = &plan.format {
        line(
            &mut text,
            &format!("format = {}", toml_text(format)),
            "as haproxy.cfg writes it",
        );
    }
    if let Some(tag) = &plan.tag {
        line(
            &mut text,
            &format!("tag = {}", toml_text(tag)),
            "HAProxy's name in the log",
        );
    }
    text.push_str(&places(facts));
    for backend in &plan.backends {
        text.push_str(&of_backend(backend));
    }
    text
}

/// A host below a directory keeps its daemon's own files there too.
fn places(facts: &Facts) -> String {
    let at = |path: &str| toml_text(&facts.host.at(path).display().to_string());
    if facts.host.at("/").as_os_str() == "/" {
        return String::new();
    }
    format!(
        "\n[control]\nsocket = {}\n\n[state]\ndir = {}\n",
        at("/run/haproxy-autoscale/control.sock"),
        at("/var/lib/haproxy-autoscale")
    )
}

fn of_backend(backend: &BackendPlan) -> String {
    let name = toml_key(&backend.name);
    let mut text = format!("\n[backend.{name}]\n");
    let names = |names: &[String]| {
        let names: Vec<String> = names.iter().map(|it| toml_text(it)).collect();
        format!("[{}]", names.join(", "))
    };
    line(
        &mut text,
        &format!("always_up = {}", names(&backend.always_up)),
        "never disabled",
    );
    let spare = if backend.is_proposed {
        PROPOSED
    } else {
        "marked `disabled` in haproxy.cfg"
    };
    line(
        &mut text,
        &format!("spares = {}", names(&backend.spares)),
        spare,
    );
    match &backend.learned {
        Some(learned) => {
            let note = format!(
                "by the log: {:.0} ms in calm moments, 95 % of all within {:.0} ms",
                learned.calm_ms, learned.p95_ms
            );
            let goal = format!("response_time = \"{:.0}ms\"", learned.goal_ms);
            line(&mut text, &goal, &note);
            if let Some((capacity, confidence)) = &learned.capacity {
                let note = format!("what one server carries, by the log; confidence {confidence}");
                line(&mut text, &format!("capacity = {capacity}"), &note);
            }
        }
        None => line(
            &mut text,
            "response_time = \"500ms\"",
            "a mean above this is too slow; no log has said more yet",
        ),
    }
    let _ = write!(text, "{}", warm_up(backend, &name));
    text
}

fn warm_up(backend: &BackendPlan, name: &str) -> String {
    let mut text = String::new();
    if let Some(why) = backend.no_warm_up {
        let _ = write!(text, "\n[backend.{name}.warm_up]\n");
        line(&mut text, "requests = 0", why);
        return text;
    }
    let _ = write!(text, "\n[backend.{name}.warm_up]\n");
    let path = format!("path = {}", toml_text(backend.path()));
    match &backend.check_said {
        Some(said) => line(&mut text, &path, &format!("as {said}")),
        None => line(
            &mut text,
            &path,
            "haproxy.cfg names none for its checks; one that does real work warms more",
        ),
    }
    if let Some(host) = backend.check.as_ref().and_then(|it| it.1.as_ref()) {
        line(
            &mut text,
            &format!("host = {}", toml_text(host)),
            "likewise",
        );
    }
    text
}

/// A key with a comment, if that fits behind it.
fn line(text: &mut String, key: &str, comment: &str) {
    let comment: String = comment
        .chars()
        .map(|it| if it.is_control() { ' ' } else { it })
        .collect();
    if key.len() > 2 * COLUMN {
        let _ = writeln!(text, "# {comment}\n{key}");
    } else {
        let _ = writeln!(text, "{key:COLUMN$} # {comment}");
    }
}
