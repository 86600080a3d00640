//! A haproxy.cfg in the making.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

/// What a haproxy.cfg is to hold; [`super::RealHaproxy::start`] writes it.
///
/// The frontend is called `fe`, on a port of its own; the first backend is its default.
#[derive(Clone, Debug)]
pub struct HaproxyConfig {
    /// More lines of `global`.
    pub global_lines: Vec<String>,
    /// More lines of `defaults`; they stand last and so win.
    pub defaults_lines: Vec<String>,
    /// More lines of frontend `fe`.
    pub frontend_lines: Vec<String>,
    /// `format` of the lines on stdout (which go to the log file): `raw`, `rfc3164`, …
    pub stdout_format: String,
    /// Sections of other kinds, whole: `cache pages\n    total-max-size 4`.
    pub sections: Vec<String>,
    /// The backends.
    pub backends: Vec<Backend>,
    /// Start with `-W`, so that [`super::RealHaproxy::reload`] works.
    pub master_worker: bool,
}

impl HaproxyConfig {
    /// One frontend, one backend, raw lines on stdout.
    pub fn new(backend: Backend) -> Self {
        Self {
            global_lines: Vec::new(),
            defaults_lines: Vec::new(),
            frontend_lines: Vec::new(),
            stdout_format: "raw".to_owned(),
            sections: Vec::new(),
            backends: vec![backend],
            master_worker: false,
        }
    }

    /// Another backend. Give the frontend a `use_backend` line for it.
    #[must_use]
    pub fn backend(mut self, backend: Backend) -> Self {
        self.backends.push(backend);
        self
    }

    /// A line of `global`, for example a second log target:
    /// `log 127.0.0.1:5514 len 4096 format rfc5424 local0`.
    #[must_use]
    pub fn global(mut self, line: impl Into<String>) -> Self {
        self.global_lines.push(line.into());
        self
    }

    /// A line of `defaults`, for example `retries 0`.
    #[must_use]
    pub fn defaults(mut self, line: impl Into<String>) -> Self {
        self.defaults_lines.push(line.into());
        self
    }

    /// A line of the frontend, for example `http-request deny if { path /denied }`.
    #[must_use]
    pub fn frontend(mut self, line: impl Into<String>) -> Self {
        self.frontend_lines.push(line.into());
        self
    }

    /// A section of another kind, whole.
    #[must_use]
    pub fn section(mut self, lines: impl Into<String>) -> Self {
        self.sections.push(lines.into());
        self
    }

    /// The head of the lines in the log file: `raw`, `iso`, `rfc3164`, `timed`, …
    #[must_use]
    pub fn stdout_format(mut self, format: &str) -> Self {
        format.clone_into(&mut self.stdout_format);
        self
    }

    /// Start with `-W`: a master that reloads on SIGUSR2.
    #[must_use]
    pub fn master_worker(mut self) -> Self {
        self.master_worker = true;
        self
    }

    /// The file's text.
    pub fn render(&self, frontend: SocketAddr, admin: &Path, operator: &Path) -> String {
        let mut text = String::new();
        let mut line = |line: &str| {
            let _ = writeln!(text, "{line}");
        };
        line("global");
        line(&format!(
            "    log stdout len 8192 format {} local0 info",
            self.stdout_format
        ));
        line("    log-tag haproxy");
        line(&format!(
            "    stats socket {} mode 600 level admin expose-fd listeners",
            admin.display()
        ));
        line(&format!(
            "    stats socket {} mode 600 level operator",
            operator.display()
        ));
        // Of two threads that log to stdout at once HAProxy drops the line of one.
        line("    stats timeout 60s\n    nbthread 1\n    hard-stop-after 5s");
        self.global_lines
            .iter()
            .for_each(|own| line(&format!("    {own}")));
        line("\ndefaults\n    mode http\n    log global\n    option httplog");
        line("    option dontlognull\n    option redispatch 1\n    retries 3");
        line("    timeout connect 1s\n    timeout client 30s\n    timeout server 10s");
        line("    timeout queue 5s\n    timeout http-request 5s");
        self.defaults_lines
            .iter()
            .for_each(|own| line(&format!("    {own}")));
        self.sections
            .iter()
            .for_each(|own| line(&format!("\n{own}")));
        line(&format!("\nfrontend fe\n    bind {frontend} name users"));
        self.frontend_lines
            .iter()
            .for_each(|own| line(&format!("    {own}")));
        if let Some(first) = self.backends.first() {
            line(&format!("    default_backend {}", first.name));
        }
        for backend in &self.backends {
            line(&format!("\nbackend {}", backend.name));
            backend
                .lines
                .iter()
                .for_each(|own| line(&format!("    {own}")));
        }
        text
    }
}

/// One `backend` section.
#[derive(Clone, Debug)]
pub struct Backend {
    /// Its name.
    pub name: String,
    /// Its lines.
    pub lines: Vec<String>,
}

impl Backend {
    /// A backend with round robin, whose checks (of servers that ask for them) are GET /health.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            lines: vec![
                "balance roundrobin".to_owned(),
                "option httpchk GET /health".to_owned(),
            ],
        }
    }

    /// Any line, for example `cookie SRV insert indirect nocache`.
    #[must_use]
    pub fn line(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }

    /// A server with its flags: `check inter 200ms rise 2 fall 2`, `disabled`, `maxconn 4`.
    #[must_use]
    pub fn server(self, name: &str, address: SocketAddr, flags: &str) -> Self {
        self.line(format!("server {name} {address} {flags}"))
    }
}
