//! What a service manager is told (`sd_notify(3)`): that the daemon is ready, reloads, stops, what it
//! does in one line, and that its loop still decides. Datagrams to `NOTIFY_SOCKET`; without one
//! nothing happens. What restarts a stuck daemon lives in the unit.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

use super::Daemon;
use crate::config::Mode;
use crate::log::source::Source;
use crate::publish::record::News;
use crate::scaler::{BackendView, Role, Stage};

/// Ready after this even if HAProxy has not been asked to the end: that it is down or hangs is no
/// reason to fail.
const READY_LIMIT: Duration = Duration::from_secs(10);
/// The status line is made this often at most.
const STATUS_EVERY: Duration = Duration::from_secs(1);
/// Backends that the status line names.
const STATUS_BACKENDS_MAX: usize = 6;
/// Shorter watchdog times than this make no sense and would keep the loop busy.
const WATCHDOG_MIN: Duration = Duration::from_millis(20);

/// The service manager's end of the daemon's life.
#[derive(Debug, Default)]
pub struct Supervisor {
    line: Option<Line>,
    watchdog: Option<Watchdog>,
    ready_by: Option<Instant>,
    is_ready: bool,
    status: String,
    status_from: Option<Instant>,
    /// What the daemon has not taken yet: one for each time that it begins to fail.
    news: Vec<News>,
}

/// The way to the service manager.
#[derive(Debug)]
struct Line {
    socket: UnixDatagram,
    address: SocketAddr,
    has_failed: bool,
}

/// What the watchdog is promised: a sign of life at least every `every`.
#[derive(Clone, Copy, Debug)]
struct Watchdog {
    every: Duration,
    next: Instant,
}

impl Supervisor {
    /// Nobody is told anything.
    pub fn none() -> Self {
        Self::default()
    }

