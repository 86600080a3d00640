//! One backend's demand, capacity and need, from what HAProxy counts and the log tells. What comes of it
//! (which server, when, whether at all) is the scaler's.
//!
//! Requests that came to an end go in with [`Sizing::request`], each look at HAProxy with
//! [`Sizing::look`], a breach with [`Sizing::breach`]; an [`Outlook`] comes out.

use std::time::Duration;

use super::capacity::Bracket;
use super::caution::Caution;
use super::demand::Reading;
use super::extreme::{End, Extreme};
use super::learning::{Answers, CALM_LASTS, Learner, Seen, Sign};
use super::need::{Headroom, Load, Need, Strength, covers, margin, need};
use super::regret::Regret;
use super::served::Goal;
use super::steady::{Ask, Steady};
use super::traffic::{FAST, Traffic};
use crate::words::request::Request;
use crate::words::time::Timestamp;

/// With no more requests in flight for each server than this nothing has piled up.
const PER_SERVER: u32 = 2;
/// What is asked for at once is at most so many times what serves or is on its way: arrivals grow with
/// users who ask again, too.
const GROWTH_MAX: f64 = 2.0;
/// What is left when a server goes is at least so many units more than the highest need.
const SLACK: f64 = 0.2;
/// Where a `maxconn` makes a queue, a mean queue time above this share of the goal is a breach …
const QUEUE_SHARE: f64 = 0.1;
/// … of so many requests.
const QUEUE_REQUESTS: u64 = 10;

/// What a backend wants of sizing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SizingSettings {
    /// What servers are to stay below.
    pub goal: Goal,
    /// How much more than the mean is kept ready.
    pub headroom: Headroom,
    /// What was handed over as learned is an operator's word: nothing else is learned.
    pub is_given: bool,
    /// A server is too many when the highest need of this long says so (`idle_timeout`).
    pub down_after: Duration,
}

/// What is kept over restarts, and what an old log can tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Learned {
    /// What one unit carries.
    pub bracket: Bracket,
    /// S₀, milliseconds.
    pub service_ms: Option<f64>,
}

/// One look at HAProxy, as far as it is about load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// The counters of the BACKEND row.
    pub reading: Reading,
    /// The servers that take requests.
    pub serving: Strength,
    /// Those on their way to it, units.
    pub coming: f64,
    /// `maxconn` of one unit, where every server that serves has one.
    pub slots: Option<f64>,
    /// The log and the counters tell the same story.
    pub is_log_trusted: bool,
    /// One of those that serve only would: what the others have is no lesson.
    pub is_pretended: bool,
    /// More servers have proved useless, for the time being.
    pub is_elsewhere: bool,
}

impl Look {
    /// What servers do now says what one carries.
    const fn teaches(&self) -> bool {
        self.is_log_trusted && !self.is_pretended
    }
}

/// What follows from all that was seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outlook {
    /// Requests a second that cost servers something; `None` before it was seen long enough.
    pub demand: Option<f64>,
    /// The need of now; `None` while nothing is known of what one server carries.
    pub need: Option<Need>,
    /// Units that there should be, those on their way included: a need that has lasted, at most twice
    /// of what serves and comes. `None` while only a breach may ask for servers.
    pub asked: Option<f64>,
    /// The part of it that arrivals alone justify, with what one server was known to carry before the
    /// present episode. A slow database asks for the rest just as loudly as heavier requests do: one
    /// server first, and more once [`Sizing::helped`].
    pub undoubted: Option<f64>,
    /// The highest need of the last `down_after`, units; `None` until so long was watched, and while
    /// servers that went had to come back.
    pub highest: Option<f64>,
    /// The last one that went had to come back: until then none goes.
    pub stay_until: Option<Timestamp>,
    /// More servers did not help: nothing is learned, and arrivals alone count.
    pub is_frozen: bool,
    /// Servers hold far less than they hold well: if they are slow, it is not for their load.
    pub is_light: bool,
}

impl Outlook {
    /// Whether servers may go that leave so many units: the highest need of a while, and a little more,
    /// or a load about what servers carry would make one come and go.
    pub fn may_leave(&self, units: f64) -> bool {
        self.highest.is_some_and(|highest| highest + SLACK <= units)
    }
}

/// Watches one backend.
#[derive(Debug)]
pub struct Sizing {
    settings: SizingSettings,
    traffic: Traffic,
    learner: Learner,
    highest: Extreme,
    steady: Steady,
    regret: Regret,
    caution: Caution,
    /// The newest one.
    look: Option<Look>,
    /// Nothing had piled up at the first one.
    was_empty: bool,
}

