//! Findings as text for people, and as JSON for scripts.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde::Serialize;

use super::facts::Facts;
use super::finding::{Finding, Fix, Level};

#[derive(Serialize)]
struct Findings<'a> {
    findings: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    level: &'static str,
    code: &'static str,
    place: &'a str,
    text: &'a str,
    fix: &'a str,
}

/// One JSON object.
///
/// # Errors
/// It could not be written.
pub fn write_json(findings: &[Finding], out: &mut dyn Write) -> io::Result<()> {
    let rows = findings.iter().map(|it| Row {
        level: it.level.as_str(),
        code: it.code.as_str(),
        place: &it.place,
        text: &it.text,
        fix: it.fix.text(),
    });
    let findings = Findings {
        findings: rows.collect(),
    };
    serde_json::to_writer(&mut *out, &findings)?;
    writeln!(out)
}

/// The gravest first, each with what to paste, and what was looked at.
///
/// # Errors
/// They could not be written.
pub fn write_text(facts: &Facts, findings: &[Finding], out: &mut dyn Write) -> io::Result<()> {
    let mut text = looked_at(facts);
    for finding in findings {
        let level = finding.level.as_str();
        let _ = write!(
            text,
            "\n{level}[{}] {}\n  {}\n",
            finding.code.as_str(),
            finding.place,
            finding.text
        );
        text.push_str(&way_out(
            &finding.fix,
            &facts.config.path.display().to_string(),
        ));
    }
    let _ = writeln!(text, "\n{}", sum(findings));
    out.write_all(text.as_bytes())
}

/// What to do with what is to be pasted.
pub fn way_out(fix: &Fix, config: &str) -> String {
    let what = match fix {
        Fix::None => return String::new(),
        Fix::Replace { file, line, .. } => {
            format!("in {}, write for line {line}:", file.display())
        }
        Fix::Below { file, line: 0, .. } => format!("add at the top of {}:", file.display()),
        Fix::Below {
            file,
            line,
            section,
            ..
        } => format!("add to {section} in {}, below line {line}:", file.display()),
        Fix::Key { table, .. } if table.is_empty() => format!("in {config}, write:"),
        Fix::Key { table, .. } => format!("in {config}, write under [{table}]:"),
        Fix::Write { path, .. } => format!("write to {}:", path.display()),
        Fix::Run(_) => "run:".to_owned(),
    };
    let lines = fix.text().lines().map(|line| match fix {
        Fix::Replace { .. } | Fix::Below { .. } => format!("{line}\n"),
        Fix::None | Fix::Key { .. } | Fix::Write { .. } | Fix::Run(_) => format!("    {line}\n"),
    });
    format!("  {what}\n{}", lines.collect::<String>())
}

fn looked_at(facts: &Facts) -> String {
    let mut text = String::new();
    if let Some(cfg) = &facts.cfg {
        let files = cfg.files.iter().map(|it| it.display().to_string());
        let files: Vec<_> = files.collect();
        let _ = writeln!(
            text,
            "haproxy.cfg  {}: {} lines; backends with servers: {}",
            files.join(", "),
            cfg.lines,
            cfg.backends().count()
        );
    }
    if let Some(address) = &facts.socket.address {
        let said = facts.socket.said();
        let said = said.map_or_else(
            || "no answer".to_owned(),
            |said| format!("HAProxy {}, level {}", said.version, said.level),
        );
        let _ = writeln!(text, "socket       {address}: {said}");
    }
    let source = super::facts::source_text(&facts.log.source);
    let _ = writeln!(text, "log          {source} ({})", facts.log.why);
    let _ = writeln!(
        text,
        "config       {}{}",
        facts.config.path.display(),
        if facts.config.path.exists() {
            ""
        } else {
            ": not there"
        }
    );
    text
}

fn sum(findings: &[Finding]) -> String {
    let count = |level| findings.iter().filter(|it| it.level == level).count();
    let (errors, warnings, advice) = (
        count(Level::Error),
        count(Level::Warning),
        count(Level::Advice),
    );
    if findings.is_empty() {
        return "nothing is wrong".to_owned();
    }
    let plural = |number: usize, one: &str, many: &str| {
        format!("{number} {}", if number == 1 { one } else { many })
    };
    let mut sum = format!(
        "{}, {}, {advice} advice",
        plural(errors, "error", "errors"),
        plural(warnings, "warning", "warnings"),
    );
    let is_cfg = |it: &Finding| {
        let is_grave = it.level != Level::Advice;
        is_grave && matches!(it.fix, Fix::Replace { .. } | Fix::Below { .. })
    };
    if findings.iter().any(is_cfg) {
        sum.push_str(
            "; after a change of haproxy.cfg: haproxy -c -f FILE && systemctl reload haproxy",
        );
    }
    sum
}

/// A text as a value of TOML.
pub fn toml_text(text: &str) -> String {
    let is_plain = |it: char| !it.is_control() && it != '\'';
    if text.contains(['"', '\\']) && text.chars().all(is_plain) {
        return format!("'{text}'");
    }
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            control if control.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// A name as a part of a table's header: bare where TOML lets it be.
pub fn toml_key(name: &str) -> String {
    let is_bare = |it: char| it.is_ascii_alphanumeric() || it == '_' || it == '-';
    if !name.is_empty() && name.chars().all(is_bare) {
        name.to_owned()
    } else {
        toml_text(name)
    }
}
