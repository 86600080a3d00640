//! A daemon of ours: does it run, and what mends what it reports? Each of its problems has a fix of its own,
//! where there is one that of what is written in haproxy.cfg, in the log or on the host.

use super::super::facts::{Daemon, Facts, LogFile, Report, Reported};
use super::super::finding::{Code, Finding, Fix};
use super::super::shown::toml_key;
use super::{log_file, ours, silence};
use crate::config::{Config, LogSource};
use crate::haproxy_cfg::{Line, Proxy};
use crate::scaler::seen::{NoHelp, ProblemCode};
use crate::status::DaemonProblem;
use crate::words::listen::Listen;
use crate::words::picture::Crowded;

/// Makes systemd's unit read its configuration again.
const RELOAD: &str = "sudo systemctl reload haproxy-autoscale";

pub(super) fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    let Some(config) = facts.config.loaded() else {
        return;
    };
    let place = config.control_socket.display().to_string();
    match &facts.system.daemon {
        Daemon::Away => {
            let command = if facts.system.unit.is_some() {
                "sudo systemctl enable --now haproxy-autoscale".to_owned()
            } else {
                format!(
                    "sudo haproxy-autoscale run -c {}",
                    facts.config.path.display()
                )
            };
            let text = "no daemon runs: nothing is watched";
            let fix = Fix::run(command);
            findings.push(Finding::new(Code::DaemonAway, place, text, fix));
        }
        Daemon::Forbidden => {
            let text = "you may not talk to the daemon: use sudo, or join its group";
            let fix = Fix::run("sudo usermod -aG haproxy-autoscale \"$USER\"");
            findings.push(Finding::new(Code::DaemonAway, place, text, fix));
        }
        Daemon::Answers(report) => of_report(facts, config, &place, report, findings),
    }
}

fn of_report(
    facts: &Facts,
    config: &Config,
    place: &str,
    report: &Report,
    findings: &mut Vec<Finding>,
) {
    let is_down = findings.iter().any(|it| it.code == Code::SocketMissing);
    let mut found = Vec::new();
    for problem in &report.problems {
        // Said already, with what mends it.
        if is_down && problem.code == ProblemCode::Unreachable.as_str() {
            continue;
        }
        let text = format!("the daemon reports {}: {}", problem.code, problem.text);
        let mending = Mending {
            facts,
            config,
            findings: findings.as_slice(),
            problem,
        };
        found.push(Finding::new(
            Code::DaemonProblem,
            place,
            text,
            mending.fix(),
        ));
    }
    findings.extend(found);
}

/// What a fix is made of.
struct Mending<'a> {
    facts: &'a Facts,
    config: &'a Config,
    /// What was found without the daemon.
    findings: &'a [Finding],
    problem: &'a Reported,
}

