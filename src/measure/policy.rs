//! One policy: signal, windows, streak of breaches, verdict; and how several verdicts combine.
//! Servers do not belong here.

use std::collections::VecDeque;
use std::time::Duration;

use super::breach::{Breach, SlowServer};
use super::by_server::ByServer;
use super::meter::Readings;
use super::quiet::Recent;
use super::sample::Sample;
use super::settings::{Add, PolicySettings, Signal, Statistic};
use super::trial::{NotHelping, Trial};
use super::window::{Evaluation, Window};
use crate::words::request::Request;
use crate::words::time::Timestamp;

/// Windows in a row that the request rate is taken from at most.
const WINDOWS_MAX: usize = 16;

/// What a complete window means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Above the threshold.
    Breach(Breach),
    /// Not above the threshold.
    Below,
    /// More than half of the requests failed: broken, not slow; more servers do not help.
    Broken,
}

/// One policy with what it has seen.
#[repr(C)] // In this order: what every request touches is the end of `window` up to the beginning
// of `recent`, and little of a thousand backends is at hand.
pub(crate) struct Policy {
    settings: PolicySettings,
    window: Window,
    by_server: ByServer,
    /// Requests of the backend when the window was opened, its first one included.
    opened_at: u64,
    /// The spare that joined last because of this policy.
    trial: Option<Box<Trial>>,
    /// That of the settings, at hand.
    signal: Signal,
    pub(crate) recent: Recent,
    /// Windows in a row above the threshold. A pause in traffic does not end it.
    streak: u32,
    /// The last complete window, for people.
    last: Option<(Evaluation, Verdict)>,
    /// Of the latest windows in a row above the threshold, as many as are needed: requests of the
    /// backend after the first one, and how long they took.
    arrivals: VecDeque<(u64, Duration)>,
    not_helping: Option<NotHelping>,
}

impl Policy {
    /// Nothing seen so far. Quiet means below `scale_down_ratio` of the threshold, in slices of that
    /// length.
    pub(crate) fn new(settings: &PolicySettings, scale_down_ratio: f64, slice: Duration) -> Self {
        Self {
            window: Window::new(settings),
            recent: Recent::new(settings, scale_down_ratio, slice),
            signal: settings.signal,
            settings: settings.clone(),
            streak: 0,
            last: None,
            by_server: ByServer::default(),
            trial: None,
            opened_at: 0,
            arrivals: VecDeque::new(),
            not_helping: None,
        }
    }

    /// Takes one request; `total`: so many have come to the backend, this one included.
    pub(crate) fn push(&mut self, now: Timestamp, request: &Request<'_>, total: u64) {
        let took_ms = match Sample::of(request, self.signal) {
            Sample::Took(ms) => Some(ms),
            // A lower bound below the threshold proves nothing.
            Sample::AtLeast(ms) if f64::from(ms) > self.settings.above => Some(ms),
            Sample::Error => None,
            Sample::AtLeast(_) | Sample::Nothing => return,
        };
        self.take(now, took_ms, total);
        if let Some(took_ms) = took_ms {
            self.by_server.push(request.server, took_ms);
        }
    }

    /// Takes what a look at HAProxy says, if that is what it measures.
    pub(crate) fn read(&mut self, now: Timestamp, readings: &Readings, total: u64) {
        if let Some(reading) = readings.of(self.signal) {
            self.take(now, Some(reading), total);
        }
    }

    fn take(&mut self, now: Timestamp, reading: Option<u32>, total: u64) {
        if self.window.is_empty() {
            self.opened_at = total;
        }
        self.window.push(now, reading);
        self.recent.push(now, reading);
    }

    /// A request of the backend ended, whether it counts or not.
    pub(crate) fn request(&mut self, server: &str) {
        if let Some(trial) = &mut self.trial {
            trial.request(server);
        }
    }

    /// The last window, if it was above the threshold.
    pub(crate) const fn breach(&self) -> Option<&Breach> {
        match &self.last {
            Some((_, Verdict::Breach(breach))) => Some(breach),
            Some((_, Verdict::Below | Verdict::Broken)) | None => None,
        }
    }

