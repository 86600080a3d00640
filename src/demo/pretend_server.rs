//! One server of the pretend HAProxy: admin state, health checks and what `show stat` and `show
//! servers state` print about it, with the habits of version 2.6. Pure: told the time.

use std::net::SocketAddr;

use super::haproxy_texts as texts;
use super::scenario::{BACKEND, CHECK_INTERVAL, micros};

/// FMAINT: set by hand.
const FORCED_MAINT: u32 = 0x01;
/// CMAINT: `disabled` in haproxy.cfg; a birthmark that stays for ever.
const CONFIGURED_MAINT: u32 = 0x04;
/// FDRAIN: set by hand.
const FORCED_DRAIN: u32 = 0x08;
/// Passed checks in a row to be UP.
const RISE: u32 = 2;
/// Failed checks in a row to be DOWN.
const FALL: u32 = 3;
/// `srv_check_result` of a passed and of a failed check.
const PASSED: u32 = 3;
const FAILED: u32 = 2;

/// A server's traffic, for the counters of `show stat`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traffic {
    /// Requests open now.
    pub open: u32,
    /// Requests that it was given.
    pub given: u64,
    /// Responses with a status of 2xx.
    pub answered: u64,
}

/// A server of the pretend backend.
#[derive(Debug)]
pub(super) struct Server {
    /// The name in its haproxy.cfg.
    pub(super) name: String,
    address: SocketAddr,
    admin: u32,
    health: u32,
    /// `None`: no check has ended yet.
    result: Option<u32>,
    check_due_us: u64,
    changed_us: u64,
    pub(super) traffic: Traffic,
    /// Commands that named it and were accepted.
    pub(super) writes: u32,
}

/// What `set server B/S state` can ask for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Ready,
    Drain,
    Maint,
}

impl Server {
    /// A server as it is when HAProxy starts; `is_disabled`: marked so in haproxy.cfg.
    pub(super) fn new(name: &str, address: SocketAddr, is_disabled: bool) -> Self {
        Self {
            name: name.to_owned(),
            address,
            admin: if is_disabled {
                FORCED_MAINT | CONFIGURED_MAINT
            } else {
                0
            },
            health: if is_disabled { 0 } else { RISE },
            result: None,
            check_due_us: 0,
            changed_us: 0,
            traffic: Traffic::default(),
            writes: 0,
        }
    }

    fn is_maint(&self) -> bool {
        self.admin & FORCED_MAINT != 0
    }

    fn is_drain(&self) -> bool {
        self.admin & FORCED_DRAIN != 0
    }

    fn is_running(&self) -> bool {
        !self.is_maint() && self.health >= RISE
    }

    /// Gets balanced traffic.
    pub(super) fn takes_traffic(&self) -> bool {
        self.is_running() && !self.is_drain()
    }

    /// The status column of `show stat`: `UP`, `UP 1/3`, `DRAIN 1/3`, `DOWN 1/2`, `MAINT`.
    pub(super) fn status(&self) -> String {
        if self.is_maint() {
            return "MAINT".to_owned();
        }
        if self.health < RISE {
            return match self.health {
                0 => "DOWN".to_owned(),
                passed => format!("DOWN {passed}/{RISE}"),
            };
        }
        let word = if self.is_drain() { "DRAIN" } else { "UP" };
        if self.health == RISE + FALL - 1 {
            word.to_owned()
        } else {
            format!("{word} {}/{FALL}", self.health - RISE + 1)
        }
    }

