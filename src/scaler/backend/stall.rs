//! Warm-ups that fail for too long: nobody counts on such a spare any more, so the next one sets out
//! beside it. It goes on trying, and whoever of them is ready first takes the place. How a journey
//! begins and ends is in `road`.

use std::time::Duration;

use super::Backend;
use super::journey::{Goal, Journey, Step};
use super::journeys::Journeys;
use super::needs::Needs;
use super::plan::Plan;
use super::road::Road;
use crate::scaler::decision::{CalledOff, Change, Note, Wanted};
use crate::scaler::event::ActionId;
use crate::scaler::member::{Member, Stage};
use crate::scaler::outbox::Outbox;
use crate::scaler::seen::{Blocked, FailingWarmUp};
use crate::words::picture::AdminState;
use crate::words::proof::{WarmUpFailure, WarmUpTrouble};
use crate::words::time::Timestamp;

/// Nobody listens there, or what answers is not what is expected: so long one counts on it after the
/// first time …
const REFUSED_FOR: Duration = Duration::from_secs(3);
/// … and so long where it took the connection and does not answer in time: it may be cold.
const SILENT_FOR: Duration = Duration::from_secs(10);

/// What the warm-up of one journey meets.
#[derive(Debug, Default)]
pub(super) struct Stall {
    /// What went wrong last, and since when anything does: as long as the warm-up has not passed, the
    /// first time counts.
    trouble: Option<(Timestamp, WarmUpTrouble)>,
    /// The last request passed.
    has_hope: bool,
    has_stalled: bool,
    /// What it met was void once: its machine was believed to run.
    was_void: bool,
    /// Those with the same one come for one place.
    place: Option<ActionId>,
    /// That one was first.
    outrun_by: Option<String>,
}

impl Stall {
    /// It has failed for so long that nobody counts on it.
    pub(super) const fn has_stalled(&self) -> bool {
        self.has_stalled
    }

    /// Nobody counts on it any more; `place`: for those that set out beside it.
    const fn begin(&mut self, place: ActionId) {
        self.has_stalled = true;
        if self.place.is_none() {
            self.place = Some(place);
        }
    }

    /// What its warm-up met says nothing any more.
    pub(super) fn make_void(&mut self) {
        (self.trouble, self.has_hope, self.has_stalled) = (None, false, false);
        self.was_void = true;
    }

    /// That was so once.
    pub(super) const fn was_void(&self) -> bool {
        self.was_void
    }

    /// The warm-up has passed: true when nobody counted on that any more.
    pub(super) fn passes(&mut self) -> bool {
        self.trouble = None;
        std::mem::take(&mut self.has_stalled)
    }

    /// When it will have.
    fn due(&self) -> Option<Timestamp> {
        let waits = !self.has_stalled && !self.has_hope;
        let (since, trouble) = self.trouble.as_ref().filter(|_| waits)?;
        Some(since.after(patience(&trouble.why)))
    }
}

/// How long a warm-up may fail before one counts on it no more.
const fn patience(why: &WarmUpFailure) -> Duration {
    match why {
        WarmUpFailure::TimedOut { .. } => SILENT_FOR,
        WarmUpFailure::Refused { .. }
        | WarmUpFailure::Status { .. }
        | WarmUpFailure::Broken(_)
        | WarmUpFailure::NoAddress
        | WarmUpFailure::NoOutcome => REFUSED_FOR,
    }
}

impl Journey {
    /// Its warm-up has failed for so long that nobody counts on it: why, and how long that goes on.
    pub(super) fn failing(&self, now: Timestamp) -> Option<FailingWarmUp> {
        let (_, trouble) = self.stall.trouble.as_ref()?;
        let Step::WarmingUp { until, .. } = self.step else {
            return None;
        };
        self.stall.has_stalled.then(|| FailingWarmUp {
            why: trouble.why.clone(),
            attempts: trouble.attempts,
            lasted: now.since(self.since),
            left: until.since(now),
        })
    }

    fn warm_up(&self) -> Option<ActionId> {
        match self.step {
            Step::WarmingUp { id, .. } => Some(id),
            Step::Starting
            | Step::Judging { .. }
            | Step::Writing { .. }
            | Step::Verifying { .. }
            | Step::Checking
            | Step::Emptying { .. } => None,
        }
    }

    /// It comes to make the backend faster, or an operator wants it to: what is lost is counted anew at
    /// each look and needs no link.
    fn may_have_rivals(&self) -> bool {
        matches!(self.goal, Goal::BringIn { .. }) && !self.replaces_lost()
    }

    fn is_ordered(&self) -> bool {
        matches!(self.goal.wanted(), Some(Wanted::Ordered(_)))
    }

    /// Its server goes back to maint through no fault of its own.
    const fn is_called_off(&self) -> bool {
        matches!(self.goal, Goal::TakeBack { failure: None })
    }
}