    /// The instant at which a window is complete.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.window.due()
    }

    /// Looks at a window that is due; `total`: so many requests have come to the backend.
    pub(crate) fn evaluate(
        &mut self,
        now: Timestamp,
        total: u64,
    ) -> Option<(Verdict, Option<SlowServer>)> {
        let evaluation = self.window.evaluate(now)?.in_unit(self.signal.unit());
        if let Some(trial) = &mut self.trial {
            trial.window(evaluation.value);
        }
        let mut verdict = self.judge(&evaluation);
        self.streak = match &mut verdict {
            Verdict::Breach(breach) => {
                breach.arrivals = self.arrivals_with(&evaluation, total);
                breach.streak
            }
            Verdict::Below | Verdict::Broken => {
                self.arrivals.clear();
                0
            }
        };
        self.last = Some((evaluation, verdict));
        let slow = match verdict {
            Verdict::Breach(_) => self.by_server.slow_one(self.settings.above),
            Verdict::Below | Verdict::Broken => None,
        };
        self.by_server.clear();
        Some((verdict, slow))
    }

    fn judge(&self, evaluation: &Evaluation) -> Verdict {
        if evaluation.errors.saturating_mul(2) > evaluation.requests {
            return Verdict::Broken;
        }
        match evaluation.value {
            Some(value) if value > self.settings.above => Verdict::Breach(Breach {
                signal: self.settings.signal,
                statistic: self.settings.statistic,
                value,
                above: self.settings.above,
                requests: evaluation.requests,
                span: evaluation.span,
                streak: self.streak.saturating_add(1),
                needed: self.settings.breaches,
                arrivals: (0, Duration::ZERO),
            }),
            Some(_) | None => Verdict::Below,
        }
    }

    /// Requests in the latest windows above the threshold, with this one, and how long they took.
    fn arrivals_with(&mut self, evaluation: &Evaluation, total: u64) -> (u64, Duration) {
        let requests = match self.settings.every {
            None => total.saturating_sub(self.opened_at),
            // Windows overlap, and nobody knows how many came that say nothing.
            Some(_) => u64::from(evaluation.requests.saturating_sub(1)),
        };
        let needed = usize::try_from(self.settings.breaches).unwrap_or(usize::MAX);
        while self.arrivals.len() >= needed.clamp(1, WINDOWS_MAX) {
            self.arrivals.pop_front();
        }
        self.arrivals.push_back((requests, evaluation.span));
        let requests = self.arrivals.iter().map(|(requests, _)| *requests);
        let span = self.arrivals.iter().map(|(_, span)| *span);
        (requests.sum(), span.sum())
    }

    /// Servers asked for by a streak that is long enough, of `up` that are UP.
    pub(crate) fn wanted(&self, breach: &Breach, up: u32) -> u32 {
        if breach.streak < breach.needed {
            return 0;
        }
        match self.settings.add {
            Add::Servers(servers) => servers,
            Add::Percent(percent) => up.saturating_mul(percent).div_ceil(100).max(1),
        }
    }

    /// `server` joins `servers` UP others: did it help?
    pub(crate) fn try_out(
        &mut self,
        now: Timestamp,
        server: &str,
        servers: u32,
        rate: Option<f64>,
    ) {
        if !self.signal.falls_with_servers() {
            return; // Nothing of it tells whether a server helped.
        }
        let is_slow = |value: &f64| *value > self.settings.above;
        let last = self.last.and_then(|(evaluation, _)| evaluation.value);
        let open = self.trial.as_deref().filter(|trial| trial.is_open());
        // Of several that join for one breach the first one saw the statistic before.
        let before = last.filter(is_slow).or_else(|| open.map(Trial::before));
        self.trial = before.map(|ms| Box::new(Trial::new(now, server, servers, ms, rate)));
    }

    /// The last spare is seen to have helped; true once.
    pub(crate) fn has_helped(&mut self, now: Timestamp) -> bool {
        self.trial
            .as_mut()
            .is_some_and(|trial| trial.has_helped(now))
    }

    /// Whether more servers may be asked for; a verdict against them that is new.
    pub(crate) fn may_ask(
        &mut self,
        now: Timestamp,
        rate: Option<f64>,
    ) -> Result<(), Option<NotHelping>> {
        if let Some(verdict) = self.not_helping {
            if !verdict.is_over(now, rate) {
                return Err(None);
            }
            self.not_helping = None;
        }
        self.not_helping = self.trial.as_ref().and_then(|trial| trial.verdict(now));
        self.trial = self.trial.take().filter(|trial| trial.is_open());
        self.not_helping
            .map_or(Ok(()), |verdict| Err(Some(verdict)))
    }

    /// The verdict against more servers, while it holds.
    pub(crate) fn not_helping(&self, now: Timestamp, rate: Option<f64>) -> Option<NotHelping> {
        self.not_helping
            .filter(|verdict| !verdict.is_over(now, rate))
    }

    /// What it measures, and what stands for a window.
    pub(crate) const fn measures(&self) -> (Signal, Statistic) {
        (self.settings.signal, self.settings.statistic)
    }

    /// Another situation, about which the last spare tells nothing.
    pub(crate) fn end_trial(&mut self) {
        self.trial = None;
        self.not_helping = None;
    }

    /// Samples and names that are held.
    pub(crate) fn held(&self) -> usize {
        self.window.held() + self.by_server.held() + self.arrivals.len()
    }

    /// Forgets what was seen: another situation begins, with another number of servers.
    pub(crate) fn start_over(&mut self) {
        self.window.clear();
        self.by_server.clear();
        self.streak = 0;
        self.arrivals.clear();
        self.last = None;
    }

    /// What people see of it.
    pub(crate) fn view(&mut self, now: Timestamp) -> PolicyView {
        let unit = self.signal.unit();
        let partial = self.window.peek(now).map(|it| it.in_unit(unit));
        let (last, verdict) = match self.last {
            Some((evaluation, verdict)) => (Some(evaluation), Some(verdict)),
            None => (partial, None),
        };
        PolicyView {
            settings: self.settings.clone(),
            value: last.and_then(|evaluation| evaluation.value),
            requests: last.map_or(0, |evaluation| evaluation.requests),
            streak: self.streak,
            is_broken: verdict == Some(Verdict::Broken),
        }
    }
}

/// What people see of a policy.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyView {
    /// Its settings.
    pub settings: PolicySettings,
    /// The statistic of the last complete window, or of the first partial one, in the signal's unit.
    pub value: Option<f64>,
    /// Requests in that window.
    pub requests: u32,
    /// Windows in a row above the threshold.
    pub streak: u32,
    /// More than half of the last window failed.
    pub is_broken: bool,
}

/// The policy that asks for most servers wins; among equals the first.
pub(crate) fn strongest(asks: impl Iterator<Item = (u32, Breach)>) -> Option<(u32, Breach)> {
    asks.filter(|(servers, _)| *servers > 0)
        .fold(None, |best, ask| match best {
            Some((servers, _)) if servers >= ask.0 => best,
            Some(_) | None => Some(ask),
        })
}
