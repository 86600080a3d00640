//! How the bracket of `capacity` is learned: from calm minutes, and from the first breach of an episode
//! alone. What is needed for a demand is in `need`.

use std::time::Duration;

use super::capacity::{BELOW_BROKEN, Bracket, Carries, Lesson};
use super::retry::{Carried, Retry};
use crate::words::time::Timestamp;

/// A minute below this share of the goal was carried well.
pub const CALM_SHARE: f64 = 0.6;
/// The pool and the quiet that a calm minute teaches about have lasted so long.
pub const CALM_LASTS: Duration = Duration::from_secs(60);
/// A breach teaches only after so long without one, and with the pool as it is: later breaches see the
/// backlog, and a prototype that learned from them halved its capacity again and again.
const CALM_BEFORE_BREACH: Duration = Duration::from_secs(20);
/// What broke below what was proved proves this share of it: requests have become heavier.
const PROVED_OF_BROKEN: f64 = 0.95;
/// By Little's law a server that is slow by its load holds at least rate × goal requests. With less than
/// this share of them HAProxy's counters do not confirm what the log says.
const CONFIRMED_SHARE: f64 = 0.5;
/// A server that breaks while it holds less than this share of what one holds well is slow for another
/// reason than its load: a database, a pause, requests that alone take longer than the goal.
const HELD_SHARE: f64 = 0.5;
/// So many requests wait on the average: a queue, and no chance.
const QUEUED_MIN: f64 = 1.0;
/// What an episode taught is taken back when more servers prove useless within this time.
const REGRET: Duration = Duration::from_secs(10 * 60);
/// One request in so many failed: fast errors are no proof of what a server carries.
const ERRORS_ONE_OF: u64 = 10;
/// Lines of a calm minute and arrivals in it differ by this share and [`LINES_SLACK`] at most.
const LINES_TOLERANCE: f64 = 0.2;
const LINES_SLACK: f64 = 20.0;

/// What can be learned of the last minute, or of a breach, of the whole backend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    /// Requests that arrived in a second and cost servers something.
    pub per_second: f64,
    /// Requests that waited for an answer, on the average.
    pub in_flight: f64,
    /// The same by HAProxy's counters alone, which nobody forges.
    pub counted: f64,
    /// Nothing had piled up when all this was first looked at: the backlog was seen to build.
    pub was_empty: bool,
}

/// Whether lines of the log and counters of a minute are about the same requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Witnesses {
    /// Arrivals that HAProxy counted.
    pub arrived: f64,
    /// Lines of the log.
    pub lines: u64,
    /// … of requests that failed.
    pub errors: u64,
}

impl Witnesses {
    /// They are, and few requests failed.
    fn agree(self) -> bool {
        let lines = self.lines as f64;
        let differ = (self.arrived - lines).abs();
        let few_failed = self.errors.saturating_mul(ERRORS_ONE_OF) <= self.lines;
        few_failed && differ <= LINES_SLACK + LINES_TOLERANCE * self.arrived
    }
}

/// How long answers of a minute took.
#[derive(Clone, Copy, Debug)]
pub struct Answers {
    /// The mean of the goal's signal, milliseconds.
    pub mean_ms: Option<f64>,
    /// S₀, milliseconds.
    pub service_ms: Option<f64>,
    /// Requests a second that are kept ready beside those that arrived.
    pub margin: f64,
}

/// What a breach shows in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// The goal itself was missed.
    Response,
    /// Requests wait in HAProxy's queue before servers whose `maxconn` is reached.
    Queue,
}

/// What was seen, and what is made of it.
#[derive(Clone, Copy, Debug)]
struct Belief {
    bracket: Bracket,
    /// So many times what was seen is reckoned with, at least once: see `retry`.
    lift: f64,
    retry: Option<Retry>,
}

impl Belief {
    fn reckoned(&self) -> Bracket {
        self.bracket.times(self.lift)
    }
}

/// An episode of breaches that taught.
#[derive(Clone, Copy, Debug)]
struct Episode {
    at: Timestamp,
    /// What was believed before.
    before: Belief,
    /// The load was no more than was proved: heavier requests, or something slow behind all servers.
    is_within_proved: bool,
}

/// Learns.
#[derive(Debug)]
pub struct Learner {
    belief: Belief,
    goal_ms: f64,
    /// Since when nothing has happened after which a minute tells nothing.
    calm_since: Timestamp,
    /// The newest breach.
    breached: Option<Timestamp>,
    /// Since when the pool is what it is, and since when it has not grown.
    pool_since: Timestamp,
    grown_at: Timestamp,
    /// What the newest episode taught, until more servers have helped or have not.
    episode: Option<Episode>,
    /// When more servers helped last.
    helped: Option<Timestamp>,
    /// S₀ of the last minute that taught, milliseconds.
    service_ms: Option<f64>,
    is_elsewhere: bool,
    /// An operator said what a server carries.
    is_given: bool,
}

