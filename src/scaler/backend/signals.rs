//! What the requests of a backend have shown: windows, quiet, rates, and what was learned about
//! numbers of servers. What HAProxy shows is in `facts`.

use std::time::Duration;

use super::facts::Facts;
use crate::measure::account::Account;
use crate::measure::breach::Episodes;
use crate::measure::by_server::ByServer;
use crate::measure::load::{Memory, Rate, rate_of};
use crate::measure::meter::{Meter, Readings};
use crate::measure::policy::{Policy, Verdict};
use crate::measure::quiet::{Verdict as QuietVerdict, slice_of};
use crate::measure::sample::Sample;
use crate::measure::settings::{Signal, Statistic};
use crate::measure::trial::Traffic;
use crate::scaler::decision::{Breach, Change, NotHelping, Reason, SlowServer, Wanted};
use crate::scaler::outbox::Outbox;
use crate::scaler::seen::Evaluations;
use crate::scaler::settings::BackendSettings;
use crate::words::picture::BackendRead;
use crate::words::request::Request;
use crate::words::short_name::Name;
use crate::words::time::Timestamp;

/// What requests have shown.
#[repr(C)] // In this order: see `backend/mod.rs`.
pub(super) struct Signals {
    pub(super) quiet: Quiet,
    /// Loads that so many servers were too slow for.
    pub(super) load: Memory,
    pub(super) episodes: Episodes,
    /// What pictures of HAProxy say.
    pub(super) meter: Meter,
    /// What servers took of late, while spares are watched.
    pub(super) times: ByServer,
    pub(super) times_since: Timestamp,
    pub(super) rate: Rate,
    pub(super) policies: Vec<Policy>,
    /// Servers that count, as far as requests have asked since anything but a request happened.
    pub(super) counted: Vec<Name>,
    /// What became of all of them, for people.
    pub(super) account: Account,
    /// There are ready spares whose times are of interest.
    pub(super) has_watched: bool,
    /// For people, too.
    pub(super) evaluations: Evaluations,
}

/// Uninterrupted quiet.
#[derive(Debug)]
pub(super) struct Quiet {
    pub(super) since: Option<Timestamp>,
    /// Quiet cannot have begun earlier: until then something else than a policy forbade it.
    pub(super) floor: Timestamp,
    pub(super) slice: Duration,
    /// The largest share of its threshold that a policy shows.
    pub(super) share: Option<f64>,
}

/// What the windows that are complete ask for.
#[derive(Debug, Default)]
pub(super) struct Asks {
    pub(super) any_window: bool,
    /// The spare that came last is seen to have helped.
    pub(super) helped: bool,
    pub(super) breaches: Vec<(Breach, Option<SlowServer>)>,
    /// Servers asked for, each with its breach.
    pub(super) servers: Vec<(u32, Breach)>,
}

impl Quiet {
    /// The end of the slice that `now` lies in.
    pub(super) fn next_slice(&self, now: Timestamp) -> Timestamp {
        let slice_ms = u64::try_from(self.slice.as_millis())
            .unwrap_or(u64::MAX)
            .max(1);
        let turns = (now.as_ms() / slice_ms).saturating_add(1);
        Timestamp::from_ms(turns.saturating_mul(slice_ms))
    }
}

/// What a request may take, milliseconds: the threshold of the first policy on response times.
pub(super) fn goal_ms(settings: &BackendSettings) -> Option<f64> {
    let policies = settings.policies.iter();
    let mut of_responses = policies.filter(|policy| policy.signal.is_response());
    of_responses.next().map(|policy| policy.above)
}

impl Signals {
    /// Nothing was seen yet.
    pub(super) fn new(now: Timestamp, settings: &BackendSettings) -> Self {
        let slice = slice_of(settings.idle_timeout);
        let policies = settings.policies.iter();
        let policies = policies.map(|policy| Policy::new(policy, settings.scale_down_ratio, slice));
        Self {
            quiet: Quiet {
                since: None,
                floor: now,
                slice,
                share: None,
            },
            load: Memory::default(),
            episodes: Episodes::default(),
            meter: Meter::default(),
            times: ByServer::default(),
            times_since: now,
            rate: Rate::new(now, slice),
            policies: policies.collect(),
            counted: Vec::new(),
            account: Account::new(now, goal_ms(settings)),
            has_watched: false,
            evaluations: Evaluations::default(),
        }
    }

    /// Samples of that server count, as was found since anything but a request happened.
    pub(super) fn has_counted(&self, server: &str) -> bool {
        self.counted.iter().any(|name| name.is(server))
    }

