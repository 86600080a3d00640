//! How many servers the demand needs: what pictures show goes into `measure::sizing`, and what follows
//! is kept for `needs`. The numbers are made there, and what is done about them elsewhere.

use std::time::Duration;

use super::facts::Facts;
use super::journeys::Journeys;
use crate::measure::capacity::{Bracket, Carries};
use crate::measure::demand::Reading;
use crate::measure::need::{Need, Strength, whole};
use crate::measure::served::Goal;
use crate::measure::sizing::{Learned, Look, Outlook, Sizing, SizingSettings};
use crate::scaler::event::LogState;
use crate::scaler::member::{Member, Role};
use crate::scaler::memory::CapacityMemory;
use crate::scaler::seen::{CapacitySource, CapacityView};
use crate::scaler::settings::{BackendSettings, Capacity};
use crate::words::request::Request;
use crate::words::time::Timestamp;

/// What is kept over restarts is taken anew at most this often …
const KEPT_EVERY: Duration = Duration::from_secs(60);
/// … and when a number has changed by more than this share: each time is a write to the disk.
const KEPT_CHANGE: f64 = 0.02;

/// Servers that are slow and have little to do wait for something else. One more is tried so often.
const TRIED_EVERY: Duration = Duration::from_secs(60 * 60);

/// What the demand needs, where a capacity is learned or given.
#[derive(Debug, Default)]
pub(super) struct Size {
    sizing: Option<Box<Sizing>>,
    /// What the newest picture says.
    outlook: Option<Outlook>,
    /// What is worth keeping, and when that was taken.
    kept: Option<(Timestamp, CapacityMemory)>,
    /// When a server was last asked for because others were slow that had little to do.
    tried: Option<Timestamp>,
    /// Lessons that are not younger are those of an earlier daemon, or of an old log.
    since: Timestamp,
    /// What the configuration says of it.
    told: Capacity,
}

impl Size {
    /// Nothing seen so far.
    pub(super) fn new(now: Timestamp, settings: &BackendSettings) -> Self {
        let sizing =
            wished(settings).map(|(settings, learned)| Sizing::new(now, settings, learned));
        Self {
            sizing: sizing.map(Box::new),
            outlook: None,
            kept: None,
            tried: None,
            since: now,
            told: settings.capacity,
        }
    }

    /// New settings. What was learned for the same goal stays, unless another start is named.
    pub(super) fn reconfigure(&mut self, now: Timestamp, settings: &BackendSettings) {
        let told = std::mem::replace(&mut self.told, settings.capacity);
        if told != settings.capacity && matches!(settings.capacity, Capacity::From(_)) {
            *self = Self::new(now, settings);
            return;
        }
        match (&mut self.sizing, wished(settings)) {
            (Some(sizing), Some((settings, learned))) => {
                sizing.reconfigure(now, settings, learned);
            }
            (None, Some(_)) => *self = Self::new(now, settings),
            (_, None) => {
                *self = Self {
                    told: settings.capacity,
                    ..Self::default()
                };
            }
        }
        self.keep(now, KEPT_EVERY);
    }

    /// What an earlier daemon has learned, if that was for the same goal.
    pub(super) fn remember(
        &mut self,
        now: Timestamp,
        settings: &BackendSettings,
        memory: &CapacityMemory,
    ) {
        if settings.capacity == Capacity::Learn
            && let Some((settings, _)) = wished(settings)
            && memory.is_for(settings.goal)
        {
            let sizing = Sizing::new(now, settings, memory.learned(now));
            self.sizing = Some(Box::new(sizing));
            self.since = now;
            self.keep(now, KEPT_EVERY);
        }
    }

    /// Takes anew what is worth keeping, if that is another thing by now.
    fn keep(&mut self, now: Timestamp, every: Duration) {
        let Some(sizing) = self.sizing.as_ref().filter(|it| !it.is_given()) else {
            self.kept = None;
            return;
        };
        let kept = self.kept.filter(|(_, it)| it.is_for(sizing.goal()));
        if kept.is_some_and(|(at, _)| now.since(at) < every) {
            return;
        }
        let next = CapacityMemory::of(now, sizing.goal(), &sizing.undoubted_learned(now));
        self.kept = match (kept, next) {
            (Some((at, before)), Some(next)) if !next.differs(&before, KEPT_CHANGE) => {
                Some((at, before))
            }
            (_, next) => next.map(|next| (now, next)),
        };
    }

    /// The daemon ends.
    pub(super) fn stop(&mut self, now: Timestamp) {
        self.keep(now, Duration::ZERO);
    }

    /// What is worth keeping over a restart.
    pub(super) fn kept(&self) -> Option<CapacityMemory> {
        self.kept.map(|(_, memory)| memory)
    }

    /// One more request came to an end.
    pub(super) fn request(&mut self, now: Timestamp, request: &Request<'_>) {
        if let Some(sizing) = &mut self.sizing {
            sizing.request(now, request);
        }
    }

