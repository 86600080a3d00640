//! How the share of one newcomer grows (`weight_ramp`): its weight is little before it is ready, grows in
//! even steps as long as it answers as well as the others, and is haproxy.cfg's again in the end,
//! however that comes. What is done with it is in `backend::ramps`.
//!
//! ```text
//!  Own ── on its way in ─▶ Lowering ── ready ─▶ Growing ── grown, or ended early ─▶ Own
//!   ▲                          └── not ready after all ───────────────────────────▶ │
//!   └── HAProxy shows haproxy.cfg's weight, until then it is told that again ───────┘
//! ```

mod told;

use std::time::Duration;

use self::told::{SETTLED_AFTER, Told};
use super::decision::NoRamp;
use super::event::ActionId;
use crate::measure::by_server::Contrast;
use crate::words::time::Timestamp;

/// A newcomer begins with this part of its weight, percent. Envoy's slow start begins with the same.
const FIRST_PERCENT: u64 = 10;
/// Steps are at least this far apart …
const STEP_MIN: Duration = Duration::from_secs(1);
/// … and so many of them at most make a ramp, as with HAProxy's own `slowstart`.
const STEPS: u32 = 20;
/// A picture may be so much older than the command before it; after that it tells what that did.
const SEEN_AFTER: Duration = Duration::from_secs(1);
/// After a refusal the weight is given back again no sooner.
const REFUSED_PAUSE: Duration = Duration::from_secs(30);
/// Of the time between two pictures no more counts.
const LOOK_MAX: Duration = Duration::from_secs(5);
/// For no longer does a share that grows keep other spares from coming for a breach, however long the
/// ramp: whoever is slow for a minute beside it needs more than it has.
const AWAITED_MAX: Duration = Duration::from_secs(60);
/// It answers worse than the others when it takes so many times as long …
const LAGS_FACTOR: f64 = 1.5;
/// … and by so much longer, milliseconds.
const LAGS_MS: f64 = 5.0;
/// In the end it leaves when it takes so many times as long …
const LEAVES_FACTOR: f64 = 2.0;
/// … and, with a part of its share, this part of the goal.
const LEAVES_GOAL: f64 = 0.5;

/// How the share of one server grows.
#[derive(Clone, Debug, Default)]
pub(super) struct Ramp {
    phase: Phase,
    /// The weights that it was told; none while its weight is haproxy.cfg's.
    told: Told,
    /// The command under way.
    under_way: Option<ActionId>,
    sent_at: Option<Timestamp>,
    refused_at: Option<Timestamp>,
    /// What was found to keep it from growing, in this HAProxy's lifetime.
    obstacle: Option<NoRamp>,
}

#[derive(Clone, Copy, Debug, Default)]
enum Phase {
    /// Its weight is its own, or is given back to it.
    #[default]
    Own,
    /// On its way in: with little weight before it is ready.
    Lowering {
        since: Timestamp,
    },
    Growing(Growth),
}

/// How far a ramp is.
#[derive(Clone, Copy, Debug)]
struct Growth {
    since: Timestamp,
    seen_at: Timestamp,
    /// For how long it has grown.
    grown: Duration,
    /// For how long it was held.
    held: Duration,
    is_held: bool,
    is_held_said: bool,
    /// How much longer it takes than the others, since it does.
    lag: Option<Contrast>,
    /// It is to leave.
    is_lost: bool,
}

/// What a look at a growing share found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Growing {
    /// It grows, or is held as before.
    On,
    /// It is held from now on: it answers worse than the others.
    Held(Contrast),
    /// It was held for as long as it may be, and answers much worse than the others.
    Lost(Contrast),
    /// It has all of its weight, after so long.
    Done(Duration),
}

impl Ramp {
    /// Takes weights that an earlier daemon told.
    pub(super) fn restore(&mut self, told: Vec<u32>) {
        self.told.restore(told);
    }

    /// Another HAProxy process: it has haproxy.cfg's weight, unless a state file brought ours along.
    pub(super) fn begin_generation(&mut self) {
        self.phase = Phase::Own;
        self.told.begin_generation();
        self.obstacle = None;
        self.refused_at = None;
    }

    /// The weights that it was told, newest last; none while its weight is haproxy.cfg's.
    pub(super) fn told(&self) -> Vec<u32> {
        self.told.weights()
    }

    /// HAProxy shows that weight.
    pub(super) fn see(&mut self, now: Timestamp, shown: u32) {
        self.told.see(now, shown);
    }

