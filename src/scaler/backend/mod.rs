//! One backend: where requests, HAProxy's answers and outcomes meet. What they mean is said in the
//! modules below; signals live in `policy`, servers in `pool`.

mod advice;
mod change;
mod crowd;
mod judgement;
mod kicks;
mod memory;
mod need;
mod orders;
mod reading;
mod reconfigure;
mod service;
mod timers;
mod view;

use std::time::Duration;

use super::agreement::{Agreement, Comparison};
use super::breach::Episodes;
use super::by_server::ByServer;
use super::decision::{Advice, Change, Reason, Wanted};
use super::dropped::Share;
use super::event::{ActionId, LogState};
use super::hand::Hand;
use super::load::{Memory, Rate};
use super::member::Member;
use super::meter::Meter;
use super::name::Name;
use super::outbox::Outbox;
use super::policy::{Policy, strongest};
use super::pool::Pool;
use super::quiet::{self, slice_of};
use super::sample::Sample;
use super::settings::{BackendSettings, Signal};
use crate::words::picture::{AdminState, Generation};
use crate::words::request::Request;
use crate::words::time::Timestamp;

use self::timers::{Timer, Timers};

pub use self::view::{BackendView, ServerView};

/// One `[backend.NAME]` at work.
#[repr(C)] // In this order: what every request touches is the end of `rate` up to the beginning of
// `comparison`. With a thousand backends the price of a request is how much of them it touches.
pub(super) struct Backend {
    rate: Rate,
    policies: Vec<Policy>,
    /// Servers that count, as far as requests have asked since anything but a request happened.
    counted: Vec<Name>,
    /// There are ready spares whose times are of interest.
    has_watched: bool,
    comparison: Comparison,
    pool: Pool,
    started: Timestamp,
    settings: BackendSettings,
    log: LogState,
    reading: reading::Reading,
    generation: Option<Generation>,
    /// `qcur` and the summed `hrsp_*` of the BACKEND row, as read last.
    queued: u32,
    responses: u64,
    traffic: service::Traffic,
    meter: Meter,
    /// Users who wait in front of HAProxy.
    crowd: crowd::Crowd,
    /// What servers took of late, while spares are watched.
    times: ByServer,
    times_since: Timestamp,
    /// When a spare was last to leave because of its answers, whether it went or not.
    expelled_at: Option<Timestamp>,
    change: Option<change::Underway>,
    /// The command under way; it may outlive its change.
    writing: Option<ActionId>,
    /// Servers that a policy asked for and that are still to come, and why.
    owed: Option<(u32, Wanted)>,
    up_not_before: Timestamp,
    down_not_before: Timestamp,
    quiet: Quiet,
    /// Loads that so many servers were too slow for.
    memory: Memory,
    episodes: Episodes,
    /// What was said about the spare that stays, since one joined or left.
    stay_said: Vec<(String, judgement::Stay)>,
    /// Spares brought in since the log began to contradict HAProxy's counters.
    brought_in_doubt: u32,
    /// Lines of its log that HAProxy itself drops, if they are many.
    drops: Option<Share>,
    /// An empty-handed search was reported, and nothing has changed since: one for load, one for
    /// capacity that is missing whatever the load is.
    no_spare_said: NoSpareSaid,
    /// What is in the way and was said, until it is otherwise.
    advice_said: Vec<Advice>,
    /// What operators have ordered.
    hand: Hand,
    /// What an earlier daemon knew.
    past: memory::Past,
    /// New settings, or the end, once no change is under way.
    next: reconfigure::Next,
    timers: Timers,
}

/// What has been said, so as not to say it each time.
#[derive(Debug, Default)]
struct NoSpareSaid {
    for_load: bool,
    /// Because users wait in front of HAProxy.
    for_crowd: bool,
    for_capacity: bool,
}

/// Uninterrupted quiet.
#[derive(Debug)]
struct Quiet {
    since: Option<Timestamp>,
    /// Quiet cannot have begun earlier: until then something else than a policy forbade it.
    floor: Timestamp,
    slice: Duration,
    /// The largest share of its threshold that a policy shows.
    share: Option<f64>,
}