impl Sizing {
    /// Nothing seen so far, but `learned`.
    pub fn new(now: Timestamp, settings: SizingSettings, learned: Learned) -> Self {
        Self {
            settings,
            traffic: Traffic::new(now, settings.goal, learned.service_ms),
            learner: Learner::new(now, settings.goal.ms, learned.bracket, settings.is_given),
            highest: Extreme::new(End::Highest, settings.down_after),
            steady: Steady::default(),
            regret: Regret::default(),
            caution: Caution::default(),
            look: None,
            was_empty: false,
        }
    }

    /// What servers are to stay below.
    pub const fn goal(&self) -> Goal {
        self.settings.goal
    }

    /// An operator says what one server carries.
    pub const fn is_given(&self) -> bool {
        self.settings.is_given
    }

    /// What outlives the daemon.
    pub fn learned(&self, now: Timestamp) -> Learned {
        Learned {
            bracket: *self.learner.bracket(),
            service_ms: self.traffic.service_ms(now),
        }
    }

    /// The same without what may be taken back yet.
    pub fn undoubted_learned(&self, now: Timestamp) -> Learned {
        Learned {
            bracket: *self.learner.settled(now),
            ..self.learned(now)
        }
    }

    /// New settings. What was learned was learned for a goal; what an operator says is `learned`.
    pub fn reconfigure(&mut self, now: Timestamp, settings: SizingSettings, learned: Learned) {
        let had = self.settings;
        if settings.goal != had.goal || settings.is_given || had.is_given {
            let service_ms = learned.service_ms.or(self.traffic.service_ms(now));
            *self = Self::new(
                now,
                settings,
                Learned {
                    service_ms,
                    ..learned
                },
            );
            return;
        }
        self.settings = settings;
        if settings.down_after != had.down_after {
            self.highest = Extreme::new(End::Highest, settings.down_after);
        }
    }

    /// One more request came to an end.
    pub fn request(&mut self, now: Timestamp, request: &Request<'_>) {
        self.traffic.request(now, request);
    }

    /// As many windows in a row missed the goal as ask for a server; true if that taught what one
    /// server does not carry. Not of a breach that one slow server among fast ones explains.
    pub fn breach(&mut self, now: Timestamp) -> bool {
        self.breach_of(now, Sign::Response)
    }

    /// A server that joined made the backend faster, or let it answer more.
    pub const fn helped(&mut self, now: Timestamp) {
        self.learner.helped(now);
    }

    /// A server that was asked for takes traffic, so long after that.
    pub const fn arrived(&mut self, took: Duration) {
        self.caution.arrived(took);
    }

    /// A server was taken out for being one too many.
    pub const fn left(&mut self, now: Timestamp) {
        self.regret.left(now);
    }

    /// Another process of HAProxy counts from 0.
    pub const fn next_process(&mut self) {
        self.traffic.next_process();
    }

    /// The daemon stood still, or another HAProxy is looked at: what is known stays, what was seen goes.
    pub fn start_over(&mut self, now: Timestamp) {
        self.traffic.start_over(now);
        self.highest.start_over();
        self.steady.start_over();
        self.regret.start_over();
        self.learner.start_over(now);
        self.look = None;
    }

    /// One more look at HAProxy.
    pub fn look(&mut self, now: Timestamp, look: Look) -> Outlook {
        let before = self.look.replace(look);
        if before.is_none() {
            self.was_empty = look.reading.open <= PER_SERVER * look.serving.servers;
        }
        let is_same = before.is_some_and(|it| it.serving == look.serving && it.slots == look.slots);
        if !is_same {
            let units = before.map_or(f64::INFINITY, |it| it.serving.units);
            let has_shrunk = before.is_some() && look.serving.units < units;
            self.learner.pool_changed(now, has_shrunk);
        }
        self.traffic.read(now, look.reading, look.is_log_trusted);
        self.learner.bottleneck(now, look.is_elsewhere);
        if look.teaches() {
            self.learn(now, &look);
        } else {
            self.learner.start_over(now);
        }
        let load = self.load(now, &look);
        let need = load.and_then(|load| self.need(now, &load, look.serving));
        let all = need.and_then(|need| need.addable());
        let ask = load.zip(all).map(|(load, all)| Ask {
            all,
            undoubted: self.undoubted(now, &load, &look).min(all),
        });
        let most = GROWTH_MAX * (look.serving.units + look.coming);
        let most = Ask {
            all: most,
            undoubted: most,
        };
        let asked = self.steady.look(now, ask).map(|ask| ask.min(most));
        if let Some(need) = &need {
            self.highest.say(now, need.units);
        }
        let are_there = look.serving.units + look.coming;
        let is_asked = asked.is_some_and(|ask| !covers(are_there, ask.all));
        self.regret.look(now, is_asked, self.settings.down_after);
        let highest = self.highest.of_whole_period(now);
        Outlook {
            demand: load.map(|load| load.per_second),
            need,
            asked: asked.map(|ask| ask.all),
            undoubted: asked.map(|ask| ask.undoubted),
            highest: highest.filter(|_| self.regret.until(now).is_none()),
            stay_until: self.regret.until(now),
            is_frozen: self.learner.is_frozen(),
            is_light: self.is_light(now, look.serving.units),
        }
    }