    /// One more picture. `is_elsewhere`: more servers have proved useless.
    pub(super) fn look(
        &mut self,
        now: Timestamp,
        reading: Reading,
        facts: &Facts,
        journeys: &Journeys,
        is_elsewhere: bool,
    ) {
        let Some(sizing) = &mut self.sizing else {
            return;
        };
        let is_coming =
            |member: &&Member| journeys.is_coming(&member.read.name) && !member.is_serving();
        let coming = facts.pool.members.iter().filter(is_coming);
        // What a spare would take that is only pretended to serve, the others take.
        let is_pretended = |it: &Member| it.role == Role::Spare && it.read.counters.is_none();
        let is_pretended = facts.pool.serving_members().any(is_pretended);
        let is_trusted = facts.log == LogState::Flowing && !facts.is_log_doubted();
        let serving = strength(facts, facts.pool.serving_members());
        // What the share of a newcomer has still to grow is on its way, too.
        let whole = whole_strength(facts, facts.pool.serving_members());
        let to_grow = (whole.units - serving.units).max(0.0);
        let look = Look {
            reading,
            serving,
            coming: whole_strength(facts, coming).units + to_grow,
            slots: slots(facts, serving),
            is_log_trusted: is_trusted,
            is_pretended,
            is_elsewhere,
        };
        self.outlook = Some(sizing.look(now, look));
        self.keep(now, KEPT_EVERY);
    }

    /// As many windows in a row missed the goal as ask for a server.
    pub(super) fn breach(&mut self, now: Timestamp) {
        if let Some(sizing) = &mut self.sizing {
            sizing.breach(now);
        }
    }

    /// The spare that came last made the backend faster, or let it answer more. Of servers that have
    /// little to do chance alone says so.
    pub(super) fn helped(&mut self, now: Timestamp) {
        let is_light = self.is_light();
        if let Some(sizing) = self.sizing.as_mut().filter(|_| !is_light) {
            sizing.helped(now);
        }
    }

    /// How much longer the demand is watched before a spare goes, where one went too soon.
    pub(super) fn watches(&self, now: Timestamp) -> Option<Duration> {
        Some(self.outlook?.stay_until?.since(now))
    }

    /// A spare that was asked for takes traffic, so long after that.
    pub(super) fn arrived(&mut self, took: Duration) {
        if let Some(sizing) = &mut self.sizing {
            sizing.arrived(took);
        }
    }

    /// A spare was taken out because it is quiet.
    pub(super) fn left(&mut self, now: Timestamp) {
        if let Some(sizing) = &mut self.sizing {
            sizing.left(now);
        }
    }

    /// Servers hold far less than they hold well.
    pub(super) fn is_light(&self) -> bool {
        self.outlook.is_some_and(|outlook| outlook.is_light)
    }

    /// It is slow: may a server be tried? One is, whatever the reason; while those that serve have
    /// little to do a second one would do no more.
    pub(super) fn may_try(&self, now: Timestamp) -> bool {
        let is_free = |at| now.since(at) >= TRIED_EVERY;
        !self.is_light() || self.tried.is_none_or(is_free)
    }

    /// A server has set out because others are slow.
    pub(super) fn tried(&mut self, now: Timestamp) {
        self.tried = Some(now).filter(|_| self.is_light()).or(self.tried);
    }

    /// Another HAProxy process counts from 0.
    pub(super) fn next_process(&mut self) {
        if let Some(sizing) = &mut self.sizing {
            sizing.next_process();
        }
    }

    /// What was seen is about another situation.
    pub(super) fn start_over(&mut self, now: Timestamp) {
        self.outlook = None;
        if let Some(sizing) = &mut self.sizing {
            sizing.start_over(now);
        }
    }

    /// A capacity is learned or given.
    pub(super) const fn is_on(&self) -> bool {
        self.sizing.is_some()
    }

    /// The newest picture tells how many servers the demand needs, and not only how few are enough.
    pub(super) fn may_ask(&self) -> bool {
        let need = self.need().and_then(|need| need.capacity);
        matches!(need, Some(Carries::Bounded(_)))
    }

    /// What the newest picture says.
    pub(super) const fn outlook(&self) -> Option<&Outlook> {
        self.outlook.as_ref()
    }

    /// The need of now.
    pub(super) fn need(&self) -> Option<&Need> {
        self.outlook.as_ref()?.need.as_ref()
    }

