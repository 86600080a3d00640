//! Gathers the facts: reads haproxy.cfg and our configuration, asks the admin socket and a daemon that runs.
//! Changes nothing, and judges nothing.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::facts::{
    Answer, CfgTrouble, ConfigState, Daemon, Facts, LogFacts, LogFile, OurConfig, Quarantine,
    Report, Reported, Said, SocketFacts,
};
use super::host::{Host, Rights, Somebody};
use super::{log_place, log_tail, machines, spares, system};
use crate::config::{self, LogConfig};
use crate::control;
use crate::haproxy_cfg::Cfg;
use crate::log::source::LogSource;
use crate::runtime_api::{Address, Reader};
use crate::words::picture::ReadFailure;

/// One step on the admin socket.
const SOCKET_TIMEOUT: Duration = Duration::from_secs(2);
/// Our unit's user, where no unit says another.
const USER: &str = "haproxy-autoscale";
/// Its groups.
const GROUPS: [&str; 2] = ["haproxy", "adm"];

/// Where to look.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub host: Host,
    /// Our configuration, and whether it was named.
    pub config: PathBuf,
    pub is_config_named: bool,
    /// haproxy.cfg, files and directories in their order; else the usual places.
    pub cfg: Vec<PathBuf>,
    /// The admin socket; else that of our configuration, or of haproxy.cfg.
    pub socket: Option<Address>,
    /// The log; else that of our configuration, or where haproxy.cfg sends its lines.
    pub log: Option<LogSource>,
    /// Asks each spare once, as a warm-up would, and for the status of its machine.
    pub asks_spares: bool,
}

/// Looks at everything once.
pub async fn gather(options: &Options) -> Facts {
    let host = options.host.clone();
    let (cfg, cfg_trouble) = read_cfg(options);
    let config = OurConfig {
        path: options.config.clone(),
        is_named: options.is_config_named,
        state: load(&options.config),
    };
    let address = options.socket.clone();
    let address = address.or_else(|| address_of(&config, cfg.as_ref(), &host));
    let socket = ask(address).await;
    let system = system::look(&host);
    let asker = asker(&host);
    let reader = reader(&host, system.unit.as_ref(), &asker);
    let log = look_at_log(options, &config, cfg.as_ref(), &socket);
    let mut facts = Facts {
        host,
        cfg,
        cfg_trouble,
        config,
        socket,
        log,
        spares: Vec::new(),
        machines: Vec::new(),
        system,
        reader,
        asker,
    };
    facts.system.daemon = daemon(&facts);
    facts.machines = machines::look(&facts, options.asks_spares).await;
    if options.asks_spares {
        facts.spares = spares::ask(&facts).await;
    }
    facts
}

fn read_cfg(options: &Options) -> (Option<Cfg>, Option<CfgTrouble>) {
    let paths = if options.cfg.is_empty() {
        options.host.cfg()
    } else {
        options.cfg.clone()
    };
    match Cfg::read_all(&paths) {
        // An empty directory is no file.
        Ok(cfg) if cfg.files.is_empty() => (None, Some(CfgTrouble::NotFound)),
        Ok(cfg) => (Some(cfg), None),
        Err((path, error)) => {
            let why = error.to_string();
            (None, Some(CfgTrouble::Unreadable { path, why }))
        }
    }
}

fn load(path: &Path) -> ConfigState {
    if !path.exists() {
        return ConfigState::Missing;
    }
    match config::load(path) {
        Ok(loaded) => ConfigState::Loaded(Box::new(loaded.config)),
        Err(errors) => ConfigState::Broken(errors.report(false)),
    }
}

/// Ours; else the first admin socket of haproxy.cfg, or one in a usual place.
fn address_of(config: &OurConfig, cfg: Option<&Cfg>, host: &Host) -> Option<Address> {
    if let Some(config) = config.loaded() {
        return Some(config.haproxy.socket.clone());
    }
    let Some(cfg) = cfg else {
        return host.socket().map(Address::Unix);
    };
    let first = cfg.global.best_socket()?;
    Some(if first.is_tcp {
        Address::Tcp(first.address.replace("*:", "127.0.0.1:"))
    } else {
        Address::Unix(PathBuf::from(&first.address))
    })
}

async fn ask(address: Option<Address>) -> SocketFacts {
    let (rights, hidden) = match &address {
        Some(Address::Unix(path)) => match fs::metadata(path) {
            Ok(found) => (Some(Rights::of(&found)), None),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                let why = format!("you may not look into the directory of {}", path.display());
                (None, Some(Answer::Forbidden(why)))
            }
            Err(_) => {
                let why = format!("{} does not exist", path.display());
                (None, Some(Answer::Away(why)))
            }
        },
        Some(Address::Tcp(_)) | None => (None, None),
    };
    let answer = match (&address, hidden) {
        (_, Some(hidden)) => hidden,
        (None, None) => Answer::NotAsked,
        (Some(address), None) => {
            let reader = Reader::new(address.clone(), SOCKET_TIMEOUT);
            match said(&reader).await {
                Ok(said) => Answer::Said(Box::new(said)),
                Err(failure) => failed(&failure),
            }
        }
    };
    // A file that a HAProxy left behind says nothing of the next one's.
    let is_left_behind = matches!(answer, Answer::Away(_));
    SocketFacts {
        address,
        rights: rights.filter(|_| !is_left_behind),
        answer,
    }
}