    /// Its weight is haproxy.cfg's, as far as we are concerned.
    pub(super) fn is_own(&self) -> bool {
        self.told.is_empty()
    }

    pub(super) const fn is_growing(&self) -> bool {
        matches!(self.phase, Phase::Growing(_))
    }

    pub(super) const fn is_lowering(&self) -> bool {
        matches!(self.phase, Phase::Lowering { .. })
    }

    /// More of it is to come, and what that changes is seen before anything else is done for a breach.
    pub(super) fn is_awaited(&self, now: Timestamp) -> bool {
        match &self.phase {
            Phase::Growing(growth) => self.is_coming() && now.since(growth.since) < AWAITED_MAX,
            Phase::Own | Phase::Lowering { .. } => false,
        }
    }

    /// It grows, and nothing holds it: more of it is to come.
    pub(super) const fn is_coming(&self) -> bool {
        match &self.phase {
            Phase::Growing(growth) => !growth.is_held && !growth.is_lost,
            Phase::Own | Phase::Lowering { .. } => false,
        }
    }

    /// It answers worse than the others do after all the time that it was given.
    pub(super) const fn is_lost(&self) -> bool {
        match &self.phase {
            Phase::Growing(growth) => growth.is_lost,
            Phase::Own | Phase::Lowering { .. } => false,
        }
    }

    /// What was found to keep it from growing.
    pub(super) const fn obstacle(&self) -> Option<&NoRamp> {
        self.obstacle.as_ref()
    }

    pub(super) fn meets(&mut self, obstacle: NoRamp) {
        self.obstacle = Some(obstacle);
        self.phase = Phase::Own;
    }

    /// It is to be ready soon, with little weight.
    pub(super) const fn lower(&mut self, now: Timestamp) {
        self.phase = Phase::Lowering { since: now };
    }

    /// For how long its weight has been about to be lowered.
    pub(super) fn lowering_for(&self, now: Timestamp) -> Option<Duration> {
        match self.phase {
            Phase::Lowering { since } => Some(now.since(since)),
            Phase::Own | Phase::Growing(_) => None,
        }
    }

    /// It is ready: its share grows from now on.
    pub(super) const fn grow(&mut self, now: Timestamp) {
        self.phase = Phase::Growing(Growth {
            since: now,
            seen_at: now,
            grown: Duration::ZERO,
            held: Duration::ZERO,
            is_held: false,
            is_held_said: false,
            lag: None,
            is_lost: false,
        });
    }

    /// It is over, however it ended: its weight is given back.
    pub(super) const fn end(&mut self) {
        self.phase = Phase::Own;
    }

    /// Its weight is nothing of ours any more.
    pub(super) fn forget(&mut self) {
        self.phase = Phase::Own;
        self.told.clear();
        self.refused_at = None;
    }

    /// The weight that it begins with.
    pub(super) fn first(initial: u32) -> u32 {
        part(initial, FIRST_PERCENT, 100)
    }

    /// The weight that it should have by now; `None` when it does not grow.
    pub(super) fn weight(&self, initial: u32, ramp: Duration) -> Option<u32> {
        let Phase::Growing(growth) = &self.phase else {
            return None;
        };
        let (grown, all) = (millis(growth.grown), millis(ramp).max(1));
        let parts = FIRST_PERCENT * all + (100 - FIRST_PERCENT) * grown.min(all);
        Some(part(initial, parts, 100 * all))
    }

    /// How soon the next step may come.
    pub(super) fn step(ramp: Duration) -> Duration {
        STEP_MIN.max(ramp / STEPS)
    }

    /// It was held against the others: how long its requests took, and theirs.
    pub(super) fn compare(&mut self, contrast: Contrast) {
        let Phase::Growing(growth) = &mut self.phase else {
            return;
        };
        let lags = contrast.mean_ms >= LAGS_FACTOR * contrast.others_ms
            && contrast.mean_ms - contrast.others_ms >= LAGS_MS;
        growth.lag = match growth.lag {
            _ if !lags => None,
            Some(before) => Some(before.and(contrast)),
            None => Some(contrast),
        };
    }