    /// Samples of a server that HAProxy does not list are nobody's; those of a server that has
    /// just joined say more about its caches than about the load.
    pub(super) fn counts(
        &mut self,
        now: Timestamp,
        server: &str,
        facts: &Facts,
        grace: Duration,
    ) -> bool {
        if server.starts_with('<') || facts.pool.members.is_empty() {
            return true;
        }
        let is_new = |at| facts.started < at && now.since(at) < grace;
        let member = facts.pool.member(server);
        let counts = member.is_some_and(|member| !member.ready_at.is_some_and(is_new));
        if counts {
            self.counted.push(Name::of(server));
        }
        counts
    }

    /// The instant at which the next window is complete.
    pub(super) fn window_due(&self) -> Option<Timestamp> {
        self.policies.iter().filter_map(Policy::due).min()
    }

    /// What the server itself took, whether or not it is a newcomer.
    pub(super) fn note_time(&mut self, request: &Request<'_>) {
        match Sample::of(request, Signal::ServerTime) {
            Sample::Took(ms) | Sample::AtLeast(ms) => self.times.push(request.server, ms),
            Sample::Error | Sample::Nothing => {}
        }
    }

    /// What polled signals read of a picture.
    pub(in crate::scaler::backend) fn read_meters(
        &mut self,
        now: Timestamp,
        read: &BackendRead,
    ) -> Readings {
        let readings = self.meter.read(now, read);
        let total = self.rate.total();
        for policy in &mut self.policies {
            policy.read(now, &readings, total);
        }
        readings
    }

    /// Something else than a policy says that it is not quiet.
    pub(super) const fn not_quiet(&mut self, now: Timestamp) {
        self.quiet.since = None;
        self.quiet.floor = now;
    }

    /// What the last spare did tells nothing any more.
    pub(super) fn end_trials(&mut self) {
        self.policies.iter_mut().for_each(Policy::end_trial);
    }

    /// Fewer servers serve than a moment ago, whoever did that: one more may help now.
    pub(super) fn servers_are_missing(&mut self, now: Timestamp) {
        self.rate.servers_changed(now);
        self.end_trials();
    }

    /// The first policy's verdict against more servers, while it holds.
    pub(super) fn not_helping(&self, now: Timestamp) -> Option<(Signal, Statistic, NotHelping)> {
        let rate = self.rate.per_second();
        self.policies.iter().find_map(|policy| {
            let (signal, statistic) = policy.measures();
            Some((signal, statistic, policy.not_helping(now, rate)?))
        })
    }

    /// The last window of a policy, if it was above its threshold.
    pub(super) fn breach(&self) -> Option<&Breach> {
        self.policies.iter().find_map(Policy::breach)
    }

    /// Verdicts against more servers that have just ended and were right go on; that is told.
    pub(super) fn confirm_verdicts(&mut self, now: Timestamp, in_flight: u64, out: &mut Outbox) {
        let (traffic, rate) = (self.traffic(in_flight), self.rate.per_second());
        for policy in &mut self.policies {
            let (signal, statistic) = policy.measures();
            if let Some(verdict) = policy.confirm(now, rate, traffic) {
                let reason = Reason::NotHelping {
                    signal,
                    statistic,
                    verdict,
                };
                out.report(now, None, Change::NotHelping, reason);
            }
        }
    }

    const fn traffic(&self, in_flight: u64) -> Traffic {
        Traffic {
            answered: self.rate.total(),
            in_flight,
        }
    }

    /// What was measured before is about another number of servers.
    pub(super) fn start_policies_over(&mut self) {
        for policy in &mut self.policies {
            policy.start_over();
        }
    }

    pub(super) fn is_quiet_for_long(&self, now: Timestamp, settings: &BackendSettings) -> bool {
        self.quiet
            .since
            .is_some_and(|since| now.since(since) >= settings.idle_timeout)
    }

