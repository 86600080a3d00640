//! A pretend HAProxy without its sockets: its servers and the replies of its Runtime API, as version
//! 2.6 gives them. Pure: told the time.
//!
//! What one server does lives in `pretend_server`; the load, the log and the admin socket in
//! `pretend_world`.

use std::fmt::Write as _;
use std::net::SocketAddr;

use super::haproxy_texts as texts;
use super::pretend_server::{Server, State, filled};
use super::scenario::{BACKEND, FRONTEND};

pub use super::pretend_server::Traffic;

/// The pretend HAProxy: one frontend, one backend.
#[derive(Debug)]
pub struct PretendHaproxy {
    pid: u32,
    start_time_s: u64,
    servers: Vec<Server>,
    refused: u64,
    notices: Vec<String>,
}

impl PretendHaproxy {
    /// A process that starts now with these servers; `true`: `disabled` in its configuration.
    pub fn new(pid: u32, start_time_s: u64, servers: &[(&str, SocketAddr, bool)]) -> Self {
        let servers = servers.iter();
        let server = |&(name, address, is_disabled): &_| Server::new(name, address, is_disabled);
        Self {
            pid,
            start_time_s,
            servers: servers.map(server).collect(),
            refused: 0,
            notices: Vec::new(),
        }
    }

    /// Whether this server gets balanced traffic.
    pub fn takes_traffic(&self, server: usize) -> bool {
        self.servers.get(server).is_some_and(Server::takes_traffic)
    }

    /// Status column of a server, `DRAIN 1/3`.
    pub fn status(&self, server: usize) -> String {
        self.servers
            .get(server)
            .map_or_else(String::new, Server::status)
    }

    /// How many accepted commands named this server.
    pub fn writes(&self, server: usize) -> u32 {
        self.servers.get(server).map_or(0, |server| server.writes)
    }

