//! The rest of the host: our unit, the limits of rsyslog and of systemd's journal, of the kernel.

use std::path::{Path, PathBuf};

use super::facts::{Journald, SystemFacts, Unit};
use super::host::Host;

const UNIT: &str = "haproxy-autoscale.service";
const UNIT_PLACES: [&str; 3] = [
    "/etc/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];
/// Settings of rsyslog that limit a rate, in its old and its new language. The value that switches the
/// limit off is 0.
const RATE_KEYS: [&str; 4] = [
    "$systemlogratelimitinterval",
    "$imjournalratelimitinterval",
    "syssock.ratelimit.interval",
    "ratelimit.interval",
];

/// Looks at all of it but the daemon.
pub(super) fn look(host: &Host) -> SystemFacts {
    let queue = host.text("/proc/sys/net/unix/max_dgram_qlen");
    SystemFacts {
        unit: unit(host),
        rsyslog_limits: rsyslog_limits(host),
        journald: journald(host),
        is_selinux: host
            .text("/sys/fs/selinux/enforce")
            .is_some_and(|it| it.trim() == "1"),
        copytruncate: copytruncate(host),
        datagram_queue: queue.and_then(|it| it.trim().parse().ok()),
        ..SystemFacts::default()
    }
}

fn unit(host: &Host) -> Option<Unit> {
    let mut places = UNIT_PLACES.iter();
    let text = places.find_map(|place| host.text(&format!("{place}/{UNIT}")))?;
    let mut unit = Unit {
        user: "root".to_owned(),
        groups: Vec::new(),
    };
    let drop_ins = host.texts_in(&format!("/etc/systemd/system/{UNIT}.d"), ".conf");
    let texts = std::iter::once(text).chain(drop_ins.into_iter().map(|it| it.1));
    for text in texts {
        for (key, value) in settings(&text) {
            match key {
                "User" => value.clone_into(&mut unit.user),
                "SupplementaryGroups" if value.is_empty() => unit.groups.clear(),
                "SupplementaryGroups" | "Group" => {
                    let groups = value.split_whitespace().map(str::to_owned);
                    unit.groups.extend(groups);
                }
                _ => {}
            }
        }
    }
    Some(unit)
}

/// `KEY=VALUE` lines of systemd's files.
fn settings(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.starts_with(['#', ';']));
    lines.filter_map(|line| {
        let (key, value) = line.split_once('=')?;
        Some((key.trim(), value.trim()))
    })
}

fn journald(host: &Host) -> Journald {
    let mut found = Journald::default();
    let drop_ins = [
        "/usr/lib/systemd/journald.conf.d",
        "/etc/systemd/journald.conf.d",
    ];
    let drop_ins = drop_ins.into_iter();
    let drop_ins = drop_ins.flat_map(|it| host.texts_in(it, ".conf"));
    let main = host.text("/etc/systemd/journald.conf");
    let texts = main.into_iter().chain(drop_ins.map(|it| it.1));
    for text in texts {
        for (key, value) in settings(&text) {
            match key {
                "Storage" => found.storage = Some(value.to_owned()),
                "RateLimitIntervalSec" | "RateLimitInterval" => {
                    found.interval = Some(value.to_owned());
                }
                "RateLimitBurst" => found.burst = value.parse().ok(),
                _ => {}
            }
        }
    }
    found
}

/// What is unread when a log is cut is lost; one that is renamed is read to its end.
fn copytruncate(host: &Host) -> Vec<(PathBuf, usize, String)> {
    let texts = host.texts_in("/etc/logrotate.d", "").into_iter();
    let texts = texts.filter(|(_, text)| text.contains("haproxy"));
    let found = texts.filter_map(|(path, text)| {
        let mut lines = text.lines().enumerate();
        let (index, line) = lines.find(|(_, line)| line.trim() == "copytruncate")?;
        Some((
            path,
            index + 1,
            line.replace("copytruncate", "nocopytruncate"),
        ))
    });
    found.collect()
}

fn rsyslog_limits(host: &Host) -> Vec<(PathBuf, usize, String)> {
    let main = host.text("/etc/rsyslog.conf");
    let main = main.map(|text| (host.at("/etc/rsyslog.conf"), text));
    let texts = main
        .into_iter()
        .chain(host.texts_in("/etc/rsyslog.d", ".conf"));
    texts
        .flat_map(|(path, text)| limits_of(&path, &text))
        .collect()
}

fn limits_of(path: &Path, text: &str) -> Vec<(PathBuf, usize, String)> {
    let says_interval = text.to_lowercase().contains("ratelimit.interval");
    let lines = text.lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.trim_start().starts_with('#'));
    lines
        .filter_map(|(index, line)| {
            let lower = line.to_lowercase();
            // What imjournal does without being told: 20,000 lines in 10 minutes.
            let mended = if lower.contains("load=\"imjournal\"") && !says_interval {
                let end = lower.find("load=\"imjournal\"")? + "load=\"imjournal\"".len();
                let (before, after) = line.split_at_checked(end)?;
                format!("{before} Ratelimit.Interval=\"0\"{after}")
            } else {
                switched_off(line, &lower)?
            };
            Some((path.to_owned(), index + 1, mended))
        })
        .collect()
}

/// The line with 0 in the place of the interval, where that is something else.
fn switched_off(line: &str, lower: &str) -> Option<String> {
    let key = RATE_KEYS.iter().find(|key| lower.contains(**key))?;
    let end = lower.find(*key)? + key.len();
    let (before, after) = line.split_at_checked(end)?;
    let digits_at = after.find(|it: char| it.is_ascii_digit())?;
    let digits = after.get(digits_at..)?;
    let length = digits.find(|it: char| !it.is_ascii_digit());
    let length = length.unwrap_or(digits.len());
    if digits.get(..length)?.parse::<u64>().ok()? == 0 {
        return None;
    }
    let (between, rest) = (after.get(..digits_at)?, digits.get(length..)?);
    Some(format!("{before}{between}0{rest}"))
}
