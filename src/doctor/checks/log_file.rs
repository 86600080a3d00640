//! The log as it lies there: is it there, may it be read, can it be understood, is it of now?

use std::time::{Duration, SystemTime};

use super::super::facts::{Facts, LogFile, LogRead, Said};
use super::super::finding::{Code, Finding, Fix, place_of};
use super::super::host::Rights;
use super::super::log_place::{expected, udp_line};
use super::super::shown::toml_text;
use super::in_global;
use super::silence;
use super::socket::group_name;
use super::socket_answer::sudo_needed;
use crate::config::LogSource;
use crate::haproxy_cfg::Destination;
use crate::words::time::ms_since_1970;

/// Responses that prove that there should be lines.
const RESPONSES_MIN: u64 = 20;
/// More than one line lost in so many matters.
const DROPPED_ONE_OF: u64 = 200;
/// Clocks further apart than this are not the same.
const OFF_MAX_S: i64 = 120;
/// Further apart than any zone, it is an old log that was copied.
const OFF_BELIEVED_S: i64 = 26 * 60 * 60;
/// Zones of the world are apart by multiples of this.
const ZONE_STEP_S: i64 = 15 * 60;

/// Why no line of HAProxy's leaves it.
const NOT_IN_CHROOT: &str =
    "HAProxy looks for its log socket below its `chroot`, and it is not there";

pub(super) fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    if let LogSource::File(path) = &facts.log.source {
        let place = place_of(path);
        match &facts.log.file {
            LogFile::NotLooked => {}
            LogFile::Missing => findings.push(missing(facts, place)),
            LogFile::Unreadable(rights) => {
                let may_daemon = match rights {
                    Some(rights) => rights.grants(&facts.reader, 0o400),
                    // Its directory is closed to whoever looks, which says nothing of others.
                    None => facts.is_asked_by_another(),
                };
                findings.push(if may_daemon {
                    sudo_needed("log", place)
                } else {
                    unreadable(facts, place, *rights)
                });
            }
            LogFile::Read(read) => {
                if !read.rights.grants(&facts.reader, 0o400) {
                    findings.push(unreadable(facts, place.clone(), Some(read.rights)));
                }
                of_read(facts, &place, read, findings);
            }
        }
    }
    if let Some(said) = facts.socket.said() {
        findings.extend(dropped(facts, said));
    }
}

pub(super) fn missing(facts: &Facts, place: String) -> Finding {
    let host = &facts.host;
    let elsewhere = expected(facts.cfg.as_ref(), host).source;
    let is_there = match &elsewhere {
        LogSource::File(path) => path.exists(),
        LogSource::Journal(_) => !host.has_rsyslog(),
        LogSource::Stdin | LogSource::Udp(_) | LogSource::Unix(_) | LogSource::Tcp(_) => false,
    };
    let source = super::super::facts::source_text(&elsewhere);
    let (text, fix) = if is_there {
        (
            format!("this log does not exist; HAProxy's lines are in {source}"),
            Fix::key("log", format!("source = {}", toml_text(&source))),
        )
    } else if let Some(fix) = silence::chroot(facts) {
        (format!("this log does not exist: {NOT_IN_CHROOT}"), fix)
    } else if host.has_rsyslog() {
        (
            "this log does not exist, though a syslog daemon is installed: it has written no line of \
             HAProxy's"
                .to_owned(),
            Fix::run("sudo systemctl restart rsyslog"),
        )
    } else {
        let tool = if host.is_red_hat() { "dnf" } else { "apt-get" };
        (
            "this log does not exist, and no syslog daemon is installed that would write it"
                .to_owned(),
            Fix::run(format!("sudo {tool} install rsyslog")),
        )
    };
    Finding::new(Code::LogMissing, place, text, fix)
}

