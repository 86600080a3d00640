//! What a backend needs and what forbids it: a view of facts, signals and settings that changes
//! nothing. What is begun because of it is said in `work`.

use super::evacuation::{evacuated, leaving_in_balance, may_leave, unreplaced};
use super::facts::Facts;
use super::journey::Journey;
use super::journeys::Journeys;
use super::line_up::{BREACH_UNITS, sufficing_first};
use super::machines::{Machines, no_start};
use super::nobody::why_no_spare;
use super::signals::Signals;
use super::size::{self, Size};
use super::votes::Votes;
use crate::measure::agreement::Agreement;
use crate::measure::need::covers;
use crate::scaler::decision::{Fault, Ordered, Refusal, TooSlow, Wanted, Would};
use crate::scaler::event::LogState;
use crate::scaler::hand::{Hand, Kept};
use crate::scaler::member::name_of;
use crate::scaler::member::{Member, Role, Stage};
use crate::scaler::seen::{Blocked, Nobody};
use crate::scaler::settings::BackendSettings;
use crate::words::order::Verb;
use crate::words::time::Timestamp;

/// Spares that come in at once for the sake of speed, or after a reload: each is warmed up, checked
/// every 100 ms and has commands of its own.
const AT_ONCE_MAX: u32 = 32;

/// One in so many of the spares that could come is brought in by a breach while nobody knows what a
/// server carries.
const UNKNOWN_PART: usize = 4;

/// What needs follow from.
#[derive(Clone, Copy)]
pub(super) struct Needs<'a> {
    pub(super) facts: &'a Facts,
    pub(super) signals: &'a Signals,
    pub(super) settings: &'a BackendSettings,
    pub(super) hand: &'a Hand,
    pub(super) journeys: &'a Journeys,
    pub(super) machines: &'a Machines,
    pub(super) size: &'a Size,
    pub(super) votes: &'a Votes,
}

/// What is to be begun, and why.
#[derive(Debug)]
pub(super) enum Need {
    /// A spare was found draining.
    FinishDrain(String),
    /// A spare whose sessions outlast its drain is the nearest one.
    GiveBack(String, Wanted),
    /// A spare in maint; there may be another one if it takes no connection.
    BringIn {
        spare: String,
        wanted: Wanted,
        has_another: bool,
    },
    /// An operator wants it out.
    SendAway(String),
    /// It answers worse than the others do.
    Expel(String, Fault),
    /// Nobody can be brought in.
    NoSpare(Wanted),
}

/// A spare that is next to go.
#[derive(Debug)]
pub(super) struct Leaving {
    pub(super) name: String,
    /// When quiet has lasted for `idle_timeout`.
    pub(super) ordinary: Timestamp,
    /// When it goes, if it stays quiet.
    pub(super) due: Timestamp,
    /// Why that is later.
    pub(super) stay: Option<Stay>,
}

/// Why a spare that could go stays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Stay {
    /// So few servers were too slow at such a load, not long ago.
    TooSlow(TooSlow),
    /// It has been changed too often lately.
    Budget,
}

impl Stay {
    /// The same kind of reason: of several remembered loads the present one picks now this, now
    /// that.
    pub(super) const fn is_like(self, other: Self) -> bool {
        match (self, other) {
            (Self::TooSlow(_), Self::TooSlow(_)) | (Self::Budget, Self::Budget) => true,
            (Self::TooSlow(_), Self::Budget) | (Self::Budget, Self::TooSlow(_)) => false,
        }
    }
}

impl<'a> Needs<'a> {
    /// What was begun before, or ordered: that comes first.
    pub(super) fn begun_or_ordered(self, now: Timestamp) -> Option<Need> {
        if let Some(name) = self.found_draining(now) {
            return Some(Need::FinishDrain(name));
        }
        let lingering = self.lingering(now).filter(|name| self.is_kept_in(name));
        if let Some(name) = lingering {
            let wanted = self.ordered(&name);
            return Some(Need::GiveBack(name, wanted));
        }
        if let Some(spare) = self.ordered_in(now) {
            return Some(Need::BringIn {
                wanted: self.ordered(&spare),
                spare,
                has_another: false,
            });
        }
        let is_free = !self.journeys.has_one_departing();
        self.ordered_out().filter(|_| is_free).map(Need::SendAway)
    }

