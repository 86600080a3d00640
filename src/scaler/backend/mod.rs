//! One backend: where requests, HAProxy's answers and outcomes meet, and what happens when a timer
//! rings. What is known lives in `signals` and `facts`, what follows from it in `needs`, what is done
//! about it in `road`; none of them knows the backend.

mod advice;
mod crowd;
mod evacuation;
mod facts;
mod journey;
mod journeys;
mod keeping;
mod kicks;
mod line_up;
mod machines;
mod memory;
mod needs;
mod nobody;
mod orders;
mod plan;
mod promise;
mod ramps;
mod reading;
mod reconfigure;
mod road;
mod rota;
mod service;
mod shares;
mod signals;
mod size;
mod stall;
mod timers;
mod view;
mod votes;
mod work;

use super::decision::{self, Change, Reason, Wanted};
use super::event::{ActionId, LogState};
use super::hand::Hand;
use super::outbox::Outbox;
use super::settings::BackendSettings;
use crate::measure::account::Usage;
use crate::measure::policy::strongest;
use crate::words::machine::{MachineAnswer, MachineFailure, MachineKey};
use crate::words::picture::AdminState;
use crate::words::request::Request;
use crate::words::time::Timestamp;

use self::facts::Facts;
use self::journeys::Journeys;
use self::kicks::Queue;
use self::machines::Machines;
use self::needs::Needs;
use self::plan::{Plan, Said, Search};
use self::ramps::take_all_back;
use self::road::Road;
use self::signals::Signals;
use self::size::Size;
use self::timers::{Timer, Timers};
use self::votes::Votes;

use self::view::Sight;

pub(super) use self::ramps::Ramps;
pub(super) use self::stall::troubled;
pub use self::view::{BackendView, ServerView};

/// One `[backend.NAME]` at work.
#[repr(C)] // In this order: what every request touches is the end of `signals` and the beginning of
// `facts`. With a thousand backends the price of a request is how much of them it touches.
pub(super) struct Backend {
    /// What requests have shown.
    signals: Signals,
    /// What HAProxy has shown.
    facts: Facts,
    pub(super) settings: BackendSettings,
    /// Servers on their way.
    journeys: Journeys,
    /// What spares run on.
    machines: Machines,
    /// What the demand needs.
    size: Size,
    /// What votes beside it.
    votes: Votes,
    /// What is to come, and what has to wait.
    plan: Plan,
    /// What operators have ordered.
    hand: Hand,
    /// What an earlier daemon knew.
    past: memory::Past,
    /// New settings, or the end, once no journey is under way.
    next: reconfigure::Next,
    timers: Timers,
}

impl Backend {
    /// Nothing is known yet; the first read is due at once.
    pub(super) fn new(now: Timestamp, settings: BackendSettings) -> Self {
        let signals = Signals::new(now, &settings);
        let mut timers = Timers::default();
        timers.set(Timer::Slice, Some(signals.quiet.next_slice(now)));
        let mut facts = Facts::new(now);
        facts.rota.set(&settings.shifts);
        let machines = Machines::new(now, &settings, MachineKey::default());
        Self {
            signals,
            facts,
            size: Size::new(now, &settings),
            votes: Votes::new(&settings),
            settings,
            journeys: Journeys::default(),
            machines,
            plan: Plan {
                owed: None,
                up_not_before: now,
                down_not_before: now,
                expelled_at: None,
                in_flight_then: 0,
                said: Said::default(),
            },
            hand: Hand::default(),
            past: memory::Past::default(),
            next: reconfigure::Next::default(),
            timers,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.settings.name
    }

    /// Takes one finished request. If [`Sight::window_due`] is not after `now` then,
    /// [`Backend::evaluate`] is wanted at once.
    pub(super) fn request(&mut self, now: Timestamp, request: &Request<'_>) {
        self.facts.comparison.line(began(now, request));
        self.signals.rate.request();
        self.signals.account.request(now, request);
        self.size.request(now, request);
        for policy in &mut self.signals.policies {
            policy.request(request.server);
        }
        if self.signals.has_watched {
            self.signals.note_time(request);
        }
        let (facts, grace) = (&self.facts, self.settings.grace);
        if self.signals.has_counted(request.server)
            || !self.timers.is_settling(now)
                && self.signals.counts(now, request.server, facts, grace)
        {
            for policy in &mut self.signals.policies {
                policy.push(now, request, self.signals.rate.total());
            }
        }
    }

    /// The log is read well, late or not at all.
    pub(super) fn log_state(&mut self, now: Timestamp, state: LogState) {
        if state != self.facts.log && state != LogState::Flowing {
            self.signals.not_quiet(now);
        }
        self.facts.log = state;
    }

    /// The next instant at which something happens by itself.
    pub(super) fn due(&self) -> Timestamp {
        self.timers.next().unwrap_or(self.facts.started)
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
            Timer::Window => self.signals.window_due(),
            Timer::PutAway => self.sight().leaving().map(|leaving| leaving.due),
            Timer::Write => self.journeys.due(),
            Timer::Machine => self.machines.due(&self.journeys, &self.settings),
            Timer::Stall => self.journeys.stalls_at(),
            Timer::Shift => self.facts.rota.due(),
            Timer::Effect => self.signals.account.due(),
            Timer::Settled | Timer::Slice => return,
        };
        self.timers.set(timer, at);
    }