impl Learner {
    /// Knows what an earlier daemon or an old log has taught.
    /// What is `given` by an operator stays as it is.
    pub fn new(now: Timestamp, goal_ms: f64, bracket: Bracket, is_given: bool) -> Self {
        Self {
            belief: Belief {
                bracket,
                lift: 1.0,
                retry: bracket.broken.map(|_| Retry::of_old_lesson(now)),
            },
            goal_ms,
            calm_since: now,
            breached: None,
            pool_since: now,
            grown_at: now,
            episode: None,
            helped: None,
            service_ms: None,
            is_elsewhere: false,
            is_given,
        }
    }

    /// What was seen.
    pub const fn bracket(&self) -> &Bracket {
        &self.belief.bracket
    }

    /// What to reckon with: what was seen, and a little more while it is tried whether that is true.
    pub fn reckoned(&self) -> Bracket {
        self.belief.reckoned()
    }

    /// More servers do not help: nothing is learned.
    pub const fn is_frozen(&self) -> bool {
        self.is_elsewhere
    }

    /// Another pool serves than before. One that has shrunk has no backlog of a time before, nor cold
    /// newcomers: the breach that comes of it teaches.
    pub const fn pool_changed(&mut self, now: Timestamp, has_shrunk: bool) {
        self.pool_since = now;
        if !has_shrunk {
            self.grown_at = now;
        }
    }

    /// Nothing of what was seen up to now teaches: the log contradicts the counters, the daemon stood
    /// still, HAProxy was not read.
    pub const fn start_over(&mut self, now: Timestamp) {
        self.calm_since = now;
    }

    /// Whether more servers have proved useless. What the episode taught that showed it is forgotten.
    pub fn bottleneck(&mut self, now: Timestamp, is_elsewhere: bool) {
        let was_elsewhere = std::mem::replace(&mut self.is_elsewhere, is_elsewhere);
        if !is_elsewhere {
            return;
        }
        self.calm_since = now;
        self.helped = None;
        let episode = self.episode.take().filter(|_| !was_elsewhere);
        if let Some(episode) = episode.filter(|it| now.since(it.at) <= REGRET) {
            self.belief = episode.before;
        }
    }

    /// A server more made the backend faster, or let it answer more: what the episode taught is true.
    pub const fn helped(&mut self, now: Timestamp) {
        self.episode = None;
        self.helped = Some(now);
    }

    /// More servers have helped of late: whatever asks for them is believed.
    pub fn has_helped(&self, now: Timestamp) -> bool {
        self.helped.is_some_and(|at| now.since(at) <= REGRET)
    }

    /// What is known without a lesson that a slow database would teach, too: of a breach at a load that
    /// was proved to be carried, before it is known whether servers help.
    pub fn undoubted(&self, now: Timestamp) -> Bracket {
        let doubtful = self.doubtful(now);
        doubtful.map_or_else(|| self.reckoned(), |it| it.before.reckoned())
    }

    /// What was seen, without a lesson that may be taken back.
    pub fn settled(&self, now: Timestamp) -> &Bracket {
        self.doubtful(now)
            .map_or(&self.belief.bracket, |it| &it.before.bracket)
    }

    /// What was learned last may be taken back.
    pub fn is_doubtful(&self, now: Timestamp) -> bool {
        self.doubtful(now).is_some()
    }

    fn doubtful(&self, now: Timestamp) -> Option<&Episode> {
        let episode = self.episode.as_ref();
        episode.filter(|it| it.is_within_proved && now.since(it.at) <= REGRET)
    }

    /// The last minute was calm long enough to teach.
    pub fn has_calm_minute(&self, now: Timestamp) -> bool {
        let may_learn = !self.is_elsewhere && !self.is_given;
        let calm_since = self.calm_since.max(self.pool_since);
        may_learn && now.since(calm_since) >= CALM_LASTS
    }

    /// A minute without a breach, with the same pool, of `units`: learns if its mean of the goal's
    /// signal was good.
    pub fn minute(
        &mut self,
        now: Timestamp,
        units: f64,
        seen: &Seen,
        answers: Answers,
        witnesses: Witnesses,
    ) {
        let is_fast = answers
            .mean_ms
            .is_some_and(|mean_ms| mean_ms < CALM_SHARE * self.goal_ms);
        if !self.has_calm_minute(now) || !is_fast || units <= 0.0 || !witnesses.agree() {
            return;
        }
        self.service_ms = answers.service_ms.or(self.service_ms);
        let carries = self.carries(now);
        raise(
            &mut self.belief.bracket.proved,
            now,
            seen.per_second / units,
        );
        raise(&mut self.belief.bracket.held, now, seen.in_flight / units);
        let proved = self.belief.bracket.proved.map_or(0.0, |it| it.value);
        let least = proved / BELOW_BROKEN;
        if let Some(broken) = self
            .belief
            .bracket
            .broken_by_now(now)
            .filter(|it| *it < least)
        {
            // What is carried is not what breaks.
            let value = least.max(broken);
            self.belief.bracket.broken = Some(Lesson { value, at: now });
        }
        // What was tried is proved by now, as far as it is.
        self.keep_reckoned(now, carries);
        self.try_more(now, units, seen, answers);
    }