    /// By `NOTIFY_SOCKET`, and by `WATCHDOG_USEC` unless `WATCHDOG_PID` is another process. What is
    /// wrong with them is noted, and the daemon goes on without.
    pub fn from_env() -> Self {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Self::none();
        };
        let number = |name| {
            let value = std::env::var(name).ok()?;
            value.parse::<u64>().ok()
        };
        let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|us| is_ours && *us > 0);
        Self::new(&name, watchdog.map(Duration::from_micros)).unwrap_or_else(|error| {
            let news = News::ServiceManager {
                what: format!("at {}", name.display()),
                error: error.to_string(),
            };
            Self {
                news: vec![news],
                ..Self::none()
            }
        })
    }

    /// What people should hear, since this was asked last.
    pub(super) fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// Tells whoever listens there: a path, or an abstract name that begins with `@`. `watchdog` is
    /// how long no sign of life may be missing; one is given twice as often.
    ///
    /// # Errors
    /// The name is none of a Unix socket, or the process can have no more sockets.
    pub fn new(name: &OsStr, watchdog: Option<Duration>) -> io::Result<Self> {
        let address = match name.as_bytes() {
            [b'@', rest @ ..] => SocketAddr::from_abstract_name(rest)?,
            [b'/', ..] => SocketAddr::from_pathname(name)?,
            _ => {
                return Err(io::Error::other(
                    "NOTIFY_SOCKET is neither a path nor an abstract name (@…)",
                ));
            }
        };
        let socket = UnixDatagram::unbound()?;
        // The loop never waits for the service manager.
        socket.set_nonblocking(true)?;
        let now = Instant::now();
        Ok(Self {
            line: Some(Line {
                socket,
                address,
                has_failed: false,
            }),
            watchdog: watchdog.map(|time| Watchdog {
                every: time.max(WATCHDOG_MIN) / 2,
                next: now,
            }),
            ready_by: Some(now + READY_LIMIT),
            ..Self::default()
        })
    }

    /// Returns when a decision must be finished to keep a promise; never without one.
    pub(super) async fn due(&self) {
        let ready_by = self.ready_by.filter(|_| !self.is_ready);
        let watchdog = self.watchdog.map(|watchdog| watchdog.next);
        match ready_by.into_iter().chain(watchdog).min() {
            Some(due) => tokio::time::sleep_until(due).await,
            None => std::future::pending().await,
        }
    }

    /// A status line is wanted now.
    fn wants_status(&self) -> bool {
        let is_time = self.status_from.is_none_or(|from| Instant::now() >= from);
        self.line.is_some() && is_time
    }

    /// What the daemon does, see [`status_line`].
    fn status(&mut self, status: String) {
        self.status_from = Some(Instant::now() + STATUS_EVERY);
        if self.status != status && self.tell(&format!("STATUS={status}")) {
            self.status = status;
        }
    }

    /// The scaler was asked, and what it wanted is started: the only food of the watchdog.
    /// `has_looked`: HAProxy has been asked once, whatever came of it.
    fn decided(&mut self, has_looked: bool) {
        let now = Instant::now();
        if !self.is_ready && (has_looked || self.ready_by.is_some_and(|by| now >= by)) {
            self.ready();
        }
        if let Some(watchdog) = self.watchdog
            && now >= watchdog.next
        {
            self.tell("WATCHDOG=1");
            // Also after a failure: the loop must not spin on it, and half the time is left.
            let next = now + watchdog.every;
            self.watchdog = Some(Watchdog { next, ..watchdog });
        }
    }

    /// A new configuration is about to be looked at.
    pub(super) fn reloading(&mut self) {
        let now = clock_gettime(ClockId::Monotonic);
        let now_us = now.tv_sec.saturating_mul(1_000_000) + now.tv_nsec / 1000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={now_us}"));
    }

    /// It works, by the new configuration or still by the old one.
    pub(super) fn ready(&mut self) {
        let ready = format!("READY=1\nMAINPID={}", std::process::id());
        if self.tell(&ready) {
            self.is_ready = true;
        }
        // One that could not be told is tried again with a later decision.
        self.ready_by = Some(Instant::now() + STATUS_EVERY);
    }

    /// It is about to end.
    pub(super) fn stopping(&mut self) {
        self.tell("STOPPING=1\nSTATUS=stopping");
    }

    /// Whether it was sent. A failure is noted once.
    fn tell(&mut self, text: &str) -> bool {
        let Some(line) = &mut self.line else {
            return false;
        };
        let sent = line.socket.send_to_addr(text.as_bytes(), &line.address);
        if let (Err(error), false) = (&sent, line.has_failed) {
            self.news.push(News::ServiceManager {
                what: format!("{text:?}"),
                error: error.to_string(),
            });
        }
        line.has_failed = sent.is_err();
        sent.is_ok()
    }
}

impl Daemon {
    /// Tells the service manager, if this turn of the loop finished a decision.
    pub(super) fn tell_supervisor(&mut self, supervisor: &mut Supervisor, source: &Source) {
        if !std::mem::take(&mut self.has_decided) {
            return;
        }
        supervisor.decided(self.has_looked);
        let wants_status = supervisor.wants_status();
        if !wants_status && !self.problems.is_due(self.clock.now()) {
            return;
        }
        let report = self.report(source);
        if wants_status {
            supervisor.status(status_line(
                report.mode,
                &report.backends,
                report.problems.len(),
            ));
        }
    }
}

/// What the daemon does, in one line, with all its `problems` counted: `acting; web slow, 1 of 2 spares ready; 1 problem`.
fn status_line(mode: Mode, backends: &[BackendView], problems: usize) -> String {
    let mut text = match mode {
        Mode::Act => "acting",
        Mode::Observe => "observing",
    }
    .to_owned();
    for backend in backends.iter().take(STATUS_BACKENDS_MAX) {
        let spares = backend
            .servers
            .iter()
            .filter(|server| server.role == Role::Spare);
        let ready = spares
            .clone()
            .filter(|server| server.stage == Stage::Ready)
            .count();
        let _ = write!(
            text,
            "; {} {}, {ready} of {} spares ready",
            backend.name,
            backend.state.as_str(),
            spares.count()
        );
    }
    let unnamed = backends.len().saturating_sub(STATUS_BACKENDS_MAX);
    if unnamed > 0 {
        let _ = write!(text, "; {unnamed} more backends");
    }
    match problems {
        0 => {}
        1 => text.push_str("; 1 problem"),
        several => {
            let _ = write!(text, "; {several} problems");
        }
    }
    text
}