    /// One more picture. `is_suspect`: its requests fail or pile up, or it is DOWN.
    pub(super) fn look(
        &mut self,
        now: Timestamp,
        ramp: Duration,
        goal_ms: f64,
        is_suspect: bool,
    ) -> Growing {
        let Phase::Growing(growth) = &mut self.phase else {
            return Growing::On;
        };
        let passed = now.since(growth.seen_at).min(LOOK_MAX);
        growth.seen_at = now;
        if growth.is_held {
            growth.held += passed;
        } else {
            growth.grown += passed;
        }
        let is_patient = growth.held < ramp;
        growth.is_held = is_patient && (is_suspect || growth.lag.is_some());
        match growth.lag {
            Some(lag) if !is_patient && !growth.is_lost && is_much(&lag, goal_ms) => {
                growth.is_lost = true;
                Growing::Lost(lag)
            }
            Some(lag) if growth.is_held && !growth.is_held_said => {
                growth.is_held_said = true;
                Growing::Held(lag)
            }
            _ if growth.grown >= ramp => {
                let took = now.since(growth.since);
                self.phase = Phase::Own;
                Growing::Done(took)
            }
            Some(_) | None => Growing::On,
        }
    }

    /// Somebody else has set the weight that is shown.
    pub(super) fn is_anothers(&self, now: Timestamp, shown: u32, initial: u32) -> bool {
        let is_ours = self.told.may_show(shown) || shown == initial && !self.is_growing();
        !is_ours && self.has_been_seen(now)
    }

    /// A picture of now shows what the last command did.
    fn has_been_seen(&self, now: Timestamp) -> bool {
        let is_over = |at: Timestamp| now.since(at) >= SEEN_AFTER;
        self.under_way.is_none() && self.sent_at.is_none_or(is_over)
    }

    /// No command of before can take effect any more.
    pub(super) fn has_settled(&self, now: Timestamp) -> bool {
        let is_over = |at: Timestamp| now.since(at) >= SETTLED_AFTER;
        self.under_way.is_none() && self.sent_at.is_none_or(is_over)
    }

    /// The next step may be told.
    pub(super) fn may_step(&self, now: Timestamp, ramp: Duration) -> bool {
        let is_over = |at: Timestamp| now.since(at) >= Self::step(ramp);
        self.under_way.is_none() && self.sent_at.is_none_or(is_over)
    }

    /// The weight may be given back: not while a command is under way, not over and over where it is
    /// refused.
    pub(super) fn may_give_back(&self, now: Timestamp) -> bool {
        let is_over = |at: Timestamp| now.since(at) >= REFUSED_PAUSE;
        self.refused_at.is_none_or(is_over) && self.may_lower(now)
    }

    /// The lower weight may be told, or told again.
    pub(super) fn may_lower(&self, now: Timestamp) -> bool {
        self.has_been_seen(now)
    }

    /// It is told that weight.
    pub(super) fn sent(&mut self, now: Timestamp, id: ActionId, weight: u32) {
        if self.under_way.replace(id).is_some() {
            self.told.lose_last(now); // Its answer is waited for no more.
        }
        self.sent_at = Some(now);
        self.told.push(weight);
    }

    /// A command was answered: the weight that it told, if it was this one's.
    pub(super) fn answered(&mut self, id: ActionId) -> Option<u32> {
        self.under_way.take_if(|it| *it == id)?;
        self.told.last()
    }

    /// What became of the last command is not known.
    pub(super) fn lost(&mut self, now: Timestamp) {
        self.told.lose_last(now);
    }

    /// HAProxy refused the last command; true if that is news.
    pub(super) fn was_refused(&mut self, now: Timestamp) -> bool {
        self.end();
        self.refused_at.replace(now).is_none()
    }

    /// A command without an answer is given up.
    pub(super) fn give_up(&mut self, now: Timestamp, timeout: Duration) {
        let is_late = self.sent_at.is_some_and(|at| now.since(at) >= timeout);
        if is_late && self.under_way.take().is_some() {
            self.told.lose_last(now);
        }
    }
}

/// It takes so much longer than the others, with a part of its share, that users would mind.
fn is_much(lag: &Contrast, goal_ms: f64) -> bool {
    let is_felt = goal_ms.is_infinite() || lag.mean_ms >= LEAVES_GOAL * goal_ms;
    lag.mean_ms >= LEAVES_FACTOR * lag.others_ms && is_felt
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX / 1000)
}

/// That part of a weight, and no less than 1.
fn part(weight: u32, some: u64, all: u64) -> u32 {
    let up = (u64::from(weight).saturating_mul(some)).div_ceil(all.max(1));
    u32::try_from(up).unwrap_or(weight).clamp(1, weight.max(1))
}