    /// Requests a second that one unit is thought to carry.
    fn carries(&self, now: Timestamp) -> Option<f64> {
        self.reckoned().carries(now).map(Carries::per_second)
    }

    /// The goal was missed by as many windows in a row as ask for a server; true if that taught.
    pub fn breach(&mut self, now: Timestamp, units: f64, seen: &Seen, sign: Sign) -> bool {
        let newest = self.breached.replace(now);
        let calm_for = |since: Timestamp| now.since(since) >= CALM_BEFORE_BREACH;
        let is_first = newest.is_none_or(calm_for);
        let was_calm = calm_for(self.grown_at) && calm_for(self.calm_since);
        let is_start = self.belief.bracket == Bracket::default() && newest.is_none();
        let was_calm = is_first && (was_calm || is_start && seen.was_empty);
        self.calm_since = now;
        if self.is_elsewhere
            || self.is_given
            || !was_calm
            || units <= 0.0
            || !self.is_overload(units, seen, sign)
        {
            return false;
        }
        let broke_at = seen.per_second / units;
        self.episode = Some(Episode {
            at: now,
            before: self.belief,
            is_within_proved: self
                .belief
                .bracket
                .proved
                .is_some_and(|it| it.value > broke_at),
        });
        let lesson = |value| Some(Lesson { value, at: now });
        self.belief.bracket.broken = lesson(broke_at);
        self.belief.lift = 1.0;
        let proved = self.belief.bracket.proved.filter(|it| it.value > broke_at);
        if proved.is_some() {
            self.belief.bracket.proved = lesson(PROVED_OF_BROKEN * broke_at);
        }
        let proved = proved.map(|it| it.value);
        self.belief.retry = Some(Retry::after(
            now,
            proved,
            self.service_ms,
            self.belief.retry,
        ));
        true
    }

    /// All went well with what one unit of `units` had: is more tried?
    fn try_more(&mut self, now: Timestamp, units: f64, seen: &Seen, answers: Answers) {
        let planned = (seen.per_second + answers.margin) / units;
        let in_flight = seen.in_flight / units;
        let Some((retry, carries)) = self.belief.retry.zip(self.carries(now)) else {
            return;
        };
        let service_s = answers.service_ms.map(|ms| ms / 1000.0);
        let holds = self.reckoned().holds(Some(carries), service_s);
        let by_in_flight = holds.map_or(0.0, |holds| in_flight / holds);
        let minute = Carried {
            share: (planned / carries).max(by_in_flight),
            mean_ms: answers.mean_ms,
            service_ms: answers.service_ms,
            carries,
        };
        let Some((factor, next)) = retry.step(now, &minute) else {
            return;
        };
        self.belief.lift *= factor;
        self.belief.retry = Some(next);
        if let Some(proved) = next.is_back(carries * factor) {
            raise(&mut self.belief.bracket.proved, now, proved);
            raise(&mut self.belief.bracket.broken, now, proved / BELOW_BROKEN);
            self.keep_reckoned(now, Some(carries * factor));
        }
    }

    /// What is reckoned with stays `carries`, or what is proved where that is more.
    fn keep_reckoned(&mut self, now: Timestamp, carries: Option<f64>) {
        self.belief.lift = 1.0;
        if let Some((before, proved)) = carries.zip(self.carries(now)) {
            self.belief.lift = (before / proved).max(1.0);
        }
    }

    /// The counters confirm that many requests are in flight, more than one unit holds well; a queue
    /// is none before all are full.
    fn is_overload(&self, units: f64, seen: &Seen, sign: Sign) -> bool {
        if sign == Sign::Queue {
            return seen.counted >= QUEUED_MIN && seen.per_second > 0.0;
        }
        let by_little = seen.per_second * self.goal_ms / 1000.0;
        let is_confirmed = seen.per_second > 0.0 && seen.counted >= CONFIRMED_SHARE * by_little;
        is_confirmed && !self.holds_little(units, seen.in_flight.max(seen.counted))
    }

    /// With so many requests in flight `units` hold far less than they hold well: slow answers have
    /// another reason than load.
    pub fn holds_little(&self, units: f64, in_flight: f64) -> bool {
        let held = self.belief.bracket.held.map_or(0.0, |it| it.value);
        in_flight < HELD_SHARE * held * units
    }
}

/// Keeps the highest.
fn raise(lesson: &mut Option<Lesson>, at: Timestamp, value: f64) {
    if value > 0.0 && lesson.is_none_or(|it| value > it.value) {
        *lesson = Some(Lesson { value, at });
    }
}
