//! `frontend`, `backend` and `listen`, each with what its `defaults` give it.

use std::collections::BTreeMap;

use super::line::{At, Line};
use super::log_target::LogTarget;
use super::sections::{Kind, Section};
use super::server::{Flags, Server, servers, take_flags};

/// How requests are written to the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LogFormatSaid {
    /// Nothing says: HAProxy writes `Connect from …`.
    #[default]
    None,
    Httplog,
    Httpslog,
    Clf,
    /// `option tcplog`: no requests in it.
    Tcplog,
    /// `log-format`.
    Own(String),
}

/// Options that check otherwise: the last of them and of `httpchk` counts.
const OTHER_CHECKS: [&str; 9] = [
    "external-check",
    "ldap-check",
    "mysql-check",
    "pgsql-check",
    "redis-check",
    "smtpchk",
    "spop-check",
    "ssl-hello-chk",
    "tcp-check",
];

/// What a section says and what its `defaults` say.
#[allow(clippy::struct_excessive_bools)] // Keywords that have nothing to do with each other.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `mode`, if said.
    pub mode: Option<String>,
    /// `log global`.
    pub logs_global: bool,
    pub logs: Vec<LogTarget>,
    pub format: LogFormatSaid,
    /// The line that says the format.
    pub format_line: Option<Line>,
    pub tag: Option<(String, At)>,
    /// `option NAME`, by name, with the line.
    pub options: BTreeMap<String, Line>,
    /// `balance` with its line.
    pub balance: Option<(String, Line)>,
    /// By name, as written.
    pub timeouts: BTreeMap<String, String>,
    pub retries: Option<u32>,
    pub maxconn: Option<(u32, Line)>,
    pub http_reuse: Option<String>,
    pub cookie: Option<Line>,
    /// `default_backend`, as written.
    pub default_backend: Option<String>,
    /// `option httpchk` or `http-check send`: path, and the host that it asks for.
    pub check_path: Option<String>,
    pub check_host: Option<String>,
    /// The line that says the path.
    pub check_line: Option<Line>,
    /// `stats enable` or another `stats` line.
    pub is_stats: bool,
    /// `disabled`: HAProxy does not start it.
    pub is_disabled: bool,
    /// `load-server-state-from-file`: what servers were outlives HAProxy.
    pub keeps_state: bool,
    default_flags: Flags,
    /// The last `default-server` line.
    pub default_server: Option<Line>,
}

/// A section that takes or sends requests.
#[derive(Clone, Debug)]
pub struct Proxy {
    pub kind: Kind,
    pub name: String,
    pub header: At,
    /// What is added goes below.
    pub end: At,
    pub settings: Settings,
    pub servers: Vec<Server>,
    /// `use_backend` and, as the last, `default_backend`, as written.
    pub leads_to: Vec<String>,
    /// `use-server` rules.
    pub use_server: Vec<Line>,
    /// `stick` or `stick-table` lines.
    pub is_sticky: bool,
    /// Where its `defaults` end, to add something there.
    pub defaults_end: Option<At>,
}

impl Proxy {
    pub(super) fn of(section: &Section, defaults: &Settings, defaults_end: Option<At>) -> Self {
        let mut proxy = Self {
            kind: section.kind,
            name: section.name.clone(),
            header: section.header.at,
            end: section.end(),
            settings: defaults.clone(),
            servers: Vec::new(),
            leads_to: Vec::new(),
            use_server: Vec::new(),
            is_sticky: false,
            defaults_end,
        };
        for line in &section.lines {
            match line.word(0) {
                "server" | "server-template" => {
                    let found = servers(line, &proxy.settings.default_flags);
                    proxy.servers.extend(found);
                }
                "use_backend" => proxy.leads_to.push(line.word(1).to_owned()),
                "use-server" => proxy.use_server.push(line.clone()),
                "stick" => proxy.is_sticky = true,
                _ => proxy.settings.take(line),
            }
        }
        // Its own, or that of its `defaults`.
        let default = proxy.settings.default_backend.clone();
        proxy
            .leads_to
            .extend(default.filter(|_| section.kind != Kind::Backend));
        proxy
    }

    pub fn is_http(&self) -> bool {
        self.settings.mode.as_deref() == Some("http")
    }

    /// It sends requests to servers.
    pub fn is_backend(&self) -> bool {
        matches!(self.kind, Kind::Backend | Kind::Listen) && !self.servers.is_empty()
    }