    fn ring(&mut self, now: Timestamp, timer: Timer, out: &mut Outbox) {
        match timer {
            Timer::Expiry => self.hand_due(now, out),
            Timer::Settled => self.facts.reading.want(),
            Timer::Shift => {
                self.facts.rota.turn(now);
                self.seek_work(now, out);
            }
            Timer::Window => {
                self.evaluate(now, out);
            }
            Timer::Slice => self.end_slice(now, out),
            Timer::Write => self.road().write_overdue(now, out),
            Timer::Machine => tend_machines(self, now, out),
            Timer::Stall => {
                stall::stall(&mut self.road(), now, out);
                self.seek_work(now, out);
            }
            Timer::Effect => {
                while let Some((server, effect)) = self.signals.account.take_effect(now) {
                    let reason = Reason::Effect(effect);
                    out.report(now, Some(&server), Change::Effect, reason);
                }
            }
            Timer::PutAway => {
                if let Some(leaving) = self.sight().leaving() {
                    self.road().put_away(now, leaving.name, out);
                }
            }
        }
    }

    fn end_slice(&mut self, now: Timestamp, out: &mut Outbox) {
        self.timers
            .set(Timer::Slice, Some(self.signals.quiet.next_slice(now)));
        self.signals.rate.turn();
        self.signals.load.fade(now, self.signals.rate.busiest());
        self.signals.judge_quiet(now, &self.facts, &self.settings);
        self.say_stay(now, out);
        if let Some(episode) = self.signals.episodes.take_over(now) {
            out.report(now, None, Change::BreachOver, Reason::Episode(episode));
        }
    }

    /// Looks at every window that is complete. True when that changed nothing but windows.
    pub(super) fn evaluate(&mut self, now: Timestamp, out: &mut Outbox) -> bool {
        if self.signals.window_due().is_none_or(|due| due > now) {
            return true;
        }
        let may_act = self.sight().is_free_for_load(now)
            && self.facts.has_picture()
            && now >= self.plan.up_not_before;
        let may_act = (may_act, self.facts.in_flight());
        let asks = self
            .signals
            .ask(now, self.facts.pool.serving(), may_act, out);
        if !asks.any_window {
            return true;
        }
        let was_lost = std::mem::take(&mut self.past.is_lost);
        let first = asks.breaches.first().map(|(breach, _)| *breach);
        if asks.helped && self.size.is_on() {
            self.size.helped(now);
            // What the pause after a spare is for has been seen: it helped, and more than it takes
            // still piles up.
            if self.facts.in_flight() > self.plan.in_flight_then {
                self.plan.up_not_before = now;
            }
        }
        let is_long = |breach: &decision::Breach| breach.streak >= breach.needed;
        if asks
            .breaches
            .iter()
            .any(|(breach, _)| is_long(breach) && breach.signal.is_response())
        {
            self.size.breach(now);
        }
        let spans = asks.breaches.iter().map(|(breach, _)| breach.span);
        if let Some(longest) = spans.max() {
            self.signals.account.above(now, longest);
        }
        for (breach, slow) in asks.breaches {
            let news = self.signals.episodes.take(now, &breach);
            let reason = Reason::Breach { breach, slow, news };
            out.report(now, None, Change::Breach, reason);
        }
        match first {
            Some(breach) => self.road().load_returned(now, Wanted::Slow(breach), out),
            None => self.plan.said.no_spare.forget(Search::Load),
        }
        if let Some((servers, breach)) = strongest(asks.servers.into_iter())
            && (!breach.signal.is_response() || self.size.may_try(now))
        {
            let mut servers = servers.max(self.needs().for_a_breach(now));
            if breach.signal.is_queue() {
                servers = servers.max(size::for_the_queue(&self.facts));
            }
            self.plan.owed = Some((servers, Wanted::Slow(breach)));
            let coming = self.journeys.coming_for_load();
            self.seek_work(now, out);
            if self.journeys.coming_for_load() > coming {
                self.size.tried(now);
            }
        }
        first.is_none() && !was_lost
    }

