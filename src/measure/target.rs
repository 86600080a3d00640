//! A policy with a target: a number of the whole backend, and how much of it one server is to take. How
//! many servers that wants follows; which ones, and when, is the scaler's business.
//!
//! ```text
//! servers wanted = ⌈ statistic of the window / per_server ⌉
//! ```
//!
//! Asked for is what each of the latest `breaches` windows wants, so that a moment asks for nobody; a server
//! is too many when no window of the last `idle_timeout` wanted it, so that a number about the edge of a
//! server does not make one come and go.

use std::collections::VecDeque;
use std::time::Duration;

use super::extreme::{End, Extreme};
use super::meter::Readings;
use super::need::whole;
use super::settings::{Signal, Statistic, TargetSettings};
use super::window::Window;
use crate::words::time::Timestamp;

/// Windows in a row that are kept at most: `breaches` may be larger, and the rest says the same.
const WINDOWS_MAX: usize = 64;

/// What a target wants, with the numbers that it follows from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TargetNeed {
    /// What is measured.
    pub signal: Signal,
    /// What stands for a window.
    pub statistic: Statistic,
    /// Of a complete window, in the signal's unit: the one that wants it, or for the most of a while the last.
    pub value: f64,
    /// What one server is to take, in the same unit.
    pub per_server: f64,
    /// So many servers are wanted.
    pub servers: u32,
}

/// One policy with a target, and what it has seen.
pub(crate) struct Target {
    settings: TargetSettings,
    window: Window,
    /// What the latest windows showed and how many servers that wants, oldest first.
    wanted: VecDeque<(f64, u32)>,
    /// The most that any window of the last while wanted.
    highest: Extreme,
}

impl Target {
    /// Nothing seen so far. A server is too many once no window of the last `down_after` wanted it.
    pub(crate) fn new(settings: &TargetSettings, down_after: Duration) -> Self {
        Self {
            window: Window::new(&settings.measured),
            settings: settings.clone(),
            wanted: VecDeque::new(),
            highest: Extreme::new(End::Highest, down_after),
        }
    }

    /// Takes what a look at HAProxy says. A window ends at a look, not between two.
    pub(crate) fn read(&mut self, now: Timestamp, readings: &Readings) {
        let signal = self.settings.measured.signal;
        if let Some(reading) = readings.of(signal) {
            self.window.push(now, Some(reading));
        }
        if self.window.due().is_none_or(|due| now < due) {
            return;
        }
        let evaluation = self.window.evaluate(now);
        let value = evaluation.and_then(|it| it.in_unit(signal.unit()).value);
        let Some(value) = value else {
            return;
        };
        let servers = whole(value / self.settings.per_server());
        while self.wanted.len() >= self.windows() {
            self.wanted.pop_front();
        }
        self.wanted.push_back((value, servers));
        self.highest.say(now, f64::from(servers));
    }

    fn windows(&self) -> usize {
        let windows = usize::try_from(self.settings.measured.breaches);
        windows.unwrap_or(WINDOWS_MAX).clamp(1, WINDOWS_MAX)
    }

    /// What every one of the latest windows wants; `None` before there were as many as it takes.
    pub(crate) fn asked(&self) -> Option<TargetNeed> {
        let is_enough = self.wanted.len() >= self.windows();
        let windows = self.wanted.iter().copied().filter(|_| is_enough);
        let least = windows.reduce(|least, it| if it.1 < least.1 { it } else { least });
        least.map(|(value, servers)| self.need(value, servers))
    }

    /// The most that a window of the last while wanted; `None` until all of it was watched.
    pub(crate) fn highest(&self, now: Timestamp) -> Option<TargetNeed> {
        let (now_value, _) = *self.wanted.back()?;
        let highest = self.highest.of_whole_period(now)?;
        Some(self.need(now_value, whole(highest)))
    }

    /// What the last window wants.
    pub(crate) fn latest(&self) -> Option<TargetNeed> {
        let latest = self.wanted.back();
        latest.map(|(value, servers)| self.need(*value, *servers))
    }

    const fn need(&self, value: f64, servers: u32) -> TargetNeed {
        TargetNeed {
            signal: self.settings.measured.signal,
            statistic: self.settings.measured.statistic,
            value,
            per_server: self.settings.per_server(),
            servers,
        }
    }

    /// What it was made from.
    pub(crate) const fn settings(&self) -> &TargetSettings {
        &self.settings
    }

    /// The while after which a server is too many is another one.
    pub(crate) fn reconfigure(&mut self, down_after: Duration) {
        self.highest = Extreme::new(End::Highest, down_after);
    }

    /// What was seen is about another situation.
    pub(crate) fn start_over(&mut self) {
        self.window.clear();
        self.wanted.clear();
        self.highest.start_over();
    }

    /// Numbers that are held.
    pub(crate) fn held(&self) -> usize {
        self.window.held() + self.wanted.len()
    }
}