/// HAProxy has lost its states: whose servers are not wanted back of those that were on their way. For one
/// place one is, and on whoever fails nobody counts while another one comes.
pub(super) fn not_wanted_back(journeys: &[Journey]) -> Vec<String> {
    let mut kept: Vec<&Journey> = Vec::new();
    let mut others = Vec::new();
    for journey in journeys {
        let stall = &journey.stall;
        let is_second = |first: &&Journey| {
            stall.has_stalled || stall.place.is_some() && first.stall.place == stall.place
        };
        if journey.is_called_off() || stall.outrun_by.is_some() || kept.iter().any(is_second) {
            others.push(journey.server.clone());
        } else if journey.is_inbound() {
            kept.push(journey); // Those that have stalled come last.
        }
    }
    others
}

impl Journeys {
    /// When the next one has failed for too long.
    pub(super) fn stalls_at(&self) -> Option<Timestamp> {
        self.iter().filter_map(|it| it.stall.due()).min()
    }

    /// Servers whose warm-up has failed for too long and goes on.
    pub(super) fn stalled(&self) -> u32 {
        let stalled = self.iter().filter(|it| it.stall.has_stalled);
        u32::try_from(stalled.count()).unwrap_or(u32::MAX)
    }

    /// Whoever sets out beside one that has stalled was there before it, should it come after all.
    pub(super) fn put_stalled_last(&mut self) {
        // In the same order otherwise.
        self.all_mut().sort_by_key(|it| it.stall.has_stalled);
    }

    /// That one's warm-up has passed though nobody counted on it: it was ready before those that still
    /// warm up.
    pub(super) fn put_before_warming(&mut self, name: &str) {
        let all = self.all_mut();
        let is_before = |it: &Journey| it.is_inbound() && it.warm_up().is_some();
        let first = all.iter().position(is_before);
        let own = all.iter().position(|it| it.server == name);
        if let (Some(first), Some(own)) = (first, own)
            && first < own
        {
            let journey = all.remove(own);
            all.insert(first, journey);
        }
    }

    /// Nobody else is left for so many servers: those are wanted again that were too late.
    pub(super) fn want_again(&mut self, servers: u32) {
        for _ in 0..servers {
            let is_late = |it: &&Journey| it.stall.has_stalled && it.stall.outrun_by.is_some();
            let Some(place) = self.iter().find(is_late).map(|it| it.stall.place) else {
                return;
            };
            for it in self.all_mut() {
                if it.stall.place == place {
                    it.stall.outrun_by = None;
                }
            }
        }
    }

    /// A spare has set out where one is missing: beside one that has stalled, if nobody did before.
    pub(super) fn set_out_beside(&mut self, name: &str) {
        let is_ordered = self.of(name).is_some_and(Journey::is_ordered);
        let goes_on = |place: ActionId| {
            let mut all = self.iter();
            all.any(|it| it.stall.place == Some(place) && !it.stall.has_stalled)
        };
        let is_alone = |it: &&Journey| {
            let is_first = it.stall.place.is_none_or(|place| !goes_on(place));
            // Of two that an operator wants in none is too many.
            let is_one = it.may_have_rivals() && !(is_ordered && it.is_ordered());
            it.server != name && it.stall.has_stalled && is_one && is_first
        };
        let Some(stalled) = self.iter().find(is_alone) else {
            return;
        };
        let place = stalled.stall.place.or_else(|| stalled.warm_up());
        let (other, name) = (stalled.server.clone(), name.to_owned());
        for server in [&other, &name] {
            if let Some(journey) = self.of_mut(server) {
                journey.stall.place = place;
                journey.stall.outrun_by = None;
            }
        }
    }

    /// It takes users: whoever came for the same place is too many.
    pub(super) fn came_first(&mut self, first: &Journey) {
        let Some(place) = first.stall.place else {
            return;
        };
        for it in self.all_mut() {
            if it.stall.place == Some(place) {
                it.stall.outrun_by = Some(first.server.clone());
            }
        }
    }

    /// Another one comes for the same place, or has come.
    pub(super) fn has_rival(&self, name: &str) -> bool {
        let Some(journey) = self.of(name) else {
            return false;
        };
        journey.stall.outrun_by.is_some() || self.rivals(journey).next().is_some()
    }

    fn rivals(&self, journey: &Journey) -> impl Iterator<Item = &Journey> {
        let place = journey.stall.place;
        let others = self.iter().filter(|it| it.server != journey.server);
        others.filter(move |it| place.is_some() && it.stall.place == place && it.is_inbound())
    }
}