    /// Sets the admin state and gives what the log says about it; `None`: it was so already.
    /// Leaving maintenance makes a server UP at once, before any check: health starts at `rise`.
    pub(super) fn set(&mut self, state: State, now_us: u64) -> Option<&'static str> {
        let birthmark = self.admin & CONFIGURED_MAINT;
        let was = (self.is_maint(), self.is_drain());
        let notice = match (state, was) {
            (State::Ready, (false, false))
            | (State::Drain, (false, true))
            | (State::Maint, (true, _)) => return None,
            (State::Ready, (true, _)) => "is UP/READY (leaving forced maintenance).",
            (State::Ready, (false, true)) => "is UP (leaving forced drain).",
            (State::Drain, (true, _)) => "is UP/DRAIN (leaving forced maintenance).",
            (State::Drain, (false, false)) => "enters drain state.",
            (State::Maint, (false, _)) => "is going DOWN for maintenance.",
        };
        let is_leaving_maint = self.is_maint() && state != State::Maint;
        if is_leaving_maint {
            self.health = RISE;
            self.check_due_us = now_us + micros(CHECK_INTERVAL) / 2;
        }
        self.admin = match state {
            State::Ready => birthmark,
            State::Drain => birthmark | FORCED_DRAIN,
            State::Maint => birthmark | FORCED_MAINT,
        };
        if state == State::Maint {
            self.health = 0;
        }
        self.changed_us = now_us;
        Some(notice)
    }

    /// Where to connect to, if a health check is due.
    pub(super) fn start_check(&mut self, now_us: u64) -> Option<SocketAddr> {
        if self.is_maint() || self.check_due_us > now_us {
            return None;
        }
        // Not again before this one has ended or been lost.
        self.check_due_us = now_us + 4 * micros(CHECK_INTERVAL);
        Some(self.address)
    }

    /// A health check ended; gives what the log says about it.
    pub(super) fn check_ended(&mut self, is_passed: bool, now_us: u64) -> Option<String> {
        if self.is_maint() {
            return None;
        }
        let was_running = self.is_running();
        self.result = Some(if is_passed { PASSED } else { FAILED });
        self.health = match (is_passed, self.health) {
            (true, health) if health + 1 >= RISE => RISE + FALL - 1,
            (true, health) => health + 1,
            (false, health) if health > RISE => health - 1,
            (false, _) => 0,
        };
        self.check_due_us = now_us + micros(CHECK_INTERVAL);
        if was_running == self.is_running() {
            return None;
        }
        self.changed_us = now_us;
        Some(if was_running {
            "is DOWN, reason: Layer4 connection problem, info: \"Connection refused\".".to_owned()
        } else {
            "is UP, reason: Layer4 check passed.".to_owned()
        })
    }

    /// Its row of `show servers state`.
    pub(super) fn state_row(&self, id: u32, now_us: u64) -> String {
        let since_s = now_us.saturating_sub(self.changed_us) / 1_000_000;
        let (status, result) = match self.result {
            None => (1, 0),              // INI
            Some(PASSED) => (6, PASSED), // L4OK
            Some(result) => (8, result), // L4CON
        };
        let operational = if self.is_running() { 2 } else { 0 };
        let check = if self.is_maint() { 14 } else { 6 };
        format!(
            "3 {BACKEND} {id} {} {} {operational} {} 1 1 {since_s} {status} {result} {} {check} 0 0 \
             0 - {} - 0 0 - - 0",
            self.name,
            self.address.ip(),
            self.admin,
            self.health,
            self.address.port(),
        )
    }

    /// Its row of `show stat`.
    pub(super) fn stat_row(&self, id: u32, now_us: u64) -> String {
        let since_s = now_us.saturating_sub(self.changed_us) / 1_000_000;
        let mut cells = vec![
            ("svname", self.name.clone()),
            ("sid", id.to_string()),
            ("addr", self.address.to_string()),
            ("status", self.status()),
            ("lastchg", since_s.to_string()),
            ("scur", self.traffic.open.to_string()),
            ("stot", self.traffic.given.to_string()),
            ("lbtot", self.traffic.given.to_string()),
            ("req_tot", self.traffic.given.to_string()),
            ("hrsp_2xx", self.traffic.answered.to_string()),
        ];
        // In maintenance checks are paused, and 2.6 leaves their columns empty.
        if !self.is_maint() {
            let (status, text) = match self.result {
                None => ("INI", "Initializing"),
                Some(PASSED) => ("L4OK", "Layer4 check passed"),
                Some(_) => ("L4CON", "Layer4 connection problem"),
            };
            cells.extend([
                ("check_status", status.to_owned()),
                ("check_desc", text.to_owned()),
                ("check_rise", RISE.to_string()),
                ("check_fall", FALL.to_string()),
                ("check_health", self.health.to_string()),
            ]);
            if self.result.is_some() {
                cells.push(("check_duration", "0".to_owned()));
            }
        }
        filled(texts::SERVER_ROW, &cells)
    }
}

/// A recorded row with some of its cells replaced, by column name.
pub(super) fn filled(row: &str, cells: &[(&str, String)]) -> String {
    let header = texts::STAT_HEADER.trim_start_matches("# ");
    let columns = header.split(',').zip(row.split(','));
    let values: Vec<&str> = columns
        .map(|(column, recorded)| {
            let replaced = cells.iter().find(|(name, _)| *name == column);
            replaced.map_or(recorded, |(_, value)| value.as_str())
        })
        .collect();
    values.join(",")
}