    /// Its servers, as far as its queue is concerned.
    pub(super) fn queue(&mut self) -> Queue<'_> {
        Queue::of(&mut self.facts, &self.hand)
    }

    /// What there is to see of it.
    pub(super) const fn sight(&self) -> Sight<'_> {
        Sight(self)
    }

    /// What its journeys may touch.
    pub(super) const fn road(&mut self) -> Road<'_> {
        Road {
            signals: &mut self.signals,
            facts: &mut self.facts,
            settings: &self.settings,
            journeys: &mut self.journeys,
            machines: &mut self.machines,
            size: &mut self.size,
            votes: &self.votes,
            plan: &mut self.plan,
            hand: &mut self.hand,
        }
    }

    /// Ends what is between two stages; ready servers stay.
    pub(super) fn stop(&mut self, now: Timestamp, out: &mut Outbox) {
        take_all_back(now, self.road(), out);
        self.size.stop(now);
        let until = now.after(self.settings.action_timeout);
        for journey in self.journeys.forget_all() {
            let told = journey.told_so_far().to_vec();
            self.past.leave_behind(&journey.server, told, until);
            if journey.left_maint() {
                out.set_state(&journey.server, AdminState::Maint);
            }
        }
    }

    /// What it needs, as things are.
    const fn needs(&self) -> Needs<'_> {
        Needs {
            facts: &self.facts,
            signals: &self.signals,
            settings: &self.settings,
            hand: &self.hand,
            journeys: &self.journeys,
            machines: &self.machines,
            size: &self.size,
            votes: &self.votes,
        }
    }
}

/// Asks its machines for what is due.
fn tend_machines(backend: &mut Backend, now: Timestamp, out: &mut Outbox) {
    let may_stop = backend.facts.has_picture()
        && backend.next.is_same()
        && !backend.timers.is_settling(now)
        && backend.hand.pause().is_none();
    if machines::tend(&mut backend.road(), now, may_stop, out) {
        backend.seek_work(now, out);
    }
}

/// Keys of starts count up from there where none is remembered.
pub(super) fn machine_keys_from(backend: &mut Backend, first: MachineKey) {
    backend.machines.keys_from(first);
}

/// The provider of a machine answered.
pub(super) fn machine_answered(
    backend: &mut Backend,
    now: Timestamp,
    id: ActionId,
    server: &str,
    outcome: Result<MachineAnswer, MachineFailure>,
    out: &mut Outbox,
) {
    if machines::answered(&mut backend.road(), now, id, server, outcome, out) {
        backend.seek_work(now, out);
    }
    // What waited for that answer waits no longer.
    tend_machines(backend, now, out);
}

/// What became of its requests since that was taken last.
pub(super) fn usage(backend: &Backend, now: Timestamp) -> Usage {
    Usage {
        machines: backend.machines.used(now),
        ..backend.signals.account.usage(now)
    }
}

/// The same; counted anew from now on.
pub(super) fn take_usage(backend: &mut Backend, now: Timestamp) -> Usage {
    Usage {
        machines: backend.machines.take_used(now),
        ..backend.signals.account.take_usage(now)
    }
}

/// When the client began to send that request; Ta includes TR.
fn began(now: Timestamp, request: &Request<'_>) -> Timestamp {
    let took_ms = request.total_ms.map_or(0, u64::from);
    Timestamp::from_ms(now.as_ms().saturating_sub(took_ms))
}
