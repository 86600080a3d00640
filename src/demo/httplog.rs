//! The pretend HAProxy's log file: finished requests as httplog lines behind rsyslog's traditional
//! head, appended as they end, renamed away once as logrotate does it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::scenario::{BACKEND, FRONTEND, SERVERS};
use crate::sim::queues::Answer;
use crate::words::calendar::format_logged_ms;
use crate::words::time::ms_since_1970;

/// Clients' ports start here and come round again.
const FIRST_PORT: u64 = 32_768;
const PORTS: u64 = 28_000;

/// A log file that grows.
#[derive(Debug)]
pub struct HttpLog {
    path: PathBuf,
    file: File,
    /// Wall-clock time of the story's zero.
    started: SystemTime,
    pid: u32,
    lines: u64,
}

impl HttpLog {
    /// Creates the file.
    ///
    /// # Errors
    ///
    /// What the system said.
    pub fn create(path: &Path, pid: u32, started: SystemTime) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            file: open(path)?,
            started,
            pid,
            lines: 0,
        })
    }

    /// Appends these requests with one write.
    ///
    /// # Errors
    ///
    /// What the system said.
    pub fn append(&mut self, answers: &[Answer]) -> io::Result<()> {
        let mut text = String::new();
        for answer in answers {
            text.push_str(&request_line(answer, self.started, self.pid, self.lines));
            self.lines += 1;
        }
        self.file.write_all(text.as_bytes())
    }

    /// Appends something that HAProxy says about itself.
    ///
    /// # Errors
    ///
    /// What the system said.
    pub fn append_notice(&mut self, text: &str, at_us: u64) -> io::Result<()> {
        let at = self.started + Duration::from_micros(at_us);
        writeln!(self.file, "{} {text}", head(at, self.pid))
    }

    /// The file gets another name and a new one takes its place, as logrotate does it.
    ///
    /// # Errors
    ///
    /// What the system said.
    pub fn rotate(&mut self) -> io::Result<()> {
        let mut old_name = self.path.clone().into_os_string();
        old_name.push(".1");
        fs::rename(&self.path, old_name)?;
        self.file = open(&self.path)?;
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// One line with its newline. `number` tells clients' ports apart.
pub fn request_line(answer: &Answer, started: SystemTime, pid: u32, number: u64) -> String {
    let arrived = started + Duration::from_micros(answer.arrived_us);
    let ended = started + Duration::from_micros(answer.ended_us);
    // HAProxy cuts both instants to milliseconds; the difference is what it logs.
    let took_ms = (answer.ended_us / 1000).saturating_sub(answer.arrived_us / 1000);
    let (server, timers, termination, bytes) = match answer.server {
        Some(index) => (
            SERVERS.get(index).copied().unwrap_or("<NOSRV>"),
            format!("0/0/0/{took_ms}/{took_ms}"),
            "----",
            1_254,
        ),
        None => ("<NOSRV>", format!("0/-1/-1/-1/{took_ms}"), "SC--", 217),
    };
    let (in_backend, on_server) = answer.open;
    format!(
        "{head} 127.0.0.1:{port} [{date}] {FRONTEND} {BACKEND}/{server} {timers} {status} {bytes} - - \
         {termination} {in_backend}/{in_backend}/{in_backend}/{on_server}/0 0/0 \"GET /basket/{number} HTTP/1.1\"\n",
        head = head(ended, pid),
        port = FIRST_PORT + number % PORTS,
        date = accept_date(arrived),
        status = answer.status,
    )
}

/// `Nov 21 23:36:31 demo haproxy[4711]:`
fn head(at: SystemTime, pid: u32) -> String {
    let date = accept_date(at);
    let part = |range| date.get(range).unwrap_or_default();
    let (day, month, time) = (part(0..2), part(3..6), part(12..20));
    let day = day.strip_prefix('0').unwrap_or(day);
    format!("{month} {day:>2} {time} demo haproxy[{pid}]:")
}

/// `21/Nov/2026:23:36:31.172`; this pretend machine's clock is set to UTC.
fn accept_date(at: SystemTime) -> String {
    format_logged_ms(ms_since_1970(at))
}