pub(super) fn unreadable(facts: &Facts, place: String, rights: Option<Rights>) -> Finding {
    let who = &facts.reader.name;
    let group = rights.map(|it| group_name(facts, it.gid));
    let group = group.filter(|it| it != "root" && it != "0");
    let may_group = rights.is_some_and(|it| it.mode & 0o040 != 0);
    if let Some(rights) = rights.filter(|_| may_group && group.is_some())
        && let Some(finding) = super::system::unit_group(facts, rights.gid, "the log")
    {
        return finding;
    }
    let (text, fix) = match group.filter(|_| may_group) {
        Some(group) => (
            format!(
                "user {who}, as which the daemon runs, may not read this log: group {group} may"
            ),
            Fix::run(format!("sudo usermod -aG {group} {who}")),
        ),
        None => (
            format!(
                "user {who}, as which the daemon runs, may not read this log, nor may any group of it"
            ),
            Fix::run(format!("sudo chgrp adm {place} && sudo chmod 640 {place}")),
        ),
    };
    Finding::new(Code::LogUnreadable, place, text, fix)
}

fn of_read(facts: &Facts, place: &str, read: &LogRead, findings: &mut Vec<Finding>) {
    if let Some(advice) = &read.advice {
        let mut keys = Vec::new();
        if let Some(tag) = &advice.tag {
            keys.push(format!("tag = {}", toml_text(tag)));
        }
        if let Some(format) = advice.format {
            keys.push(format!("format = \"{format}\""));
        }
        let fix = if keys.is_empty() {
            Fix::None
        } else {
            Fix::key("log", keys.join("\n"))
        };
        let text = format!("of the end of this log {advice}");
        findings.push(Finding::new(Code::LogUnread, place, text, fix));
        return;
    }
    let Some(said) = facts.socket.said() else {
        return;
    };
    let responses: u64 = said.picture.backends.values().map(|it| it.responses).sum();
    let started_ms = said.picture.generation.start_time_s.saturating_mul(1000);
    let up_ms = ms_since_1970(SystemTime::now()).saturating_sub(started_ms);
    let is_older = read
        .age
        .is_none_or(|age| age > Duration::from_millis(up_ms));
    if responses >= RESPONSES_MIN && is_older {
        let chroot = silence::chroot(facts);
        let why = if chroot.is_some() {
            NOT_IN_CHROOT
        } else {
            "the syslog daemon does not run, the disk is full, or HAProxy logs elsewhere"
        };
        let text = format!(
            "HAProxy has answered {responses} requests since it started, and this log has had no line \
             since then: {why}"
        );
        let fix = chroot.unwrap_or_else(|| Fix::run("sudo systemctl restart rsyslog"));
        findings.push(Finding::new(Code::LogStale, place, text, fix));
    }
    if let Some(off_s) = read.off_s.filter(|off| is_off(*off)) {
        let text = format!(
            "the last request in this log is {} s {} the time at which it was written: HAProxy's clock \
             is not that of this host. Does HAProxy run on another machine or in another clock, or was this \
             host's clock set lately?",
            off_s.abs(),
            if off_s > 0 { "ahead of" } else { "behind" }
        );
        findings.push(Finding::new(Code::LogClock, place, text, Fix::None));
    }
}

/// A whole number of quarters of an hour is another zone, which does no harm: what counts is when a line
/// comes.
fn is_off(off_s: i64) -> bool {
    let beside = off_s.rem_euclid(ZONE_STEP_S);
    off_s.abs() < OFF_BELIEVED_S && beside.min(ZONE_STEP_S - beside) > OFF_MAX_S
}

fn dropped(facts: &Facts, said: &Said) -> Option<Finding> {
    let (dropped, requests) = (said.picture.dropped_logs, said.picture.requests);
    if dropped < RESPONSES_MIN || dropped.saturating_mul(DROPPED_ONE_OF) < requests {
        return None;
    }
    let cfg = facts.cfg.as_ref()?;
    let logs = cfg.global.logs.iter();
    let mut targets = logs.filter(|it| it.takes_requests());
    let is_standard = targets.any(|it| it.destination() == Destination::Standard);
    let line = if is_standard {
        "    nbthread 1".to_owned()
    } else {
        udp_line("local0")
    };
    let (place, fix) = in_global(cfg, &line);
    let text = format!(
        "HAProxy has dropped {dropped} lines of its log for {requests} requests: a target does not take \
         them, or several threads write to stdout"
    );
    Some(Finding::new(Code::LogDropped, place, text, fix))
}