impl Mending<'_> {
    fn fix(&self) -> Fix {
        let code = self.problem.code.as_str();
        let of_daemon = DaemonProblem::ALL
            .into_iter()
            .find(|it| it.as_str() == code);
        if let Some(problem) = of_daemon {
            return self.of_daemon(problem);
        }
        let no_help = NoHelp::ALL.into_iter();
        let no_help = no_help.flat_map(|it| [ProblemCode::Slow(it), ProblemCode::Short(it)]);
        let mut codes = ProblemCode::OTHERS.into_iter().chain(no_help);
        match codes.find(|it| it.as_str() == code) {
            Some(problem) => self.of_backend(problem),
            // Of a daemon that is newer than this program.
            None => ours(self.facts, "status", ""),
        }
    }

    /// What mends something that was found without the daemon mends this too.
    fn as_found(&self, codes: &[Code]) -> Option<Fix> {
        let mut found = self.findings.iter().filter(|it| codes.contains(&it.code));
        found
            .find(|it| it.fix != Fix::None)
            .map(|it| it.fix.clone())
    }

    fn backend(&self) -> &str {
        self.problem.backend.as_deref().unwrap_or_default()
    }

    fn proxy(&self) -> Option<&Proxy> {
        self.facts.cfg.as_ref()?.backend(self.backend())
    }

    fn of_backend(&self, code: ProblemCode) -> Fix {
        let name = self.backend();
        match code {
            ProblemCode::Slow(help) | ProblemCode::Short(help) => self.of_no_help(help),
            ProblemCode::Unreachable => {
                let files = self.facts.cfg.iter().flat_map(|it| &it.files);
                let files: Vec<String> = files.map(|it| format!("-f {}", it.display())).collect();
                let check = match files.join(" ") {
                    none if none.is_empty() => String::new(),
                    files => format!("sudo haproxy -c {files} && "),
                };
                Fix::run(format!("{check}sudo systemctl reload-or-restart haproxy"))
            }
            ProblemCode::UnknownBackend | ProblemCode::UnknownServer => {
                let codes = [
                    Code::BackendUnknown,
                    Code::SpareUnknown,
                    Code::AlwaysUpUnknown,
                ];
                // Otherwise the file is right, and the daemon has not read it yet.
                self.as_found(&codes).unwrap_or_else(|| Fix::run(RELOAD))
            }
            ProblemCode::NoSpare => {
                let codes = [Code::NoSpare, Code::TemplateSpare, Code::CfgNotInForce];
                let marked = || Fix::run("sudo systemctl reload haproxy");
                self.as_found(&codes).unwrap_or_else(marked)
            }
            ProblemCode::NotHelping | ProblemCode::Errors => self.by_log("stats", ""),
            ProblemCode::LogIncomplete | ProblemCode::LogAbsent | ProblemCode::LogLost => {
                self.silence()
            }
            ProblemCode::LogInflated => match &self.config.log.source {
                LogSource::File(path) => Fix::run(format!("sudo fuser -v {}", path.display())),
                LogSource::Stdin
                | LogSource::Udp(_)
                | LogSource::Unix(_)
                | LogSource::Tcp(_)
                | LogSource::Journal(_) => Fix::run("sudo ss -xlp; sudo ss -ulp; pgrep -a haproxy"),
            },
            ProblemCode::LogDropped => self
                .as_found(&[Code::LogDropped, Code::LogThreads])
                .unwrap_or_else(|| self.lines_lost()),
            ProblemCode::LogLate => Fix::run("top -b -n 1 | head -n 15"),
            // Orders from before have to be given again: these were they.
            ProblemCode::MemoryLost => ours(self.facts, "events", "--since 7d | grep operator"),
            ProblemCode::NotServing => ours(self.facts, "explain", name),
            ProblemCode::WarmUpFails => self
                .as_found(&[Code::SpareDead, Code::SpareAnswer])
                .unwrap_or_else(|| ours(self.facts, "explain", name)),
            ProblemCode::MachineFailed | ProblemCode::MachineMute => self
                .as_found(&[Code::MachineProgram, Code::MachineOpen, Code::MachineAnswer])
                .unwrap_or_else(|| self.last_hour(name)),
            ProblemCode::MachineUnused | ProblemCode::Failing => self.last_hour(name),
            ProblemCode::AlwaysUpMissing => self.always_up(),
            ProblemCode::Crowded => self.crowded(),
            ProblemCode::UsedInMaint => self.used_in_maint(),
        }
    }

    /// What happened of late.
    fn last_hour(&self, backend: &str) -> Fix {
        let what = format!("--backend {backend} --since 1h");
        ours(self.facts, "events", &what)
    }

    fn of_no_help(&self, help: NoHelp) -> Fix {
        let name = self.backend();
        let table = format!("backend.{}", toml_key(name));
        let settings = self.config.backends.get(name).map(|it| &it.scaler);
        match (help, self.proxy()) {
            (NoHelp::Paused, _) => self.resume(),
            (NoHelp::MaxReached, _) => {
                let max = settings.and_then(|it| it.max).unwrap_or_default();
                Fix::key(table, format!("max = {}", max.saturating_add(1)))
            }
            (NoHelp::AllIn, Some(proxy)) => {
                let first = proxy.servers.first();
                let port = first.and_then(crate::haproxy_cfg::Server::port);
                let port = port.map_or_else(String::new, |it| format!(":{it}"));
                let number = proxy.servers.len() + 1;
                let line = format!("    server {name}-{number} ADDRESS{port} check disabled");
                let cfg = self.facts.cfg.as_ref();
                cfg.map_or(Fix::None, |cfg| super::in_proxy(cfg, proxy, &line).1)
            }
            (NoHelp::AllIn | NoHelp::NoSpare, _) => self
                .as_found(&[Code::SpareDead, Code::SpareAnswer, Code::SpareQuarantined])
                .unwrap_or_else(|| ours(self.facts, "explain", name)),
        }
    }

    /// What is paused as a whole is resumed as a whole; the daemon's own text says which it is.
    fn resume(&self) -> Fix {
        let name = self.backend();
        let of_backend = format!("resume {name}`");
        let place = if self.problem.text.contains(&of_backend) {
            name
        } else {
            ""
        };
        ours(self.facts, "resume", place)
    }

    /// A command that reads the log, where it is a file.
    fn by_log(&self, command: &str, behind: &str) -> Fix {
        let config = self.facts.config.path.display();
        match &self.config.log.source {
            LogSource::File(path) => Fix::run(format!(
                "sudo haproxy-autoscale {command} -c {config} {}{behind}",
                path.display()
            )),
            LogSource::Stdin
            | LogSource::Udp(_)
            | LogSource::Unix(_)
            | LogSource::Tcp(_)
            | LogSource::Journal(_) => ours(self.facts, "explain", self.backend()),
        }
    }

    /// The always-up server that is out: in maint or drain by hand, or dead.
    fn always_up(&self) -> Fix {
        let name = self.backend();
        let read = self.facts.socket.said();
        let read = read.and_then(|it| it.picture.backends.get(name));
        let settings = self.config.backends.get(name);
        let servers = read.iter().flat_map(|it| &it.servers);
        let mut missing = servers.filter(|it| {
            let names = settings.map(|it| &it.scaler.always_up);
            !it.is_in_balance() && names.is_some_and(|names| names.contains(&it.name))
        });
        let fix = missing.next().and_then(|server| {
            let socket = self.facts.socket.address.as_ref()?;
            let to_haproxy = |command: String| {
                Fix::run(format!("echo \"{command}\" | sudo socat stdio {socket}"))
            };
            Some(if server.is_maint() || server.is_drain() {
                to_haproxy(format!("set server {name}/{} state ready", server.name))
            } else if server.weight == 0 && server.is_up() {
                let weight = server.initial_weight.max(1);
                to_haproxy(format!("set server {name}/{} weight {weight}", server.name))
            } else {
                let scheme = if server.is_tls { "https" } else { "http" };
                Fix::run(format!("curl -ik {scheme}://{}/", server.address?))
            })
        });
        fix.unwrap_or_else(|| ours(self.facts, "explain", name))
    }

    /// The limit that is reached, twice as large.
    fn crowded(&self) -> Fix {
        let (Some(cfg), Some(said)) = (&self.facts.cfg, self.facts.socket.said()) else {
            return ours(self.facts, "status", "");
        };
        let doubled = |line: &Line, at: usize, limit: u32| {
            Fix::replace(
                cfg,
                line.at,
                line.replacing(at, &limit.saturating_mul(2).to_string()),
            )
        };
        let fix = said.picture.crowded.first().map(|crowded| match crowded {
            Crowded::Process { limit } => match &cfg.global.maxconn {
                Some((_, line)) => doubled(line, 1, *limit),
                None => {
                    super::in_global(cfg, &format!("    maxconn {}", limit.saturating_mul(2))).1
                }
            },
            Crowded::Frontend { name, limit } => {
                let frontend = cfg
                    .proxies
                    .iter()
                    .find(|it| it.is_frontend() && it.name == *name);
                match frontend.map(|it| (it, &it.settings.maxconn)) {
                    Some((_, Some((_, line)))) => doubled(line, 1, *limit),
                    Some((proxy, None)) => {
                        let line = format!("    maxconn {}", limit.saturating_mul(2));
                        super::in_proxy(cfg, proxy, &line).1
                    }
                    None => Fix::None,
                }
            }
            Crowded::Rate { name, limit } => {
                let frontend = cfg
                    .proxies
                    .iter()
                    .find(|it| it.is_frontend() && it.name == *name);
                let line = format!("    rate-limit sessions {}", limit.saturating_mul(2));
                frontend.map_or(Fix::None, |proxy| super::in_proxy(cfg, proxy, &line).1)
            }
        });
        fix.unwrap_or_else(|| ours(self.facts, "status", ""))
    }

    fn used_in_maint(&self) -> Fix {
        let option = self.proxy().and_then(|it| it.option("persist"));
        match (&self.facts.cfg, option) {
            (Some(cfg), Some(line)) => {
                Fix::replace(cfg, line.at, "    no option persist".to_owned())
            }
            (_, _) => ours(self.facts, "explain", self.backend()),
        }
    }

    fn of_daemon(&self, code: DaemonProblem) -> Fix {
        let path = self.facts.config.path.display();
        match code {
            DaemonProblem::LogMissing => self.silence(),
            DaemonProblem::LogUnreadable => self.unreadable(),
            DaemonProblem::LinesLost => self.lines_lost(),
            DaemonProblem::SocketLevel => self
                .as_found(&[Code::SocketLevel, Code::NoSocket])
                .unwrap_or_else(|| Fix::run("sudo systemctl reload haproxy")),
            DaemonProblem::LinesRejected => self
                .as_found(&[
                    Code::LogUnread,
                    Code::TagDiffers,
                    Code::FormatDiffers,
                    Code::FormatRefused,
                    Code::NoHttplog,
                ])
                .unwrap_or_else(|| self.by_log("parse --rejects", " | tail -n 3")),
            DaemonProblem::Untrusted => self.untrusted(),
            DaemonProblem::StateNotKept => {
                let dir = self.config.state_dir.as_ref();
                let dir = dir.map_or("/var/lib/haproxy-autoscale".into(), |it| {
                    it.display().to_string()
                });
                self.folder(&dir)
            }
            DaemonProblem::EventsNotKept => {
                let file = self.config.events_file();
                let dir = file.as_deref().and_then(std::path::Path::parent);
                self.folder(&dir.map_or("/var/lib/haproxy-autoscale".into(), |it| {
                    it.display().to_string()
                }))
            }
            DaemonProblem::ConfigNotApplied => {
                Fix::run(format!("haproxy-autoscale check -c {path} && {RELOAD}"))
            }
            DaemonProblem::HttpNotListening => match &self.config.http.listen {
                Listen::Tcp(address) => {
                    Fix::run(format!("sudo ss -ltnp 'sport = :{}'", address.port()))
                }
                Listen::Unix(path) => Fix::run(format!("sudo fuser -v {}", path.display())),
                Listen::Off => Fix::run(RELOAD),
            },
            DaemonProblem::HttpToken => self.token(),
            DaemonProblem::AlertNotSent => {
                Fix::run(format!("haproxy-autoscale alerts test -c {path}"))
            }
            DaemonProblem::HeartbeatNotSent => ours(self.facts, "events", "--since 1h"),
        }
    }

    /// Why no lines come.
    fn silence(&self) -> Fix {
        let found = self.as_found(&silence::CODES);
        found.unwrap_or_else(|| silence::fix(self.facts, &self.config.log.source))
    }

    fn unreadable(&self) -> Fix {
        if let Some(fix) = self.as_found(&[Code::LogUnreadable, Code::UnitGroups]) {
            return fix;
        }
        let who = &self.facts.reader.name;
        match &self.config.log.source {
            LogSource::File(path) => {
                let rights = match &self.facts.log.file {
                    LogFile::Unreadable(rights) => *rights,
                    LogFile::Read(read) => Some(read.rights),
                    LogFile::NotLooked | LogFile::Missing => None,
                };
                log_file::unreadable(self.facts, path.display().to_string(), rights).fix
            }
            LogSource::Journal(_) => Fix::run(format!("sudo usermod -aG systemd-journal {who}")),
            LogSource::Udp(address) | LogSource::Tcp(address) => {
                Fix::run(format!("sudo ss -lunpt 'sport = :{}'", address.port()))
            }
            LogSource::Unix(path) => {
                self.folder(&path.parent().unwrap_or(path).display().to_string())
            }
            LogSource::Stdin => Fix::run(RELOAD),
        }
    }

    /// A buffer that was full, or a file that was cut before it was read.
    fn lines_lost(&self) -> Fix {
        let codes = [
            Code::DatagramQueue,
            Code::Copytruncate,
            Code::RsyslogRate,
            Code::JournaldRate,
        ];
        if let Some(fix) = self.as_found(&codes) {
            return fix;
        }
        match &self.config.log.source {
            LogSource::Unix(_) => Fix::run("sudo sysctl -w net.unix.max_dgram_qlen=512"),
            LogSource::Udp(_) => Fix::run(format!(
                "sudo sysctl -w net.core.rmem_max=8388608 && {}",
                "sudo systemctl restart haproxy-autoscale"
            )),
            LogSource::Journal(_) => Fix::Write {
                path: self
                    .facts
                    .host
                    .at("/etc/systemd/journald.conf.d/haproxy-rate.conf"),
                text: "[Journal]\nRateLimitIntervalSec=0\n".to_owned(),
            },
            LogSource::File(path) => Fix::run(format!("df -h {}", path.display())),
            LogSource::Stdin | LogSource::Tcp(_) => Fix::run("journalctl -u haproxy -n 20"),
        }
    }

    /// The command that the daemon's own text ends with, or the socket's line in haproxy.cfg.
    fn untrusted(&self) -> Fix {
        let text = &self.problem.text;
        let behind = text.split_once("(chmod ").map(|it| it.1);
        let command = behind.and_then(|it| it.split_once(')')).map(|it| it.0);
        if let Some(command) = command {
            return Fix::run(format!("sudo chmod {command}"));
        }
        self.as_found(&[Code::SocketOpen, Code::SocketLevel])
            .unwrap_or_else(|| Fix::run("sudo systemctl reload haproxy"))
    }

    /// One in which the daemon can write; a full disk needs somebody to look.
    fn folder(&self, dir: &str) -> Fix {
        if self.problem.text.contains("space") {
            return Fix::run(format!("df -h {dir}"));
        }
        let who = &self.facts.reader.name;
        Fix::run(format!("sudo install -d -m 750 -o {who} {dir}"))
    }

    /// A file that others can read is closed; one without a token gets one.
    fn token(&self) -> Fix {
        let Some(file) = &self.config.http.token_file else {
            return Fix::run(RELOAD);
        };
        let (file, who) = (file.display(), &self.facts.reader.name);
        let text = &self.problem.text;
        if text.contains("others can read it") {
            return Fix::run(format!("sudo chmod 0640 {file} && {RELOAD}"));
        }
        if text.contains("ermission denied") {
            return Fix::run(format!("sudo chown {who} {file} && {RELOAD}"));
        }
        // Whoever else has a token in it keeps it.
        if !text.contains("it has no token") && !text.contains("o such file") {
            return Fix::run(format!("sudoedit {file} && {RELOAD}"));
        }
        Fix::run(format!(
            "(umask 077; openssl rand -hex 32 | sudo tee {file} >/dev/null) && sudo chmod 600 {file} && \
             sudo chown {who} {file} && {RELOAD}"
        ))
    }
}
