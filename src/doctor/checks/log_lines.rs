//! What haproxy.cfg says of its log: does every request get a line, in a format that is read, under the name
//! that is expected, at the place where we look?

use super::super::facts::{Facts, Subject, source_text};
use super::super::finding::{Code, Finding, Fix};
use super::super::log_place::{Layout, UDP_PORT, expected, udp_line, word};
use super::super::shown::toml_text;
use super::socket_answer::version;
use super::{in_defaults, in_global, in_proxy, is_own};
use crate::config::LogSource;
use crate::haproxy_cfg::{Cfg, Destination, LogFormatSaid, LogTarget, Proxy};
use crate::log::format::LogFormat;

/// A shorter line may end before its times.
const LINE_BYTES_MIN: u32 = 256;
/// The first version with variables for the text of its formats.
const VARIABLES_SINCE: (u32, u32) = (2, 7);

pub(super) fn check(
    facts: &Facts,
    cfg: &Cfg,
    subjects: &[Subject<'_>],
    findings: &mut Vec<Finding>,
) {
    let mut frontends: Vec<&Proxy> = Vec::new();
    for frontend in subjects.iter().flat_map(|it| &it.frontends) {
        if !frontends.iter().any(|it| it.header == frontend.header) {
            frontends.push(frontend);
        }
    }
    frontends.retain(|it| it.is_http());
    if cfg.global.logs.is_empty() && frontends.iter().all(|it| it.settings.logs.is_empty()) {
        findings.push(no_log(facts, cfg));
    }
    for frontend in &frontends {
        targets(facts, cfg, frontend, findings);
        format(facts, cfg, frontend, findings);
        normal(cfg, frontend, findings);
    }
    if let Some(first) = frontends.first() {
        ours(facts, cfg, first, findings);
        threads(cfg, first, findings);
    }
}

fn no_log(facts: &Facts, cfg: &Cfg) -> Finding {
    let layout = Layout::of(Some(cfg), &facts.host);
    let ours = facts.config.loaded().map(|it| &it.log.source);
    let line = match ours {
        Some(LogSource::File(_) | LogSource::Journal(_)) => Layout::Debian.log_line(&facts.host),
        Some(LogSource::Stdin) => "    log stdout format raw local0".to_owned(),
        Some(source @ (LogSource::Udp(_) | LogSource::Unix(_))) => {
            let line = missing_target(source, &[]);
            line.unwrap_or_else(|| udp_line("local0"))
        }
        Some(LogSource::Tcp(_)) | None => layout.log_line(&facts.host),
    };
    let is_udp = ours.is_none() && layout != Layout::Debian;
    let more = if is_udp {
        format!(
            "; this one sends them straight to the daemon, with source = \"udp:127.0.0.1:{UDP_PORT}\" under \
             its [log]"
        )
    } else {
        String::new()
    };
    let text = format!("there is no `log` target, so no request is written to a log{more}");
    let (place, fix) = in_global(cfg, &line);
    Finding::new(Code::NoLog, place, text, fix)
}

fn targets(facts: &Facts, cfg: &Cfg, frontend: &Proxy, findings: &mut Vec<Finding>) {
    let all = cfg.targets(frontend);
    let name = format!("{} {}", frontend.kind.as_str(), frontend.name);
    if all.is_empty() && frontend.settings.logs_global {
        findings.push(no_log(facts, cfg));
        return;
    }
    if all.is_empty() {
        let (place, fix) = in_defaults(cfg, frontend, "    log global");
        let text = format!("{name} has no `log global`, so its requests are in no log");
        findings.push(Finding::new(Code::LogNotUsed, place, text, fix));
        return;
    }
    let taking: Vec<&LogTarget> = all
        .iter()
        .copied()
        .filter(|it| it.takes_requests())
        .collect();
    let Some(first) = taking.first() else {
        let Some(target) = all.first() else { return };
        let level = target.level.as_deref().unwrap_or_default();
        let at = target.line.position(level, 2).unwrap_or(0);
        let mended = target.line.without(at, target.line.words.len() - at);
        let text = format!(
            "this target takes nothing below `{level}`, and a request is `info`: the log shows no request"
        );
        findings.push(of_target(Code::LogLevel, cfg, target, text, mended));
        return;
    };
    if !is_sent_to_us(facts)
        && taking
            .iter()
            .all(|it| it.destination() == Destination::Remote)
    {
        let (place, fix) = in_global(
            cfg,
            &Layout::of(Some(cfg), &facts.host).log_line(&facts.host),
        );
        let text = format!(
            "all lines go to {}, another host: the daemon reads a log of this one",
            first.address
        );
        findings.push(Finding::new(Code::LogRemote, place, text, fix));
    }
    if taking.iter().all(|it| it.sample.is_some()) {
        let at = first.line.position("sample", 2).unwrap_or(0);
        let text = "only a sample of the requests is written: the log contradicts HAProxy's counters, and \
                    then no spare goes";
        let mended = first.line.without(at, 2);
        findings.push(of_target(Code::LogSampled, cfg, first, text, mended));
    }
    if taking
        .iter()
        .all(|it| it.len.is_some_and(|len| len < LINE_BYTES_MIN))
    {
        let at = first.line.position("len", 2).unwrap_or(0);
        let text = "lines are cut so short that the times may be missing";
        let mended = first.line.replacing(at + 1, "8192");
        findings.push(of_target(Code::LogCut, cfg, first, text, mended));
    }
}

/// The daemon takes the lines itself: another address, or the name of this host, may well be its own.
fn is_sent_to_us(facts: &Facts) -> bool {
    match facts.config.loaded().map(|it| &it.log.source) {
        Some(LogSource::Udp(_) | LogSource::Tcp(_) | LogSource::Unix(_)) => true,
        Some(LogSource::File(_) | LogSource::Stdin | LogSource::Journal(_)) | None => false,
    }
}

fn of_target(
    code: Code,
    cfg: &Cfg,
    target: &LogTarget,
    text: impl Into<String>,
    mended: String,
) -> Finding {
    Finding::of_line(code, (cfg, &target.line, ""), text, mended)
}

fn format(facts: &Facts, cfg: &Cfg, frontend: &Proxy, findings: &mut Vec<Finding>) {
    let name = format!("{} {}", frontend.kind.as_str(), frontend.name);
    let settings = &frontend.settings;
    match &settings.format {
        LogFormatSaid::None => {
            let (place, fix) = in_defaults(cfg, frontend, "    option httplog");
            let text =
                format!("{name} has no log format: HAProxy writes `Connect from …`, without times");
            findings.push(Finding::new(Code::NoHttplog, place, text, fix));
        }
        LogFormatSaid::Tcplog => {
            let text = format!("{name} has `option tcplog`, which writes no requests");
            findings.push(with_httplog(cfg, frontend, Code::NoHttplog, text));
        }
        LogFormatSaid::Own(own) if is_empty_variable(facts, own) => {
            let text = format!(
                "the log-format of {name} has a variable that HAProxy sets since 2.7: in this one it is empty"
            );
            findings.push(with_httplog(cfg, frontend, Code::FormatRefused, text));
        }
        LogFormatSaid::Own(own) => {
            if let Err(mistakes) = LogFormat::compile(own) {
                let why = mistakes
                    .first()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                let text = format!("the log-format of {name} cannot be read safely: {why}");
                findings.push(with_httplog(cfg, frontend, Code::FormatRefused, text));
            }
        }
        LogFormatSaid::Httplog | LogFormatSaid::Httpslog | LogFormatSaid::Clf => {}
    }
}

/// `${HAPROXY_HTTP_LOG_FMT}` and its sisters (2.6.12 writes nothing in their place, 3.0 and 3.2 do).
fn is_empty_variable(facts: &Facts, own: &str) -> bool {
    let said = facts.socket.said();
    let version = said.and_then(|it| version(&it.version));
    version.is_some_and(|it| it < VARIABLES_SINCE)
        && own.contains("HAPROXY_")
        && own.contains("_LOG_FMT")
}

/// Its own line is replaced; that of its `defaults`, which others share, is overruled.
fn with_httplog(cfg: &Cfg, frontend: &Proxy, code: Code, text: String) -> Finding {
    let own = frontend.settings.format_line.as_ref();
    if let Some(line) = own.filter(|line| is_own(frontend, line)) {
        let section = format!("{} {}", frontend.kind.as_str(), frontend.name);
        let mended = "    option httplog".to_owned();
        return Finding::of_line(code, (cfg, line, &section), text, mended);
    }
    let (place, fix) = in_proxy(cfg, frontend, "    option httplog");
    Finding::new(code, place, text, fix)
}

fn normal(cfg: &Cfg, frontend: &Proxy, findings: &mut Vec<Finding>) {
    let Some(line) = frontend.option("dontlog-normal") else {
        return;
    };
    let text = "`option dontlog-normal` hides every request that went well: nothing looks fast, the log \
                contradicts HAProxy's counters, and no spare goes";
    let mended = "    no option dontlog-normal".to_owned();
    findings.push(Finding::of_line(
        Code::DontlogNormal,
        (cfg, line, ""),
        text,
        mended,
    ));
}

/// Whether our configuration fits; without one, whether a log can be expected at all.
fn ours(facts: &Facts, cfg: &Cfg, frontend: &Proxy, findings: &mut Vec<Finding>) {
    let Some(config) = facts.config.loaded() else {
        findings.extend(nobody_listens(facts, cfg, frontend));
        return;
    };
    let place = facts.config.path.display().to_string();
    if let Some(says) = word(frontend)
        && LogFormat::compile(&says).is_ok()
        && plain(&says) != plain(config.log.format.as_str())
    {
        let text = format!(
            "haproxy.cfg writes its log as {}, and [log] format is {}",
            shortened(&says),
            shortened(config.log.format.as_str())
        );
        let fix = Fix::key("log", format!("format = {}", toml_text(&says)));
        findings.push(Finding::new(Code::FormatDiffers, place.clone(), text, fix));
    }
    if let Some(tag) = cfg.tag(frontend)
        && tag != config.log.tag
    {
        let text = format!(
            "haproxy.cfg has `log-tag {tag}`, and [log] tag is \"{}\": its lines count as another \
             program's",
            config.log.tag
        );
        let fix = Fix::key("log", format!("tag = {}", toml_text(tag)));
        findings.push(Finding::new(Code::TagDiffers, place, text, fix));
    }
    if let Some(line) = missing_target(&config.log.source, &cfg.targets(frontend)) {
        let source = source_text(&config.log.source);
        let (place, fix) = in_global(cfg, &line);
        let text = format!("the daemon listens at {source}, and haproxy.cfg sends no line there");
        findings.push(Finding::new(Code::SourceDiffers, place, text, fix));
    }
}

/// Red Hat's stock file sends its lines to a syslog daemon that does not listen.
fn nobody_listens(facts: &Facts, cfg: &Cfg, frontend: &Proxy) -> Option<Finding> {
    let taking = cfg.targets(frontend).into_iter();
    let taking: Vec<&LogTarget> = taking.filter(|it| it.takes_requests()).collect();
    let is_syslog = |it: &&LogTarget| it.destination() == Destination::Local { port: 514 };
    let target = *taking.first().filter(|_| taking.iter().all(is_syslog))?;
    let LogSource::Udp(_) = expected(Some(cfg), &facts.host).source else {
        return None;
    };
    let facility = match target.facility.as_str() {
        "" => "local0",
        facility => facility,
    };
    let (place, fix) = in_global(cfg, &udp_line(facility));
    let text = format!(
        "`log {}` needs a syslog daemon that listens on UDP port 514, and none writes a log of HAProxy here; \
         this line sends the requests straight to ours, with source = \"udp:127.0.0.1:{UDP_PORT}\"",
        target.address
    );
    Some(Finding::new(Code::SourceDiffers, place, text, fix))
}

/// The line that would send requests to where we listen, if none does.
fn missing_target(source: &LogSource, all: &[&LogTarget]) -> Option<String> {
    let (address, is_there) = match source {
        LogSource::Udp(address) => {
            let port = address.port();
            let is_there = all.iter().any(|it| match it.destination() {
                Destination::Local { port: there } => there == port,
                Destination::Remote | Destination::Unknown => true,
                Destination::Unix(_) | Destination::Standard | Destination::Ring(_) => false,
            });
            (address.to_string(), is_there)
        }
        LogSource::Unix(path) => {
            let path = path.display().to_string();
            let wanted = Destination::Unix(path.clone());
            (path, all.iter().any(|it| it.destination() == wanted))
        }
        LogSource::File(_) | LogSource::Stdin | LogSource::Tcp(_) | LogSource::Journal(_) => {
            return None;
        }
    };
    (!is_there).then(|| format!("    log {address} len 8192 format rfc5424 local0"))
}

fn threads(cfg: &Cfg, frontend: &Proxy, findings: &mut Vec<Finding>) {
    let all = cfg.targets(frontend);
    let is_standard = |it: &&&LogTarget| it.destination() == Destination::Standard;
    let standard = all.iter().find(is_standard);
    if standard.is_none() || cfg.global.nbthread == Some(1) {
        return;
    }
    let (place, fix) = in_global(cfg, "    nbthread 1");
    let text = "with `log stdout` and several threads HAProxy drops a line whenever two write at once; \
                one thread, or a target over UDP, drops none";
    findings.push(Finding::new(Code::LogThreads, place, text, fix));
}

/// A format without what quoting it adds; httpslog is read as httplog.
fn plain(format: &str) -> String {
    let plain = format.replace(['\\', '"', '\''], "");
    match plain.as_str() {
        "httpslog" => "httplog".to_owned(),
        _ => plain,
    }
}

fn shortened(format: &str) -> String {
    let mut shown: String = format.chars().take(40).collect();
    if shown.len() < format.len() {
        shown.push('…');
    }
    format!("`{shown}`")
}