impl Backend {
    /// Nothing is known yet; the first read is due at once.
    pub(super) fn new(now: Timestamp, settings: BackendSettings) -> Self {
        let slice = slice_of(settings.idle_timeout);
        let policies = settings
            .policies
            .iter()
            .map(|policy| Policy::new(policy, &settings, slice))
            .collect();
        let mut timers = Timers::default();
        timers.set(Timer::Slice, Some(next_slice(now, slice)));
        Self {
            started: now,
            policies,
            counted: Vec::new(),
            pool: Pool::default(),
            comparison: Comparison::new(),
            log: LogState::Flowing,
            reading: reading::Reading::default(),
            generation: None,
            queued: 0,
            responses: 0,
            traffic: service::Traffic::default(),
            meter: Meter::default(),
            crowd: crowd::Crowd::default(),
            times: ByServer::default(),
            times_since: now,
            expelled_at: None,
            has_watched: false,
            change: None,
            writing: None,
            owed: None,
            up_not_before: now,
            down_not_before: now,
            quiet: Quiet {
                since: None,
                floor: now,
                slice,
                share: None,
            },
            rate: Rate::new(now, slice),
            memory: Memory::default(),
            episodes: Episodes::default(),
            stay_said: Vec::new(),
            brought_in_doubt: 0,
            drops: None,
            no_spare_said: NoSpareSaid::default(),
            advice_said: Vec::new(),
            hand: Hand::default(),
            past: memory::Past::default(),
            next: reconfigure::Next::default(),
            timers,
            settings,
        }
    }

    pub(super) const fn settings(&self) -> &BackendSettings {
        &self.settings
    }

    pub(super) fn name(&self) -> &str {
        &self.settings.name
    }

    /// Takes one finished request. If [`Backend::window_due`] is not after `now` then,
    /// [`Backend::evaluate`] is wanted at once.
    pub(super) fn request(&mut self, now: Timestamp, request: &Request<'_>) {
        self.comparison.line(began(now, request));
        self.rate.request();
        for policy in &mut self.policies {
            policy.request(request.server);
        }
        if self.has_watched {
            self.note_time(request);
        }
        if self.counts(now, request.server) {
            for policy in &mut self.policies {
                policy.push(now, request, self.rate.total());
            }
        }
    }

    /// The instant at which the next window is complete.
    pub(super) fn window_due(&self) -> Option<Timestamp> {
        self.policies.iter().filter_map(Policy::due).min()
    }

    /// What the server itself took, whether or not it is a newcomer.
    fn note_time(&mut self, request: &Request<'_>) {
        match Sample::of(request, Signal::ServerTime) {
            Sample::Took(ms) | Sample::AtLeast(ms) => self.times.push(request.server, ms),
            Sample::Error | Sample::Nothing => {}
        }
    }

    /// Samples of a server that HAProxy does not list are nobody's; those of a server that has
    /// just joined say more about its caches than about the load.
    fn counts(&mut self, now: Timestamp, server: &str) -> bool {
        if self.counted.iter().any(|name| name.is(server)) {
            return true;
        }
        if self.is_settling(now) {
            return false;
        }
        if server.starts_with('<') || self.pool.members.is_empty() {
            return true;
        }
        let counts = self.pool.member(server).is_some_and(|member| {
            !member
                .ready_at
                .is_some_and(|at| self.started < at && now.since(at) < self.settings.grace)
        });
        if counts {
            self.counted.push(Name::of(server));
        }
        counts
    }

    /// The log is read well, late or not at all.
    pub(super) fn log_state(&mut self, now: Timestamp, state: LogState) {
        if state != self.log && state != LogState::Flowing {
            self.not_quiet(now);
        }
        self.log = state;
    }

    /// The next instant at which something happens by itself.
    pub(super) fn due(&self) -> Timestamp {
        self.timers.next().unwrap_or(self.started)
    }

    /// Does everything that is due at `now`, each thing at most once.
    pub(super) fn run_due(&mut self, now: Timestamp, out: &mut Outbox) {
        for timer in Timer::ALL {
            self.wind(timer);
            if self.timers.rings(timer, now) {
                self.ring(now, timer, out);
            }
        }
    }

    /// Sets the timers whose instants follow from other things.
    pub(super) fn wind_all(&mut self) {
        for timer in Timer::ALL {
            self.wind(timer);
        }
    }

    fn wind(&mut self, timer: Timer) {
        let at = match timer {
            Timer::Expiry => self.hand.due(),
            Timer::Window => self.window_due(),
            Timer::PutAway => self.leaving().map(|leaving| leaving.due),
            Timer::Settled | Timer::Slice | Timer::Write => return,
        };
        self.timers.set(timer, at);
    }

    fn ring(&mut self, now: Timestamp, timer: Timer, out: &mut Outbox) {
        match timer {
            Timer::Expiry => self.hand_due(now, out),
            Timer::Settled => self.reading.want(),
            Timer::Window => {
                self.evaluate(now, out);
            }
            Timer::Slice => self.end_slice(now, out),
            Timer::Write => self.write_overdue(out),
            Timer::PutAway => {
                if let Some(leaving) = self.leaving() {
                    self.put_away(now, leaving.name, out);
                }
            }
        }
    }