    /// It takes requests from users, and so writes their lines.
    pub const fn is_frontend(&self) -> bool {
        matches!(self.kind, Kind::Frontend | Kind::Listen)
    }

    pub fn server(&self, name: &str) -> Option<&Server> {
        self.servers.iter().find(|it| it.name == name)
    }

    pub fn option(&self, name: &str) -> Option<&Line> {
        self.settings.options.get(name)
    }

    /// The algorithm; HAProxy's own is roundrobin.
    pub fn balance(&self) -> &str {
        self.settings
            .balance
            .as_ref()
            .map_or("roundrobin", |it| it.0.as_str())
    }
}

impl Settings {
    pub(super) fn take(&mut self, line: &Line) {
        let (keyword, value) = (line.word(0), line.word(1));
        match keyword {
            "mode" => self.mode = Some(value.to_owned()),
            "log" if value == "global" => self.logs_global = true,
            "log" => self.logs.push(LogTarget::of(line)),
            "log-tag" => self.tag = Some((value.to_owned(), line.at)),
            "log-format" => {
                self.format = LogFormatSaid::Own(value.to_owned());
                self.format_line = Some(line.clone());
            }
            "default_backend" => self.default_backend = Some(value.to_owned()),
            "option" => self.option(line),
            "no" => self.off(line),
            "balance" => self.balance = Some((value.to_owned(), line.clone())),
            "timeout" => {
                self.timeouts
                    .insert(value.to_owned(), line.word(2).to_owned());
            }
            "retries" => self.retries = value.parse().ok(),
            "maxconn" => self.maxconn = value.parse().ok().map(|it| (it, line.clone())),
            "http-reuse" => self.http_reuse = Some(value.to_owned()),
            "cookie" => self.cookie = Some(line.clone()),
            "http-check" if value == "send" => {
                if let Some(at) = line.position("uri", 2) {
                    self.check_path = Some(line.word(at + 1).to_owned());
                    self.check_line = Some(line.clone());
                }
                if let Some(at) = line.position("Host", 2).or(line.position("host", 2)) {
                    self.check_host = Some(line.word(at + 1).to_owned());
                }
            }
            "stats" => self.is_stats = true,
            "disabled" => self.is_disabled = true,
            "enabled" => self.is_disabled = false,
            "load-server-state-from-file" => self.keeps_state = value != "none",
            "default-server" => {
                take_flags(line, 1, &mut self.default_flags);
                self.default_server = Some(line.clone());
            }
            _ => {}
        }
    }

    fn option(&mut self, line: &Line) {
        let name = line.word(1);
        let format = match (name, line.word(2)) {
            ("httplog", "clf") => Some(LogFormatSaid::Clf),
            ("httplog", _) => Some(LogFormatSaid::Httplog),
            ("httpslog", _) => Some(LogFormatSaid::Httpslog),
            ("tcplog", _) => Some(LogFormatSaid::Tcplog),
            _ => None,
        };
        if let Some(format) = format {
            self.format = format;
            self.format_line = Some(line.clone());
        }
        if name == "httpchk" {
            let path = line.from(2).find(|it| it.starts_with('/'));
            self.check_line = path.map(|_| line.clone());
            self.check_path = Some(path.unwrap_or("/").to_owned());
            self.check_host = check_host(line);
        }
        if OTHER_CHECKS.contains(&name) {
            self.no_check();
        }
        self.options.insert(name.to_owned(), line.clone());
    }

    fn no_check(&mut self) {
        self.options.remove("httpchk");
        self.check_path = None;
        self.check_host = None;
        self.check_line = None;
    }

    fn off(&mut self, line: &Line) {
        match line.word(1) {
            "log" => {
                self.logs_global = false;
                self.logs.clear();
            }
            "option" => {
                self.options.remove(line.word(2));
                if line.word(2) == "httpchk" {
                    self.no_check();
                }
            }
            _ => {}
        }
    }
}

/// The host of `option httpchk METHOD PATH VERSION`: a header within the version (`HTTP/1.1\r\nHost:\ a`), as
/// everybody wrote it before 2.2, or the word behind it.
fn check_host(line: &Line) -> Option<String> {
    let mut words = line.from(2).skip_while(|it| !it.starts_with("HTTP/"));
    let version = words.next()?;
    let mut headers = version.lines().filter_map(|it| it.split_once(':'));
    let host = headers.find(|(name, _)| name.trim().eq_ignore_ascii_case("host"));
    let host = host.map(|(_, host)| host.trim()).or_else(|| words.next());
    host.filter(|it| !it.is_empty()).map(str::to_owned)
}