    /// What there is to see of it.
    pub(super) fn view(
        &self,
        now: Timestamp,
        settings: &BackendSettings,
        facts: &Facts,
    ) -> CapacityView {
        let Some(sizing) = &self.sizing else {
            return CapacityView::default();
        };
        let bracket = sizing.learned(now).bracket;
        let is_known = bracket.proved.is_some() || bracket.broken.is_some();
        let source = match settings.capacity {
            Capacity::Given(_) => CapacitySource::Given,
            Capacity::From(log) if bracket == log => CapacitySource::Log,
            Capacity::Off | Capacity::Learn | Capacity::From(_) if is_known => {
                CapacitySource::Learned
            }
            Capacity::Off | Capacity::Learn | Capacity::From(_) => CapacitySource::None,
        };
        // What an old picture showed says nothing of now.
        let outlook = self.outlook.as_ref().filter(|_| facts.has_picture());
        let need = outlook.and_then(|outlook| outlook.need.as_ref());
        let units = strength(facts, facts.pool.serving_members()).units;
        let proved = bracket.proved.filter(|it| it.at > self.since);
        CapacityView {
            source,
            goal: Some(sizing.goal()),
            proved_per_s: bracket.proved.map(|it| it.value),
            proved_ago: proved.map(|it| now.since(it.at)),
            broken_per_s: broken(&bracket, now, source),
            carries: need
                .and_then(|need| need.capacity)
                .or_else(|| bracket.carries(now)),
            demand_per_s: outlook.and_then(|outlook| outlook.demand),
            serving: facts.pool.serving(),
            exist: facts.pool.exist(),
            enough_until: need.and_then(|need| need.enough_until(units)),
        }
    }

    /// Numbers that are held.
    pub(super) fn held(&self) -> usize {
        self.sizing.as_ref().map_or(0, |sizing| sizing.held())
    }
}

/// What was too much for one server. An operator has not said where it breaks.
fn broken(bracket: &Bracket, now: Timestamp, source: CapacitySource) -> Option<f64> {
    match source {
        CapacitySource::Given => None,
        CapacitySource::Learned | CapacitySource::Log | CapacitySource::None => {
            bracket.broken_by_now(now)
        }
    }
}

/// Sizing by the first threshold of a time that servers answer in, and what it starts from.
fn wished(settings: &BackendSettings) -> Option<(SizingSettings, Learned)> {
    let (bracket, is_given) = match settings.capacity {
        Capacity::Off => return None,
        Capacity::Learn => (Bracket::default(), false),
        Capacity::Given(bracket) => (bracket, true),
        Capacity::From(bracket) => (bracket, false),
    };
    let mut policies = settings.policies.iter();
    let policy = policies.find(|policy| policy.signal.is_response())?;
    let goal = Goal {
        signal: policy.signal,
        ms: policy.above,
    };
    let sizing = SizingSettings {
        goal,
        headroom: settings.headroom,
        is_given,
        down_after: settings.idle_timeout,
    };
    let learned = Learned {
        bracket,
        service_ms: None,
    };
    Some((sizing, learned))
}

/// How strong these servers are together. The first always-up server, or the first, is the measure of all;
/// where an agent says what that weighs now, each server is one unit.
pub(super) fn strength<'a>(
    facts: &Facts,
    servers: impl IntoIterator<Item = &'a Member>,
) -> Strength {
    strength_by(facts, servers, |member| member.read.weight)
}

/// The same once the shares of all of them have grown (`weight_ramp`).
pub(super) fn whole_strength<'a>(
    facts: &Facts,
    servers: impl IntoIterator<Item = &'a Member>,
) -> Strength {
    strength_by(facts, servers, Member::whole_weight)
}

fn strength_by<'a>(
    facts: &Facts,
    servers: impl IntoIterator<Item = &'a Member>,
    weight: impl Fn(&'a Member) -> u32,
) -> Strength {
    let members = &facts.pool.members;
    let always_up = members.iter().find(|it| it.role == Role::AlwaysUp);
    let first = always_up.or_else(|| members.first());
    // While `slowstart` holds it back its weight measures nothing.
    let first = first.filter(|member| !member.read.has_agent && !member.read.is_throttled());
    let measure = first.map_or(0, |member| member.read.weight);
    let weights = servers.into_iter().map(weight);
    Strength::of(weights, measure)
}

/// Servers whose slots take what waits in the backend's queue, where every server that serves has a `maxconn`; at
/// most as many as serve.
pub(super) fn for_the_queue(facts: &Facts) -> u32 {
    let serving = Strength::of(facts.pool.serving_members().map(|_| 1), 1);
    let Some(slots) = slots(facts, serving).filter(|slots| *slots > 0.0) else {
        return 0;
    };
    whole(f64::from(facts.queued) / slots).min(serving.servers)
}

/// `maxconn` of one unit of those that serve, where every one of them has one.
fn slots(facts: &Facts, serving: Strength) -> Option<f64> {
    let mut all = 0.0;
    for member in facts.pool.serving_members() {
        let slots = f64::from(member.read.maxconn.filter(|slots| *slots > 0)?);
        // Of a newcomer's slots its share fills a part.
        let whole = member.whole_weight().max(1);
        all += slots * f64::from(member.read.weight) / f64::from(whole);
    }
    (serving.units > 0.0).then(|| all / serving.units)
}