    fn end_slice(&mut self, now: Timestamp, out: &mut Outbox) {
        self.timers
            .set(Timer::Slice, Some(next_slice(now, self.quiet.slice)));
        self.rate.turn();
        self.memory.fade(now, self.rate.busiest());
        self.judge_quiet(now);
        self.say_stay(now, out);
        if let Some(episode) = self.episodes.take_over(now) {
            out.report(now, None, Change::BreachOver, Reason::Episode(episode));
        }
    }

    /// Looks at every window that is complete. True when that changed nothing but windows.
    pub(super) fn evaluate(&mut self, now: Timestamp, out: &mut Outbox) -> bool {
        if self.window_due().is_none_or(|due| due > now) {
            return true;
        }
        let may_act = self.change.is_none()
            && self.owed.is_none()
            && self.has_picture()
            && now >= self.up_not_before;
        let asks = self.ask(now, may_act, out);
        if !asks.any_window {
            return true;
        }
        let was_lost = std::mem::take(&mut self.past.is_lost);
        let first = asks.breaches.first().map(|(breach, _)| *breach);
        for (breach, slow) in asks.breaches {
            let news = self.episodes.take(now, &breach);
            let reason = Reason::Breach { breach, slow, news };
            out.report(now, None, Change::Breach, reason);
        }
        match first {
            Some(breach) => self.load_returned(now, Wanted::Slow(breach), out),
            None => self.no_spare_said.for_load = false,
        }
        if let Some((servers, breach)) = strongest(asks.servers.into_iter()) {
            self.owed = Some((servers, Wanted::Slow(breach)));
            self.seek_work(now, out);
        }
        first.is_none() && !was_lost
    }

    /// Judges quiet over the last span; happens at the end of each slice.
    fn judge_quiet(&mut self, now: Timestamp) {
        let started = self.started;
        let (mut is_busy, mut is_unchanged, mut is_empty) = (false, false, true);
        let mut most = None;
        for policy in &mut self.policies {
            match policy.recent.judge(now, started) {
                quiet::Verdict::Busy => is_busy = true,
                quiet::Verdict::Unchanged => (is_unchanged, is_empty) = (true, false),
                quiet::Verdict::Empty => {}
                quiet::Verdict::Quiet(share) => {
                    is_empty = false;
                    most = Some(most.map_or(share, |most: f64| most.max(share)));
                }
            }
        }
        if is_busy {
            self.quiet.since = None;
            return;
        }
        if self.log != LogState::Flowing
            || self.comparison.verdict() != Agreement::Agree
            || self.drops.is_some()
            || !(self.reading.is_current() || self.is_blink(now))
            || self.queued > 0
            || self.crowd.is_there()
        {
            self.not_quiet(now);
            return;
        }
        if !self.reading.is_current() {
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

    /// Something else than a policy says that it is not quiet.
    const fn not_quiet(&mut self, now: Timestamp) {
        self.quiet.since = None;
        self.quiet.floor = now;
    }

    /// Ends what is between two stages; ready servers stay.
    pub(super) fn stop(&mut self, now: Timestamp, out: &mut Outbox) {
        self.take_back_all_lent(now, out);
        let Some(change) = self.change.take() else {
            return;
        };
        self.leave_behind(now, &change.server, change.told_so_far().to_vec());
        if change.left_maint() {
            out.set_state(&change.server, AdminState::Maint);
        }
    }

    /// Serving servers below which nothing is taken away. Where `min` is the number of always-up
    /// servers, those of them that are backups do not count: they rest while others serve.
    fn floor(&self) -> u32 {
        let min = self.settings.min;
        let is_all = usize::try_from(min) == Ok(self.settings.always_up.len());
        let resting = if is_all {
            self.pool.resting_backups()
        } else {
            0
        };
        min.saturating_sub(resting).max(1)
    }

    /// When HAProxy was read last, or watching began.
    fn last_read(&self) -> Timestamp {
        self.reading.read_at.unwrap_or(self.started)
    }
}

/// The end of the slice that `now` lies in.
fn next_slice(now: Timestamp, slice: Duration) -> Timestamp {
    let slice_ms = u64::try_from(slice.as_millis()).unwrap_or(u64::MAX).max(1);
    Timestamp::from_ms(
        (now.as_ms() / slice_ms)
            .saturating_add(1)
            .saturating_mul(slice_ms),
    )
}

/// When the client began to send that request; Ta includes TR.
fn began(now: Timestamp, request: &Request<'_>) -> Timestamp {
    let took_ms = request.total_ms.map_or(0, u64::from);
    Timestamp::from_ms(now.as_ms().saturating_sub(took_ms))
}

/// A member's name, to keep while the pool is changed.
fn name_of(member: &Member) -> String {
    member.read.name.clone()
}