    /// Looks at every window that is complete. `serving`: servers now. `may_act`: what is asked for
    /// would be done now, so the last spare is judged; `in_flight`: requests.
    pub(super) fn ask(
        &mut self,
        now: Timestamp,
        serving: u32,
        (may_act, in_flight): (bool, u64),
        out: &mut Outbox,
    ) -> Asks {
        self.confirm_verdicts(now, in_flight, out);
        let traffic = self.traffic(in_flight);
        let mut asks = Asks::default();
        let mut verdicts = Vec::new();
        for policy in &mut self.policies {
            if policy.due().is_none_or(|due| due > now) {
                continue;
            }
            let Some((verdict, slow)) = policy.evaluate(now, self.rate.total()) else {
                continue;
            };
            asks.any_window = true;
            match verdict {
                Verdict::Below => self.evaluations.ok += 1,
                Verdict::Breach(_) => self.evaluations.breach += 1,
                Verdict::Broken => self.evaluations.broken += 1,
            }
            asks.helped |= policy.has_helped(now);
            let Verdict::Breach(breach) = verdict else {
                continue;
            };
            asks.breaches.push((breach, slow));
            let servers = policy.wanted(&breach, serving);
            if !may_act || servers == 0 {
                continue;
            }
            match policy.may_ask(now, self.rate.per_second(), traffic) {
                Ok(()) => asks.servers.push((servers, breach)),
                Err(None) => {}
                Err(Some(verdict)) => verdicts.push((policy.measures(), verdict)),
            }
        }
        for ((signal, statistic), verdict) in verdicts {
            let reason = Reason::NotHelping {
                signal,
                statistic,
                verdict,
            };
            out.report(now, None, Change::NotHelping, reason);
        }
        asks
    }

    /// A spare joined the `before` others that serve, and the policies have not started over yet.
    pub(super) fn learn_from_arrival(
        &mut self,
        now: Timestamp,
        server: &str,
        before: u32,
        wanted: &Wanted,
    ) {
        let rate = self.rate.with_these_servers(now);
        self.rate.servers_changed(now);
        match wanted {
            Wanted::Slow(breach) => {
                // Not the load of now: a rush may be over, and the minute before it was quiet. What
                // was fast enough a moment ago needs no trial.
                let rate_then = rate_of(breach.arrivals, self.rate.per_second());
                if !self.load.needed(now, before, rate_then) {
                    for policy in &mut self.policies {
                        policy.try_out(now, server, before, rate);
                    }
                }
            }
            Wanted::Demand { .. } => {
                for policy in &mut self.policies {
                    policy.try_out(now, server, before, rate);
                }
            }
            Wanted::Waiting { .. } => {
                let rate_then = rate.or(self.rate.per_second());
                self.load.needed(now, before, rate_then);
            }
            // What is open or arrives is no fewer with one more server.
            Wanted::Target { .. }
            | Wanted::DeadServer { .. }
            | Wanted::DeadSpare { .. }
            | Wanted::Evacuation { .. }
            | Wanted::BelowMin { .. }
            | Wanted::Crowded(_)
            | Wanted::Ordered(_)
            | Wanted::Reloaded => {}
        }
    }

    /// A spare takes no balanced traffic any more; `servers` are left.
    pub(super) fn learn_from_departure(
        &mut self,
        now: Timestamp,
        servers: u32,
        idle_timeout: Duration,
    ) {
        self.rate.servers_changed(now);
        let rate = self.rate.busiest();
        let objection = self.load.objection(servers, rate, idle_timeout);
        let waited = objection.map_or(idle_timeout, |(_, wait)| wait);
        self.load.left(now, servers, waited);
        self.end_trials();
    }

    /// Judges quiet over the last span; happens at the end of each slice.
    pub(super) fn judge_quiet(
        &mut self,
        now: Timestamp,
        facts: &Facts,
        settings: &BackendSettings,
    ) {
        let started = facts.started;
        let (mut is_busy, mut is_unchanged, mut is_empty) = (false, false, true);
        let mut most = None;
        for policy in &mut self.policies {
            match policy.recent.judge(now, started) {
                QuietVerdict::Busy => is_busy = true,
                QuietVerdict::Unchanged => (is_unchanged, is_empty) = (true, false),
                QuietVerdict::Empty => {}
                QuietVerdict::Quiet(share) => {
                    is_empty = false;
                    most = Some(most.map_or(share, |most: f64| most.max(share)));
                }
            }
        }
        if is_busy {
            self.quiet.since = None;
            return;
        }
        if facts.disturbs_quiet(now, settings) {
            self.not_quiet(now);
            return;
        }
        if !facts.reading.is_current() {
            return; // What was said before still holds.
        }
        self.quiet.share = most;
        if self.quiet.since.is_some() || is_unchanged {
            return;
        }
        // Silence was quiet from its first moment on.
        let last_samples = self.policies.iter();
        let last_sample = last_samples
            .filter_map(|policy| policy.recent.last_sample())
            .max()
            .unwrap_or(started);
        if !is_empty {
            self.end_trials(); // It is fast again: more servers may help the next time.
        }
        let since = if is_empty { last_sample } else { now };
        self.quiet.since = Some(since.max(self.quiet.floor));
    }
}
