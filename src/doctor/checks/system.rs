//! The rest of the host: our unit's groups, limits of rsyslog, of systemd's journal and of the kernel.

use super::super::facts::Facts;
use super::super::finding::{Code, Finding, Fix};
use crate::config::LogSource;

/// Datagrams that a Unix socket holds: fewer are full in the first rush.
const DATAGRAMS_MIN: u32 = 256;
/// What is written instead.
const DATAGRAMS: u32 = 512;
/// `RateLimitBurst` of journald by itself, lines in 30 s (journald.conf(5)).
const BURST_DEFAULT: u32 = 10_000;
const UNIT: &str = "haproxy-autoscale.service";

pub(super) fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    let system = &facts.system;
    if let Some(unit) = &system.unit {
        let known = facts.host.numbers("/etc/group");
        for group in unit.groups.iter().filter(|it| !known.contains_key(*it)) {
            // Its user is made with a group of its own.
            if *group == unit.user {
                continue;
            }
            let text = format!(
                "the unit wants group {group}, which this host does not have: its start fails with 216/GROUP"
            );
            let fix = Fix::run(format!("sudo groupadd --system {group}"));
            findings.push(Finding::new(Code::GroupMissing, UNIT, text, fix));
        }
    }
    for (file, line, mended) in &system.rsyslog_limits {
        let text = "rsyslog leaves lines out beyond this rate: in a rush the log contradicts HAProxy's \
                    counters, and no spare goes";
        let fix = Fix::Replace {
            file: file.clone(),
            line: *line,
            text: mended.clone(),
        };
        let place = format!("{}:{line}", file.display());
        findings.push(Finding::new(Code::RsyslogRate, place, text, fix));
    }
    if system.is_selinux {
        let text = "SELinux is enforcing: if the daemon may not open the socket or the log, a denial says so";
        let fix = Fix::run("sudo ausearch -m avc -ts recent");
        findings.push(Finding::new(Code::Selinux, "SELinux", text, fix));
    }
    for (file, line, mended) in &system.copytruncate {
        let text =
            "logrotate cuts the log instead of renaming it: what was not read by then is lost";
        let fix = Fix::Replace {
            file: file.clone(),
            line: *line,
            text: mended.clone(),
        };
        let place = format!("{}:{line}", file.display());
        findings.push(Finding::new(Code::Copytruncate, place, text, fix));
    }
    match &facts.log.source {
        LogSource::Journal(_) => journal(facts, findings),
        LogSource::Unix(_) => findings.extend(datagrams(facts)),
        LogSource::File(_) | LogSource::Stdin | LogSource::Udp(_) | LogSource::Tcp(_) => {}
    }
}

fn journal(facts: &Facts, findings: &mut Vec<Finding>) {
    let journald = &facts.system.journald;
    let place = "/etc/systemd/journald.conf";
    let drop_in = |name: &str, text: &str| Fix::Write {
        path: facts
            .host
            .at(&format!("/etc/systemd/journald.conf.d/{name}.conf")),
        text: format!("[Journal]\n{text}\n"),
    };
    if journald.storage.as_deref() == Some("none") {
        let text = "journald keeps nothing (Storage=none), so there is nothing to follow";
        let fix = drop_in("haproxy-storage", "Storage=auto");
        findings.push(Finding::new(Code::JournaldOff, place, text, fix));
    }
    let is_off = journald
        .interval
        .as_deref()
        .is_some_and(|it| it.trim_start_matches('0').is_empty() || it == "0s");
    let burst = journald.burst.unwrap_or(BURST_DEFAULT);
    if !is_off && burst > 0 && burst < BURST_DEFAULT {
        let interval = journald.interval.as_deref().unwrap_or("30s");
        let text = format!(
            "journald keeps at most {burst} lines of a service in {interval}: in a rush the log contradicts \
             HAProxy's counters, and no spare goes"
        );
        let fix = drop_in("haproxy-rate", "RateLimitIntervalSec=0");
        findings.push(Finding::new(Code::JournaldRate, place, text, fix));
    }
}

fn datagrams(facts: &Facts) -> Option<Finding> {
    let limit = facts
        .system
        .datagram_queue
        .filter(|it| *it < DATAGRAMS_MIN)?;
    let text = format!(
        "a Unix datagram socket holds {limit} lines: in a rush HAProxy finds it full and drops lines"
    );
    let fix = Fix::run(format!(
        "sudo sysctl -w net.unix.max_dgram_qlen={DATAGRAMS}"
    ));
    Some(Finding::new(
        Code::DatagramQueue,
        "net.unix.max_dgram_qlen",
        text,
        fix,
    ))
}

/// Our unit lacks the group that may open something.
pub(super) fn unit_group(facts: &Facts, gid: u32, what: &str) -> Option<Finding> {
    facts.system.unit.as_ref()?;
    let group = super::socket::group_name(facts, gid);
    let text = format!("group {group} may open {what}, and the daemon's unit is not in that group");
    let path = format!("/etc/systemd/system/{UNIT}.d/group-{group}.conf");
    let fix = Fix::Write {
        path: facts.host.at(&path),
        text: format!("[Service]\nSupplementaryGroups={group}\n"),
    };
    Some(Finding::new(Code::UnitGroups, UNIT, text, fix))
}
