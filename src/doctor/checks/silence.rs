//! A log in which nothing arrives: which link between HAProxy and the log is open. Lines of haproxy.cfg that
//! say so are the business of `log_lines`.

use super::super::facts::{Facts, LogFile};
use super::super::finding::{Code, Fix};
use super::super::log_place::udp_line;
use super::log_file;
use crate::config::LogSource;
use crate::haproxy_cfg::{Destination, LogTarget};

/// Findings that explain it.
pub(super) const CODES: [Code; 20] = [
    Code::NoLog,
    Code::LogNotUsed,
    Code::LogLevel,
    Code::LogRemote,
    Code::NoHttplog,
    Code::SourceDiffers,
    Code::DontlogNormal,
    Code::LogSampled,
    Code::LogCut,
    Code::LogMissing,
    Code::LogUnreadable,
    Code::LogUnread,
    Code::TagDiffers,
    Code::FormatDiffers,
    Code::FormatRefused,
    Code::LogStale,
    Code::RsyslogRate,
    Code::JournaldRate,
    Code::JournaldOff,
    Code::LogDropped,
];

/// What mends it, where none of [`CODES`] was found.
pub(super) fn fix(facts: &Facts, source: &LogSource) -> Fix {
    if let Some(fix) = chroot(facts) {
        return fix;
    }
    match source {
        LogSource::File(_) if matches!(facts.log.file, LogFile::Read(_)) => {
            Fix::run("sudo systemctl restart rsyslog")
        }
        LogSource::File(path) => log_file::missing(facts, path.display().to_string()).fix,
        LogSource::Journal(_) => Fix::run("sudo systemctl restart systemd-journald"),
        LogSource::Udp(_) | LogSource::Unix(_) | LogSource::Tcp(_) | LogSource::Stdin => {
            Fix::run("sudo systemctl reload haproxy")
        }
    }
}

/// HAProxy opens its log socket below its `chroot`, so `/dev/log` has to be there too: a second socket of
/// rsyslog's, as Debian's package sets up; without rsyslog, lines over UDP need no file at all.
pub(super) fn chroot(facts: &Facts) -> Option<Fix> {
    let cfg = facts.cfg.as_ref()?;
    let jail = cfg.global.chroot.as_deref().filter(|it| *it != "/")?;
    let jail = jail.trim_end_matches('/');
    let of_proxies = cfg.proxies.iter().flat_map(|it| &it.settings.logs);
    let mut targets = cfg.global.logs.iter().chain(of_proxies);
    let (target, inside) = targets.find_map(|target| {
        let inside = unix(target).map(|it| format!("{jail}{it}"))?;
        (!facts.host.exists(&inside)).then_some((target, inside))
    })?;
    if !facts.host.has_rsyslog() {
        let line = udp_line(&target.facility);
        return Some(Fix::replace(cfg, target.line.at, line));
    }
    let folder = inside.rsplit_once('/').map_or(jail, |it| it.0);
    Some(Fix::run(format!(
        "sudo mkdir -p {folder} && echo '$AddUnixListenSocket {inside}' | sudo tee \
         /etc/rsyslog.d/48-haproxy-chroot.conf && sudo systemctl restart rsyslog"
    )))
}

/// The path of a target that is a Unix socket and is sent requests.
fn unix(target: &LogTarget) -> Option<String> {
    match target.destination() {
        Destination::Unix(path) if target.takes_requests() => Some(path),
        Destination::Unix(_)
        | Destination::Local { .. }
        | Destination::Standard
        | Destination::Remote
        | Destination::Ring(_)
        | Destination::Unknown => None,
    }
}
