//! A pretend HAProxy: its servers and the replies of its Runtime API, to the byte as version 2.6
//! gives them. Pure: told the time.
//!
//! What a command makes of a server is in `server`; the socket in `socket`; who uses the servers in
//! `queues`.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use super::queues::Traffic;
use super::{micros, server};
use crate::words::picture::{AdminState, ServerRead};

mod rows;
mod texts;

use rows::filled;
pub use rows::status;

pub const FRONTEND: &str = "shop";
pub const BACKEND: &str = "web";
/// Servers are checked this often.
pub const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// A server of the pretend backend.
#[derive(Debug)]
pub struct Server {
    /// What HAProxy shows of it.
    pub read: ServerRead,
    /// For its counters.
    pub traffic: Traffic,
    /// Commands that named it and were accepted.
    pub writes: u32,
    address: SocketAddr,
    check_due_us: u64,
    changed_us: u64,
}

impl Server {
    fn new(name: &str, address: SocketAddr, is_disabled: bool) -> Self {
        Self {
            read: server::with_check(server::configured(name, is_disabled)),
            address,
            check_due_us: 0,
            changed_us: 0,
            traffic: Traffic::default(),
            writes: 0,
        }
    }

    /// Gives what the log says about it; `None`: it was so already.
    fn set(&mut self, state: AdminState, now_us: u64) -> Option<String> {
        let was = self.read.forced_state();
        if !server::set_state(&mut self.read, state) {
            return None;
        }
        self.changed_us = now_us;
        if was == AdminState::Maint {
            self.check_due_us = now_us + micros(CHECK_INTERVAL) / 2;
        }
        Some(self.notice(match (state, was) {
            (AdminState::Ready, AdminState::Maint) => "is UP/READY (leaving forced maintenance).",
            (AdminState::Ready, AdminState::Drain | AdminState::Ready) => {
                "is UP (leaving forced drain)."
            }
            (AdminState::Drain, AdminState::Maint) => "is UP/DRAIN (leaving forced maintenance).",
            (AdminState::Drain, AdminState::Ready | AdminState::Drain) => "enters drain state.",
            (AdminState::Maint, _) => "is going DOWN for maintenance.",
        }))
    }

    fn notice(&self, text: &str) -> String {
        format!("Server {BACKEND}/{} {text}", self.read.name)
    }

    /// Where to connect to, if a health check is due.
    fn start_check(&mut self, now_us: u64) -> Option<SocketAddr> {
        if self.read.is_maint() || self.check_due_us > now_us {
            return None;
        }
        // Not again before this one has ended or been lost.
        self.check_due_us = now_us + 4 * micros(CHECK_INTERVAL);
        Some(self.address)
    }

    /// Gives what the log says about it.
    fn check_ended(&mut self, is_passed: bool, now_us: u64) -> Option<String> {
        if self.read.is_maint() {
            return None;
        }
        self.check_due_us = now_us + micros(CHECK_INTERVAL);
        if !server::check_ended(&mut self.read, is_passed) {
            return None;
        }
        self.changed_us = now_us;
        Some(self.notice(if is_passed {
            "is UP, reason: Layer4 check passed."
        } else {
            "is DOWN, reason: Layer4 connection problem, info: \"Connection refused\"."
        }))
    }
}

/// The pretend HAProxy: one frontend, one backend.
#[derive(Debug)]
pub struct Haproxy {
    /// The servers of its backend.
    pub servers: Vec<Server>,
    /// Requests that HAProxy itself answered with a 503.
    pub refused: u64,
    pid: u32,
    start_time_s: u64,
    notices: Vec<String>,
}

impl Haproxy {
    /// A process that starts now with these servers; `true`: `disabled` in its configuration.
    pub fn new(pid: u32, start_time_s: u64, servers: &[(&str, SocketAddr, bool)]) -> Self {
        let servers = servers.iter();
        let server = |&(name, address, is_disabled): &_| Server::new(name, address, is_disabled);
        Self {
            servers: servers.map(server).collect(),
            refused: 0,
            pid,
            start_time_s,
            notices: Vec::new(),
        }
    }