    /// What the log says about servers since the last call: `Server web/web2 is UP/READY …`.
    pub fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }

    /// The counters that the load has reached.
    pub fn set_traffic(&mut self, server: usize, traffic: Traffic) {
        if let Some(server) = self.servers.get_mut(server) {
            server.traffic = traffic;
        }
    }

    /// Requests that HAProxy itself answered with a 503.
    pub const fn set_refused(&mut self, refused: u64) {
        self.refused = refused;
    }

    /// Servers whose health check is due, with where to connect to.
    pub fn checks_due(&mut self, now_us: u64) -> Vec<(usize, SocketAddr)> {
        let mut due = Vec::new();
        for (index, server) in self.servers.iter_mut().enumerate() {
            if let Some(address) = server.start_check(now_us) {
                due.push((index, address));
            }
        }
        due
    }

    /// A health check ended.
    pub fn check_ended(&mut self, server: usize, is_passed: bool, now_us: u64) {
        if let Some(server) = self.servers.get_mut(server)
            && let Some(text) = server.check_ended(is_passed, now_us)
        {
            let notice = format!("Server {BACKEND}/{} {text}", server.name);
            self.notices.push(notice);
        }
    }

    /// The reply to one line: each command's output and an empty line, in order.
    pub fn answer(&mut self, line: &str, now_us: u64) -> String {
        let mut reply = String::new();
        for command in line.split(';') {
            let words: Vec<&str> = command.split_whitespace().collect();
            reply.push_str(&self.answer_one(&words, now_us));
            reply.push('\n');
        }
        reply
    }

    fn answer_one(&mut self, words: &[&str], now_us: u64) -> String {
        match words {
            ["show", "info", ..] => self.info(now_us),
            ["show", "version", ..] => format!("{}\n", texts::VERSION),
            ["show", "cli", "level", ..] => "admin\n".to_owned(),
            ["show", "backend", ..] => format!("# name\n{BACKEND}\n"),
            ["show", "servers", "state", rest @ ..] => self.servers_state(rest, now_us),
            ["show", "stat", rest @ ..] => self.stat(rest, now_us),
            ["set", "server", rest @ ..] => self.set_server(rest, now_us),
            ["enable", "server", rest @ ..] => self.write_state(rest, State::Ready, now_us),
            ["disable", "server", rest @ ..] => self.write_state(rest, State::Maint, now_us),
            [..] => texts::UNKNOWN.to_owned(),
        }
    }

    fn set_server(&mut self, words: &[&str], now_us: u64) -> String {
        if let Err(text) = self.find(words.first()) {
            return text.to_owned();
        }
        let state = match words.get(1..) {
            Some(["state", "ready", ..]) => State::Ready,
            Some(["state", "drain", ..]) => State::Drain,
            Some(["state", "maint", ..]) => State::Maint,
            Some(["state", ..]) => return texts::WRONG_STATE.to_owned(),
            Some([..]) | None => return texts::SET_SERVER_USAGE.to_owned(),
        };
        self.write_state(words, state, now_us)
    }

    fn write_state(&mut self, words: &[&str], state: State, now_us: u64) -> String {
        let index = match self.find(words.first()) {
            Ok(index) => index,
            Err(text) => return text.to_owned(),
        };
        let Some(server) = self.servers.get_mut(index) else {
            return texts::NO_SERVER.to_owned();
        };
        server.writes += 1;
        if let Some(text) = server.set(state, now_us) {
            let notice = format!("Server {BACKEND}/{} {text}", server.name);
            self.notices.push(notice);
        }
        // Accepted, whether or not anything changed: nothing but the empty line.
        String::new()
    }

    fn find(&self, name: Option<&&str>) -> Result<usize, &'static str> {
        let (backend, server) = name
            .and_then(|name| name.split_once('/'))
            .ok_or(texts::REQUIRE_NAME)?;
        if backend != BACKEND {
            return Err(texts::NO_BACKEND);
        }
        self.servers
            .iter()
            .position(|known| known.name == server)
            .ok_or(texts::NO_SERVER)
    }

    fn info(&self, now_us: u64) -> String {
        let up_s = now_us / 1_000_000;
        let mut text = String::new();
        for (name, value) in texts::INFO {
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

    fn servers_state(&self, words: &[&str], now_us: u64) -> String {
        if words.first().is_some_and(|&backend| backend != BACKEND) {
            return texts::CANNOT_FIND_BACKEND.to_owned();
        }
        let mut text = format!("1\n{}\n", texts::STATE_HEADER);
        for (id, server) in (1_u32..).zip(&self.servers) {
            text.push_str(&server.state_row(id, now_us));
            text.push('\n');
        }
        text
    }

    /// `show stat [PROXY TYPE SERVER]`; the three come together or not at all.
    fn stat(&self, words: &[&str], now_us: u64) -> String {
        let (proxy, kinds, sid) = match words {
            [proxy, kinds, sid, ..] => (*proxy, kinds.parse().unwrap_or(0), *sid),
            [..] => ("-1", -1_i32, "-1"),
        };
        let mut rows = vec![texts::STAT_HEADER.to_owned()];
        let is_any = proxy == "-1";
        match proxy {
            "-1" | FRONTEND | BACKEND => {}
            _ => return texts::NO_PROXY.to_owned(),
        }
        if (is_any || proxy == FRONTEND) && kinds & 1 != 0 {
            rows.push(self.frontend_row());
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
        rows.join("\n")
    }

    fn totals(&self) -> Traffic {
        let mut sum = Traffic::default();
        for server in &self.servers {
            sum.open += server.traffic.open;
            sum.given += server.traffic.given;
            sum.answered += server.traffic.answered;
        }
        sum
    }

    fn frontend_row(&self) -> String {
        let sum = self.totals();
        filled(
            texts::FRONTEND_ROW,
            &[
                ("scur", sum.open.to_string()),
                ("stot", (sum.given + self.refused).to_string()),
                ("req_tot", (sum.given + self.refused).to_string()),
                ("hrsp_2xx", sum.answered.to_string()),
                ("hrsp_5xx", self.refused.to_string()),
            ],
        )
    }

    fn backend_row(&self) -> String {
        let sum = self.totals();
        let usable = self
            .servers
            .iter()
            .filter(|server| server.takes_traffic())
            .count();
        filled(
            texts::BACKEND_ROW,
            &[
                ("scur", sum.open.to_string()),
                ("stot", (sum.given + self.refused).to_string()),
                ("lbtot", sum.given.to_string()),
                ("req_tot", (sum.given + self.refused).to_string()),
                ("hrsp_2xx", sum.answered.to_string()),
                ("hrsp_5xx", self.refused.to_string()),
                ("act", usable.to_string()),
                ("weight", usable.to_string()),
                ("status", if usable == 0 { "DOWN" } else { "UP" }.to_owned()),
            ],
        )
    }
}