/// What the warm-up `id` of that backend meets.
pub(in crate::scaler) fn troubled(
    backend: &mut Backend,
    now: Timestamp,
    id: ActionId,
    trouble: Option<WarmUpTrouble>,
) {
    let Some(journey) = backend.journeys.warming_up(id) else {
        return; // It has ended.
    };
    let is_booting = journey.is_booting(now);
    if let Some(boot) = &mut journey.boot {
        let why = trouble.as_ref().map(|trouble| &trouble.why);
        if matches!(why, None | Some(WarmUpFailure::Status { .. })) {
            boot.has_answered = true;
            backend.facts.pool.enter(&journey.server, Stage::Warming);
        }
    }
    if is_booting {
        return; // That nobody answers well yet is no trouble.
    }
    let stall = &mut journey.stall;
    // One request that passes is no warm-up that does: where one of three workers is broken, one in three
    // fails for ever.
    stall.has_hope = trouble.is_none();
    if let Some(trouble) = trouble {
        let since = stall.trouble.as_ref().map_or(now, |(since, _)| *since);
        stall.trouble = Some((since, trouble));
    }
}

/// Whoever starts the machine of that server takes longer than the last boot lets one expect: nobody counts on it
/// any more, and the next one sets out beside it.
pub(super) fn stall_in_start(road: &mut Road<'_>, name: &str, place: ActionId) {
    if let Some(journey) = road.journeys.of_mut(name) {
        journey.stall.begin(place);
    }
    road.journeys.put_stalled_last();
    lose_turn(road, name);
}

/// What served before a reload is not waited for any more: another one may do instead.
fn lose_turn(road: &mut Road<'_>, name: &str) {
    let member = road.facts.pool.member_mut(name);
    if member.is_some_and(|it| std::mem::take(&mut it.errand.is_wanted_back)) {
        let coming = road.journeys.coming_for_load();
        road.plan.owe(coming, Wanted::Reloaded);
    }
}

/// Counts no more on those that have failed for too long: they lose their turn.
pub(super) fn stall(road: &mut Road<'_>, now: Timestamp, out: &mut Outbox) {
    let mut stalled = Vec::new();
    for journey in road.journeys.all_mut().iter_mut() {
        if journey.stall.due().is_none_or(|due| due > now) {
            continue;
        }
        journey.stall.has_stalled = true;
        if let Some(failing) = journey.failing(now) {
            let note = Note::WarmUpFails(Box::new(failing));
            out.tell(now, Some(&journey.server), Change::Warning, note);
        }
        stalled.push(journey.server.clone());
    }
    road.journeys.put_stalled_last();
    for name in stalled {
        lose_turn(road, &name);
    }
}

/// Why a spare on its way in goes back before it takes users; `name` comes because of `wanted`.
pub(super) fn called_off(
    needs: Needs<'_>,
    plan: &Plan,
    wanted: &Wanted,
    name: &str,
) -> Option<CalledOff> {
    if needs.is_kept_in(name) {
        // Whatever it came for first: an operator wants it in.
        return needs.full(Some(name)).map(CalledOff::Blocked);
    }
    let called_off = |blocked| {
        if blocked == Blocked::Back && is_replaced(needs, wanted, name) {
            CalledOff::Replaced
        } else {
            CalledOff::Blocked(blocked)
        }
    };
    let blocked = needs.forbids(wanted, Some(name)).map(called_off);
    blocked.or_else(|| is_outrun(needs, plan, name).then_some(CalledOff::Replaced))
}

/// Nothing is missing any more, and that is because another one has come, or comes.
fn is_replaced(needs: Needs<'_>, wanted: &Wanted, name: &str) -> bool {
    let pool = &needs.facts.pool;
    match wanted {
        Wanted::DeadServer { server, .. } | Wanted::DeadSpare { server, .. } => {
            pool.member(server).is_some_and(|it| !it.is_serving())
        }
        // Its evacuation has not ended, so somebody else stands in.
        Wanted::Evacuation { server } => {
            let member = pool.member(server);
            member.is_some_and(|it| it.marks.evacuated.is_some())
        }
        Wanted::BelowMin { .. } => {
            let journey = needs.journeys.of(name);
            journey.is_some_and(|it| pool.joined_since(it.since) > 0)
        }
        Wanted::Slow(_)
        | Wanted::Demand { .. }
        | Wanted::Target { .. }
        | Wanted::Crowded(_)
        | Wanted::Reloaded
        | Wanted::Waiting { .. }
        | Wanted::Ordered(_) => false,
    }
}

/// Another one took the place that it came for, and no further one is free.
fn is_outrun(needs: Needs<'_>, plan: &Plan, name: &str) -> bool {
    let Some(journey) = needs.journeys.of(name) else {
        return false;
    };
    let mut rivals = needs.journeys.rivals(journey);
    let is_told = rivals.any(|it| it.was_told(AdminState::Ready));
    let first = journey.stall.outrun_by.as_deref();
    let first = first.and_then(|first| needs.facts.pool.member(first));
    if !is_told && !first.is_some_and(Member::is_serving) {
        return false;
    }
    let owed = plan.owed.as_ref().map_or(0, |(servers, _)| *servers);
    let before = needs.journeys.coming_before(Some(name));
    let before = before.filter(|it| !it.replaces_lost()).count();
    u32::try_from(before).is_ok_and(|before| owed <= before)
}