    /// Numbers that are held.
    pub fn held(&self) -> usize {
        self.traffic.held() + self.steady.held()
    }

    fn is_light(&self, now: Timestamp, units: f64) -> bool {
        let waited = self.traffic.in_flight(now, FAST);
        let most = waited.map(|waited| waited.max(self.traffic.counted(now)));
        most.is_some_and(|most| self.learner.holds_little(units, most))
    }

    /// While more servers do not help, arrivals alone count: the rest is what waits for something else.
    fn load(&self, now: Timestamp, look: &Look) -> Option<Load> {
        let load = self.traffic.load(now, look.slots, look.serving.units)?;
        Some(if look.is_elsewhere {
            Load {
                piled: 0.0,
                in_flight: 0.0,
                queued: 0.0,
                ..load
            }
        } else {
            load
        })
    }

    /// β of the margin: what is wished, and more while it has been too little of late.
    fn beta(&self, now: Timestamp) -> f64 {
        self.settings.headroom.beta() * self.caution.times(now)
    }

    fn need(&self, now: Timestamp, load: &Load, serving: Strength) -> Option<Need> {
        need(now, load, serving, &self.learner.reckoned(), self.beta(now))
    }

    /// Units that are needed whatever is slow behind the servers.
    fn undoubted(&self, now: Timestamp, load: &Load, look: &Look) -> f64 {
        if self.learner.has_helped(now) {
            return f64::INFINITY;
        }
        let bracket = self.learner.undoubted(now);
        let is_doubtful = self.learner.is_doubtful(now);
        let sure = Load {
            piled: if is_doubtful { 0.0 } else { load.piled },
            in_flight: 0.0,
            ..*load
        };
        let need = need(now, &sure, look.serving, &bracket, self.beta(now));
        need.and_then(|need| need.addable()).unwrap_or(0.0)
    }

    fn learn(&mut self, now: Timestamp, look: &Look) {
        let tally = self.traffic.tally(now, FAST);
        let most_ms = QUEUE_SHARE * self.settings.goal.ms;
        let has_waited = tally.mean_queue_ms().is_some_and(|ms| ms > most_ms);
        let slots = look.slots.map(|slots| slots * look.serving.units);
        let are_full = slots.is_some_and(|slots| self.traffic.is_full(slots));
        if are_full && tally.requests >= QUEUE_REQUESTS && has_waited {
            self.breach_of(now, Sign::Queue);
        }
        if !self.learner.has_calm_minute(now) {
            return;
        }
        let (Some(per_second), Some(in_flight), Some(witnesses)) = (
            self.traffic.per_second(CALM_LASTS),
            self.traffic.in_flight(now, CALM_LASTS),
            self.traffic.witnesses(now, CALM_LASTS),
        ) else {
            return;
        };
        let service_ms = self.traffic.service_ms(now);
        let margin = service_ms.map(|ms| margin(self.beta(now), per_second, ms / 1000.0));
        let answers = Answers {
            mean_ms: self.traffic.tally(now, CALM_LASTS).mean_ms(),
            service_ms,
            margin: margin.unwrap_or(0.0),
        };
        let seen = Seen {
            per_second,
            in_flight,
            counted: in_flight,
            was_empty: false,
        };
        let units = look.serving.units;
        self.learner.minute(now, units, &seen, answers, witnesses);
    }

    fn breach_of(&mut self, now: Timestamp, sign: Sign) -> bool {
        let traffic = &self.traffic;
        let Some(look) = self.look.filter(Look::teaches) else {
            self.learner.start_over(now);
            return false;
        };
        // Before the counters tell how many arrive a breach teaches nothing, and does not stand in the
        // way of the next one that does.
        let Some(per_second) = traffic.carried(now) else {
            return false;
        };
        let seen = Seen {
            per_second,
            was_empty: self.was_empty,
            in_flight: traffic.in_flight(now, FAST).unwrap_or(0.0),
            counted: match sign {
                Sign::Response => traffic.counted(now),
                Sign::Queue => traffic.queued(),
            },
        };
        let units = look.serving.units;
        if sign == Sign::Response && !look.is_elsewhere && !self.is_light(now, units) {
            self.caution.breach(now);
        }
        self.learner.breach(now, units, &seen, sign)
    }
}