    /// What the log says about servers since the last call: `Server web/web2 is UP/READY …`.
    pub fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }

    /// Servers whose health check is due, with where to connect to.
    pub fn checks_due(&mut self, now_us: u64) -> Vec<(usize, SocketAddr)> {
        let servers = self.servers.iter_mut().enumerate();
        servers
            .filter_map(|(index, server)| Some((index, server.start_check(now_us)?)))
            .collect()
    }

    /// A health check ended.
    pub fn check_ended(&mut self, server: usize, is_passed: bool, now_us: u64) {
        let server = self.servers.get_mut(server);
        self.notices
            .extend(server.and_then(|it| it.check_ended(is_passed, now_us)));
    }

    /// The reply to one line: each command's output and an empty line, in order.
    pub fn answer(&mut self, line: &str, now_us: u64) -> String {
        let mut reply = String::new();
        for command in line.split(';') {
            let words: Vec<&str> = command.split_whitespace().collect();
            match self.answer_one(&words, now_us) {
                Ok(text) => reply.push_str(&text),
                Err(text) => reply.push_str(text),
            }
            reply.push('\n');
        }
        reply
    }

    fn answer_one(&mut self, words: &[&str], now_us: u64) -> Result<String, &'static str> {
        Ok(match words {
            ["show", "info", ..] => self.info(now_us),
            ["show", "version", ..] => format!("{}\n", texts::VERSION),
            ["show", "cli", "level", ..] => "admin\n".to_owned(),
            ["show", "backend", ..] => format!("# name\n{BACKEND}\n"),
            ["show", "servers", "state", rest @ ..] => self.servers_state(rest, now_us)?,
            ["show", "stat", rest @ ..] => self.stat(rest, now_us)?,
            ["set", "server", rest @ ..] => self.set_server(rest, now_us)?,
            ["enable", "server", rest @ ..] => self.write(rest, AdminState::Ready, now_us)?,
            ["disable", "server", rest @ ..] => self.write(rest, AdminState::Maint, now_us)?,
            [..] => return Err(texts::UNKNOWN),
        })
    }

    fn set_server(&mut self, words: &[&str], now_us: u64) -> Result<String, &'static str> {
        self.server(words)?;
        let state = match words.get(1..) {
            Some(["state", "ready", ..]) => AdminState::Ready,
            Some(["state", "drain", ..]) => AdminState::Drain,
            Some(["state", "maint", ..]) => AdminState::Maint,
            Some(["state", ..]) => return Err(texts::WRONG_STATE),
            Some([..]) | None => return Err(texts::SET_SERVER_USAGE),
        };
        self.write(words, state, now_us)
    }

    /// Accepted, whether or not anything changed: nothing but the empty line.
    fn write(
        &mut self,
        words: &[&str],
        state: AdminState,
        now_us: u64,
    ) -> Result<String, &'static str> {
        let server = self.server(words)?;
        server.writes += 1;
        let notice = server.set(state, now_us);
        self.notices.extend(notice);
        Ok(String::new())
    }

    fn server(&mut self, words: &[&str]) -> Result<&mut Server, &'static str> {
        let name = words.first().and_then(|name| name.split_once('/'));
        let (backend, server) = name.ok_or(texts::REQUIRE_NAME)?;
        if backend != BACKEND {
            return Err(texts::NO_BACKEND);
        }
        let server = self.servers.iter_mut().find(|it| it.read.name == server);
        server.ok_or(texts::NO_SERVER)
    }

    fn info(&self, now_us: u64) -> String {
        let up_s = now_us / 1_000_000;
        let mut text = String::new();
        let pairs = texts::INFO.split(';').filter_map(|it| it.split_once('='));
        for (name, value) in pairs {
            let filled = match name {
                "Version" | "Build info" => texts::VERSION.to_owned(),
                "Pid" => self.pid.to_string(),
                "Uptime" => format!("0d 0h{:02}m{:02}s", up_s / 60, up_s % 60),
                "Uptime_sec" => up_s.to_string(),
                "Start_time_sec" => self.start_time_s.to_string(),
                "node" => "demo".to_owned(),
                _ => value.to_owned(),
            };
            let _ = writeln!(text, "{name}: {filled}");
        }
        text
    }

    fn servers_state(&self, words: &[&str], now_us: u64) -> Result<String, &'static str> {
        if words.first().is_some_and(|&backend| backend != BACKEND) {
            return Err(texts::CANNOT_FIND_BACKEND);
        }
        let mut text = format!("1\n{}\n", texts::STATE_HEADER);
        for (id, server) in (1_u32..).zip(&self.servers) {
            text.push_str(&server.state_row(id, now_us));
            text.push('\n');
        }
        Ok(text)
    }

    /// `show stat [PROXY TYPE SERVER]`; the three come together or not at all.
    fn stat(&self, words: &[&str], now_us: u64) -> Result<String, &'static str> {
        let (proxy, kinds, sid) = match words {
            [proxy, kinds, sid, ..] => (*proxy, kinds.parse().unwrap_or(0), *sid),
            [..] => ("-1", -1_i32, "-1"),
        };
        let mut rows = vec![texts::STAT_HEADER.to_owned()];
        let is_any = proxy == "-1";
        match proxy {
            "-1" | FRONTEND | BACKEND => {}
            _ => return Err(texts::NO_PROXY),
        }
        if (is_any || proxy == FRONTEND) && kinds & 1 != 0 {
            rows.push(filled(texts::FRONTEND_ROW, &self.totals()));
        }
        if is_any || proxy == BACKEND {
            for (id, server) in (1_u32..).zip(&self.servers) {
                if kinds & 4 != 0 && (sid == "-1" || sid == id.to_string()) {
                    rows.push(server.stat_row(id, now_us));
                }
            }
            if kinds & 2 != 0 {
                rows.push(self.backend_row());
            }
        }
        rows.push(String::new());
        Ok(rows.join("\n"))
    }

    /// The counters of a FRONTEND or BACKEND row.
    fn totals(&self) -> Vec<(&'static str, String)> {
        let sum = |of: fn(&Traffic) -> u64| self.servers.iter().map(|it| of(&it.traffic)).sum();
        let given: u64 = sum(|it| it.given);
        let numbers: [(&str, u64); 5] = [
            ("scur", sum(|it| it.open.into())),
            ("stot", given + self.refused),
            ("req_tot", given + self.refused),
            ("hrsp_2xx", sum(|it| it.answered)),
            ("hrsp_5xx", self.refused),
        ];
        let cells = numbers.map(|(column, number)| (column, number.to_string()));
        cells.to_vec()
    }

    fn backend_row(&self) -> String {
        let usable = self.servers.iter().filter(|it| it.read.is_up()).count();
        let given: u64 = self.servers.iter().map(|it| it.traffic.given).sum();
        let mut cells = self.totals();
        cells.extend([
            ("lbtot", given.to_string()),
            ("act", usable.to_string()),
            ("weight", usable.to_string()),
            ("status", if usable == 0 { "DOWN" } else { "UP" }.to_owned()),
        ]);
        filled(texts::BACKEND_ROW, &cells)
    }
}