    /// A spare that was ready before HAProxy lost its states.
    pub(super) fn lost_in_reload(self, now: Timestamp) -> Option<Need> {
        if self.journeys.coming_for_load() >= AT_ONCE_MAX || !may_fail_more(self.journeys) {
            return None;
        }
        Some(Need::BringIn {
            spare: self.wanted_back(now)?,
            wanted: Wanted::Reloaded,
            has_another: false,
        })
    }

    /// Who can be brought in for that reason.
    pub(super) fn spare_for(self, now: Timestamp, wanted: Wanted) -> Need {
        if self.forbids(&wanted, None).is_some() {
            return Need::NoSpare(wanted);
        }
        if let Some(name) = self.lingering(now) {
            return Need::GiveBack(name, wanted);
        }
        let candidates = self.candidates_for(now, &wanted);
        let has_another = candidates.len() > 1;
        let mut first = candidates.into_iter().next();
        if !may_fail_more(self.journeys) {
            return Need::NoSpare(wanted);
        }
        if first.is_none() && self.facts.pool.serving() == 0 && !wanted.rests_on_the_log() {
            let last = self.facts.pool.last_resort(now);
            let may_start = |name: &str| no_start(self, now, name).is_none();
            first = last.filter(|member| {
                let name = &member.read.name;
                !self.journeys.is_busy(name) && may_start(name)
            });
        }
        match first.map(name_of) {
            Some(spare) => Need::BringIn {
                spare,
                wanted,
                has_another,
            },
            None => Need::NoSpare(wanted),
        }
    }

    /// The spare that is next to go, and when.
    pub(super) fn leaving(self, not_before: Timestamp) -> Option<Leaving> {
        let quiet_since = self.signals.quiet.since?;
        let member = self.next_to_go()?;
        if self.is_wanted(member) {
            return None;
        }
        let quiet_from = quiet_since.max(member.ready_at.unwrap_or(self.facts.started));
        let ordinary = quiet_from.after(self.settings.idle_timeout).max(not_before);
        let stay = self.stays(member, quiet_from);
        let stay = stay.filter(|(until, _)| *until > ordinary);
        Some(Leaving {
            name: name_of(member),
            ordinary,
            due: stay.map_or(ordinary, |(until, _)| until),
            stay: stay.map(|(_, stay)| stay),
        })
    }