async fn said(reader: &Reader) -> Result<Said, ReadFailure> {
    let version = reader.version().await?;
    let level = reader.level().await?;
    let backends = reader.backends().await?;
    let picture = reader.read(&backends).await?;
    Ok(Said {
        version,
        level,
        backends,
        picture,
    })
}

fn failed(failure: &ReadFailure) -> Answer {
    let text = failure.to_string();
    if text.contains("ermission denied") && text.contains("cannot connect") {
        Answer::Forbidden(text)
    } else if text.contains("cannot connect") {
        Answer::Away(text)
    } else {
        Answer::Silent(text)
    }
}

/// Who looks.
fn asker(host: &Host) -> Somebody {
    let me = rustix::process::geteuid().as_raw();
    let mut gids: Vec<u32> = rustix::process::getgroups()
        .unwrap_or_default()
        .into_iter()
        .map(rustix::process::Gid::as_raw)
        .collect();
    gids.push(rustix::process::getegid().as_raw());
    let users = host.numbers("/etc/passwd");
    let name = users.iter().find(|(_, uid)| **uid == me);
    Somebody {
        name: name.map_or_else(|| format!("uid {me}"), |it| it.0.clone()),
        uid: Some(me),
        gids,
    }
}

/// Who has to open what HAProxy makes.
fn reader(host: &Host, unit: Option<&super::facts::Unit>, asker: &Somebody) -> Somebody {
    let (users, groups) = (host.numbers("/etc/passwd"), host.numbers("/etc/group"));
    if unit.is_none() && asker.uid != Some(0) {
        return asker.clone();
    }
    let name = unit.map_or(USER, |it| it.user.as_str());
    let wanted: Vec<&str> = match unit {
        Some(unit) => unit.groups.iter().map(String::as_str).collect(),
        None => GROUPS.to_vec(),
    };
    let own = groups.keys().map(String::as_str);
    let own = own.filter(|group| *group == name || host.members(group).iter().any(|it| it == name));
    let all = wanted.into_iter().chain(own);
    Somebody {
        name: name.to_owned(),
        uid: users.get(name).copied(),
        gids: all.filter_map(|group| groups.get(group).copied()).collect(),
    }
}

fn look_at_log(
    options: &Options,
    config: &OurConfig,
    cfg: Option<&Cfg>,
    socket: &SocketFacts,
) -> LogFacts {
    let ours = config.loaded().map(|it| it.log.clone());
    let expected = log_place::expected(cfg, &options.host);
    let given = options.log.clone().map(|it| (it, "given".to_owned()));
    let given = given.or_else(|| {
        let source = ours.as_ref()?.source.clone();
        Some((source, format!("[log] in {}", config.path.display())))
    });
    // Whether a log has to be there is known where we have a configuration, or HAProxy runs.
    let is_needed = given.is_some() || socket.said().is_some();
    let (source, why) = given.unwrap_or((expected.source, expected.why));
    let log = ours.unwrap_or_else(|| {
        let format = cfg.and_then(log_place::format);
        let tag = cfg.and_then(log_place::tag);
        let mut log = LogConfig::default();
        log.format = format.unwrap_or(log.format);
        log.tag = tag.unwrap_or(log.tag);
        log
    });
    let file = match &source {
        LogSource::File(path) => match fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => LogFile::Unreadable(None),
            Err(_) if is_needed => LogFile::Missing,
            Err(_) => LogFile::NotLooked,
            Ok(found) => log_tail::look(path, &found, &log),
        },
        LogSource::Stdin
        | LogSource::Udp(_)
        | LogSource::Unix(_)
        | LogSource::Tcp(_)
        | LogSource::Journal(_) => LogFile::NotLooked,
    };
    LogFacts { source, why, file }
}

fn daemon(facts: &Facts) -> Daemon {
    let Some(config) = facts.config.loaded() else {
        return Daemon::Away;
    };
    let answer = match control::ask_status(&config.control_socket) {
        Ok(answer) => answer,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Daemon::Forbidden,
        Err(_) => return Daemon::Away,
    };
    let status = serde_json::from_str(&answer).unwrap_or_default();
    Daemon::Answers(report(&status))
}

/// What matters here of a daemon's status.
fn report(status: &Value) -> Report {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |of: &Value, name: &str| of[name].as_array().cloned().unwrap_or_default();
    let mut report = Report::default();
    let mut problems = |of: &Value, backend: Option<&String>| {
        report
            .problems
            .extend(list(of, "problems").iter().map(|it| Reported {
                backend: backend.cloned(),
                code: text(&it["code"]),
                text: text(&it["text"]),
            }));
    };
    problems(status, None);
    for backend in list(status, "backends") {
        let name = text(&backend["name"]);
        problems(&backend, Some(&name));
        for server in list(&backend, "servers") {
            if !server["quarantine"].is_null() {
                report.quarantines.push(Quarantine {
                    backend: name.clone(),
                    server: text(&server["name"]),
                    until: text(&server["quarantine"]["until"]),
                    note: text(&server["note"]),
                });
            }
        }
    }
    report
}