    pub(super) fn next_to_go(self) -> Option<&'a Member> {
        self.signals.quiet.since?;
        let now = self.facts.reading.read_at?;
        let order = self.facts.pool.in_order_of_going(now, self.settings);
        let first = *order.first()?;
        if !self.may_put_away(&first.read.name) {
            return None;
        }
        // A weak one may be too many where the strong one that would go before it is not.
        let is_too_many = |member: &&Member| {
            let name = &member.read.name;
            !self.is_wanted(member) && self.may_put_away(name)
        };
        Some(order.into_iter().find(is_too_many).unwrap_or(first))
    }

    /// Capacity that is missing whatever the log says: below `min`, or a server that takes no
    /// traffic and for which no spare stands in: an always-up one, or a ready spare that died or lost
    /// its weight before it was superfluous. What is lost is no scale-up and waits for no cooldown.
    /// Servers count that are on their way; `before`: those that set out before that one.
    pub(super) fn capacity_wanted(self, before: Option<&str>) -> Option<Wanted> {
        let up = self.in_balance(before);
        let min = self.facts.floor(self.settings);
        let always_up = self.facts.pool.dead_always_up().into_iter();
        let always_up = always_up.map(|(server, shows)| Wanted::DeadServer {
            server: server.to_owned(),
            shows,
        });
        let now = self.facts.last_read();
        let is_superfluous = self.signals.is_quiet_for_long(now, self.settings);
        let spares = self.facts.pool.dead_spares(now).into_iter();
        let spares = spares.map(|(server, shows)| Wanted::DeadSpare {
            server: server.to_owned(),
            shows,
        });
        let missing = always_up.chain(evacuated(self));
        let missing = missing.chain(spares.filter(|_| !is_superfluous));
        let missing: Vec<Wanted> = missing.collect();
        let coming = self.journeys.coming_before(before);
        let coming = coming.filter(|it| it.is_for_dead()).count();
        let replaced = self.facts.pool.stand_ins() + coming;
        if let Some(wanted) = unreplaced(self, &missing, replaced) {
            return Some(wanted);
        }
        let until = self.facts.floor_until(self.settings);
        (up < min).then_some(Wanted::BelowMin { up, min, until })
    }

    /// Why no server may be brought in, judged on the last picture; `before`: why that one may not
    /// go on, which is on its way. Who set out later does not stand in its way.
    pub(super) fn forbids(self, wanted: &Wanted, before: Option<&str>) -> Option<Blocked> {
        if let Some(blocked) = self.full(before) {
            return Some(blocked);
        }
        match wanted {
            Wanted::Slow(_) | Wanted::Demand { .. } => self.forbids_for_load(before),
            // HAProxy's own count says so, no line.
            Wanted::Target { .. } | Wanted::Crowded(_) => self.facts.idles_enough(),
            Wanted::DeadServer { .. }
            | Wanted::DeadSpare { .. }
            | Wanted::Evacuation { .. }
            | Wanted::BelowMin { .. } => {
                let is_missing = self.capacity_wanted(before).is_some();
                (!is_missing).then_some(Blocked::Back)
            }
            Wanted::Reloaded | Wanted::Waiting { .. } | Wanted::Ordered(_) => None,
        }
    }

    /// Why no server may be brought in because it is slow; `before`: see [`Needs::forbids`].
    pub(super) fn forbids_for_load(self, before: Option<&str>) -> Option<Blocked> {
        self.full(before)
            .or_else(|| self.doubt_about_more(before))
            .or_else(|| self.facts.idles_enough())
    }

    pub(super) fn wanted_back(self, now: Timestamp) -> Option<String> {
        let candidates = self.candidates(now);
        let back = candidates
            .iter()
            .find(|member| member.errand.is_wanted_back)?;
        self.takes_back(now).then(|| name_of(back))
    }

    /// What served before HAProxy was reloaded is brought back: there is room, and it is not quiet.
    pub(super) fn takes_back(self, now: Timestamp) -> bool {
        self.full(None).is_none() && !self.signals.is_quiet_for_long(now, self.settings)
    }

    /// Never fewer than `min`, never the last, never while anything speaks against it; judged on
    /// the last picture. The queue, the log and the counters have ended quiet already: each is
    /// asked for twice on purpose, and a test fails only when both are taken out.
    pub(super) fn may_put_away(self, name: &str) -> bool {
        let facts = self.facts;
        let member = facts.pool.member(name);
        facts.pool.can_spare(name, facts.floor(self.settings))
            && facts.queued == 0
            && !facts.crowd.is_there()
            && member.is_some_and(|member| member.read.queued == 0)
            && facts.comparison.verdict() == Agreement::Agree
            && facts.log == LogState::Flowing
            && self.signals.quiet.since.is_some()
    }

    /// What keeps a spare longer than `idle_timeout`, and until when. One that serves nobody is no
    /// loss.
    fn stays(self, member: &Member, quiet_from: Timestamp) -> Option<(Timestamp, Stay)> {
        if !member.is_serving() {
            return None;
        }
        let idle_timeout = self.settings.idle_timeout;
        let (load, rate) = (&self.signals.load, self.signals.rate.busiest());
        let left = self.facts.pool.serving().saturating_sub(1);
        let objection = load.objection(left, rate, idle_timeout);
        // What one server carries says more than how slow so few of them once were.
        let is_sized = self.size.may_ask();
        let objection = objection.filter(|_| !is_sized);
        let by_load = objection.map(|(entry, wait)| (quiet_from.after(wait), Stay::TooSlow(entry)));
        let by_budget = member.budget.may_go_at(idle_timeout);
        let by_budget = by_budget.map(|at| (at, Stay::Budget));
        let by_step = load.next_step_at(idle_timeout).filter(|_| !is_sized);
        let by_step = by_step.map(|(entry, at)| (at, Stay::TooSlow(entry)));
        let all = by_load.into_iter().chain(by_step).chain(by_budget);
        all.max_by_key(|(at, _)| *at)
    }

    /// What would begin if it were not for a pause, with which server.
    pub(super) fn but_for_a_pause(
        self,
        now: Timestamp,
        owed: Option<(u32, Wanted)>,
    ) -> Option<(Would, String)> {
        if let Some(name) = self.found_draining(now) {
            return Some((Would::FinishDrain, name));
        }
        let next = || {
            let wanted = self.capacity_wanted(None);
            let wanted = wanted.or(owed.map(|(_, wanted)| wanted))?;
            let candidates = self.candidates_for(now, &wanted);
            let is_free = self.forbids(&wanted, None).is_none();
            candidates.first().filter(|_| is_free).map(|it| name_of(it))
        };
        let spare = self.wanted_back(now).or_else(next)?;
        Some((Would::Enable, spare))
    }

    /// One more may set out for the servers that are owed.
    pub(super) fn owed(self, owed: Option<&(u32, Wanted)>) -> Option<Wanted> {
        let (servers, wanted) = owed?;
        let coming = self.journeys.coming_for_load();
        (coming < AT_ONCE_MAX.min(*servers) && may_fail_more(self.journeys)).then(|| wanted.clone())
    }

    /// Servers that the demand needs beside those that serve and come, with the need that says so.
    /// What heavier requests and a slow database ask for alike is one server at a time, and only
    /// when `may_try`.
    pub(super) fn missing(self, now: Timestamp, may_try: bool) -> Option<(u32, Wanted)> {
        let outlook = self.size.outlook()?;
        let (asked, undoubted) = (outlook.asked?, outlook.undoubted?);
        let there = self.units_there();
        let until = |wanted: f64| {
            let candidates = self.candidates_for_load(now);
            let missing = wanted - there;
            let candidates = sufficing_first(self.facts, self.settings, candidates, missing);
            let (mut servers, mut units) = (0_u32, there);
            for candidate in &candidates {
                if covers(units, wanted) {
                    return servers;
                }
                servers += 1;
                // Without a weight it counts as one: an agent may give it some once it is in.
                let is_weighed = candidate.read.weight > 0;
                let strength =
                    is_weighed.then(|| size::whole_strength(self.facts, [*candidate]).units);
                units += strength.unwrap_or(1.0);
            }
            // Nobody is left: that is said, too.
            servers + u32::from(!covers(units, wanted))
        };
        let servers = match until(undoubted) {
            0 if may_try => until(asked).min(1),
            servers => servers,
        };
        let need = outlook.need.filter(|_| servers > 0)?;
        let wanted = Wanted::Demand {
            need: Box::new(need),
            serving: self.facts.pool.serving(),
        };
        Some((servers, wanted))
    }

    /// The strength of those that serve or are on their way, units.
    fn units_there(self) -> f64 {
        let is_there =
            |member: &&Member| member.is_serving() || self.journeys.is_coming(&member.read.name);
        let there = self.facts.pool.members.iter().filter(is_there);
        size::whole_strength(self.facts, there).units
    }

    /// The spare that a breach would bring in.
    pub(super) fn first_for_a_breach(self, now: Timestamp) -> Option<&'a Member> {
        let candidates = self.candidates_for_load(now);
        let order = sufficing_first(self.facts, self.settings, candidates, BREACH_UNITS);
        order.first().copied()
    }

    /// Servers that a breach brings in while nobody knows what one carries: a part of those that
    /// could come.
    pub(super) fn for_a_breach(self, now: Timestamp) -> u32 {
        if !self.size.is_on() || self.size.may_ask() || self.size.is_light() {
            return 0;
        }
        let candidates = self.candidates_for_load(now).len();
        u32::try_from(candidates.div_ceil(UNKNOWN_PART)).unwrap_or(0)
    }

    /// Why no spare would come if one was wanted; `None` if one would.
    pub(super) fn nobody_comes(self, now: Timestamp) -> Option<Nobody> {
        if let Some(mark) = self.hand.pause() {
            let backend = self.hand.everything.is_none();
            let backend = backend.then(|| self.settings.name.clone());
            return Some(Nobody::Paused(Box::new(mark.standing(now)), backend));
        }
        if let Some(blocked) = self.forbids_for_load(None) {
            return Some(Nobody::Blocked(blocked));
        }
        let can_come = !self.candidates_for_load(now).is_empty();
        (!can_come).then(|| why_no_spare(self, now))
    }

    /// Why a spare that an operator wants in is warmed up.
    fn ordered(self, server: &str) -> Wanted {
        let mark = self.hand.marks(server).kept.map(|(_, mark)| mark);
        Wanted::Ordered(Ordered::By {
            verb: Verb::Enable,
            by: mark.and_then(|mark| mark.by),
        })
    }

    /// Refuses to take away what `min`, or the last user, needs; judged on the last picture.
    pub(super) fn must_not_need(self, server: &str) -> Result<(), Refusal> {
        let member = self.facts.pool.member(server);
        let is_serving = member.is_some_and(Member::is_serving);
        let (serving, min) = (self.facts.pool.serving(), self.facts.floor(self.settings));
        let is_evacuated = member.is_some_and(|it| it.marks.evacuated.is_some());
        if !is_serving || serving > min || is_evacuated && serving > 1 {
            return Ok(());
        }
        if serving <= 1 {
            return Err(Refusal::LastServing);
        }
        Err(Refusal::AtMin { serving, min })
    }

    /// Spares that may be brought in because it is slow, best first.
    pub(super) fn candidates_for_load(self, now: Timestamp) -> Vec<&'a Member> {
        let mut candidates = self.candidates(now);
        candidates.retain(|member| !member.is_spent(now, self.settings.idle_timeout));
        candidates
    }

    /// Spares that may be brought in for that reason, best first.
    pub(super) fn candidates_for(self, now: Timestamp, wanted: &Wanted) -> Vec<&'a Member> {
        let mut candidates = if wanted.rests_on_the_log() || wanted.is_counted() {
            self.candidates_for_load(now)
        } else {
            self.candidates(now)
        };
        if wanted.is_for_capacity() {
            // Users wait for it: whoever need not be started first comes first, whatever it costs.
            candidates.sort_by_key(|member| self.machines.distance(now, &member.read.name));
        }
        let units = match wanted {
            Wanted::Demand { need, .. } => need.units - self.units_there(),
            Wanted::Slow(_) | Wanted::Crowded(_) | Wanted::DeadServer { .. } => BREACH_UNITS,
            // They count servers, strong or weak.
            Wanted::Target { .. }
            | Wanted::DeadSpare { .. }
            | Wanted::Evacuation { .. }
            | Wanted::BelowMin { .. }
            | Wanted::Reloaded
            | Wanted::Waiting { .. }
            | Wanted::Ordered(_) => return candidates,
        };
        sufficing_first(self.facts, self.settings, candidates, units)
    }

    /// Spares that may be brought in, best first.
    fn candidates(self, now: Timestamp) -> Vec<&'a Member> {
        let mut candidates = self.facts.pool.candidates(now, self.settings);
        candidates.retain(|member| {
            let name = &member.read.name;
            !self.journeys.is_busy(name) && no_start(self, now, name).is_none()
        });
        // Of those that cost the same whoever runs comes first.
        candidates.sort_by_key(|member| {
            let name = &member.read.name;
            let tier = self.settings.tier(name);
            (
                member.read.weight == 0,
                tier,
                self.machines.distance(now, name),
            )
        });
        candidates
    }

    pub(super) fn found_draining(self, now: Timestamp) -> Option<String> {
        let mut members = self.facts.pool.members.iter();
        let found = members.find(|member| {
            member.role == Role::Spare
                && member.stage == Stage::DrainingOut
                && !member.apart.is_held(now)
                && !member.marks.is_fixed()
                && !member.rests_in_drain()
                && !self.journeys.is_busy(&member.read.name)
        });
        found.map(name_of)
    }

    /// A spare whose sessions outlast its drain: it is the first one to be given back. One that
    /// answered badly, or that an operator wants out, is not.
    pub(super) fn lingering(self, now: Timestamp) -> Option<String> {
        let mut members = self.facts.pool.members.iter();
        let found = members.find(|member| {
            member.role == Role::Spare
                && member.is_lingering
                && member.is_proven
                && member.stage == Stage::DrainingOut
                && !member.apart.is_held(now)
                && !member.apart.is_quarantined(now)
                && !member.marks.is_fixed()
                && member.marks.kept() != Some(Kept::Out)
                && !self.journeys.is_busy(&member.read.name)
        });
        found.map(name_of)
    }

    /// The spare that an operator wants in and that is not on its way.
    fn ordered_in(self, now: Timestamp) -> Option<String> {
        let mut candidates = self.candidates(now).into_iter();
        let wanted = candidates.find(|member| member.marks.kept() == Some(Kept::In))?;
        self.full(None).is_none().then(|| wanted.read.name.clone())
    }

    /// The spare that an operator wants out and that still serves.
    fn ordered_out(self) -> Option<String> {
        let wanted = self.facts.pool.members.iter().find(|member| {
            member.role == Role::Spare
                && member.stage == Stage::Ready
                && member.marks.kept() == Some(Kept::Out)
                && !member.marks.is_fixed()
                && !member.read.is_tracked
                && !member.read.is_beyond_us()
                && !self.journeys.is_busy(&member.read.name)
                && (member.marks.evacuated.is_none() || may_leave(self, member))
        })?;
        Some(wanted.read.name.clone())
    }

    /// An operator wants that spare in.
    pub(super) fn is_kept_in(self, name: &str) -> bool {
        let member = self.facts.pool.member(name);
        member.is_some_and(|member| member.marks.kept() == Some(Kept::In))
    }

    /// `max` servers are in, or on their way before that one.
    pub(super) fn full(self, before: Option<&str>) -> Option<Blocked> {
        let servers = self
            .in_balance(before)
            .saturating_sub(leaving_in_balance(self));
        let is_full = self.settings.max.is_some_and(|max| servers >= max);
        is_full.then_some(Blocked::Max(servers))
    }

    /// Servers that HAProxy may send requests to, or will before that one.
    fn in_balance(self, before: Option<&str>) -> u32 {
        let is_to_come = |journey: &&Journey| {
            let member = self.facts.pool.member(&journey.server);
            member.is_some_and(|member| !member.read.is_in_balance())
        };
        let coming = self.journeys.coming_before(before).filter(is_to_come);
        let coming = u32::try_from(coming.count()).unwrap_or(u32::MAX);
        self.facts.pool.in_balance().saturating_add(coming)
    }

    /// Lines alone have asked for that server, and they are in doubt by now.
    pub(super) fn doubt_about(self, journey: &Journey) -> Option<Blocked> {
        let doubt = || self.doubt_about_more(Some(&journey.server));
        let is_in_question = journey.rests_on_the_log() && !self.is_kept_in(&journey.server);
        is_in_question.then(doubt)?
    }

    /// Forged or replayed lines alone can wake one spare and no more.
    fn doubt_about_more(self, before: Option<&str>) -> Option<Blocked> {
        let joined = self.facts.joined_in_doubt()?;
        let mut coming = self.journeys.inbound_before(before);
        let is_enough = joined > 0 || coming.any(Journey::rests_on_the_log);
        is_enough.then(|| Blocked::InDoubt(self.facts.comparison.compared()))
    }
}

/// Warm-ups that fail do not pile up.
fn may_fail_more(journeys: &Journeys) -> bool {
    journeys.stalled() < AT_ONCE_MAX
}
