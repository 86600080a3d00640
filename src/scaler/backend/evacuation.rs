//! A server whose machine will be gone: another one comes in its place first, and then it goes, within the
//! time that is left. An always-up server is treated like a spare until it is enabled again.

use std::time::Duration;

use super::journey::Journey;
use super::journeys::Journeys;
use super::needs::Needs;
use super::nobody::why_no_spare;
use crate::scaler::decision::{Change, Note, Refusal, Wanted};
use crate::scaler::hand::{Hand, Kept, Until};
use crate::scaler::member::{Errand, Member, Role, Stage, name_of};
use crate::scaler::outbox::Outbox;
use crate::scaler::pool::Pool;
use crate::words::picture::AdminState;
use crate::words::time::Timestamp;

/// Where the order does not say how much time is left: what most clouds give.
pub(super) const LASTS: Duration = Duration::from_secs(2 * 60);
/// Sessions are cut so long before the end, so that HAProxy sends new requests elsewhere in time.
const CUT_BEFORE: Duration = Duration::from_secs(2);

impl Member {
    /// When its machine will be gone.
    fn goes_at(&self) -> Option<Until> {
        self.marks.evacuated?.mark.until
    }

    /// Its sessions are not waited for any longer.
    pub(super) fn is_out_of_time(&self, now: Timestamp) -> bool {
        self.goes_at()
            .is_some_and(|until| now.after(CUT_BEFORE) >= until.at)
    }

    /// Half of the time that it was given is over: the other half is for its sessions.
    fn has_to_leave(&self, now: Timestamp) -> bool {
        self.goes_at()
            .is_none_or(|until| now.after(until.length / 2) >= until.at)
    }

    /// Nobody counts on it, or it has left and is missed: another one has to stand in for it.
    fn wants_a_stand_in(&self) -> bool {
        let is_in = self.stage == Stage::Ready;
        let is_missed = if self.errand.stands_in {
            is_in && self.is_serving() // Otherwise what it stood in for is missing by itself.
        } else {
            is_in || self.leaves_a_gap()
        };
        self.marks.evacuated.is_some() && (self.errand.is_always_up || is_missed)
    }

    fn leaves_a_gap(&self) -> bool {
        self.marks.evacuated.is_some_and(|it| it.leaves_a_gap)
    }

    /// A spare that was evacuated and is out.
    fn has_been_evacuated(&self) -> bool {
        let is_spare = !self.errand.is_always_up;
        self.marks.evacuated.is_some() && is_spare && self.stage == Stage::Maint
    }
}

impl Wanted {
    /// The server that it replaces.
    fn replaces(&self) -> Option<&str> {
        match self {
            Self::DeadServer { server, .. }
            | Self::DeadSpare { server, .. }
            | Self::Evacuation { server } => Some(server),
            Self::Slow(_)
            | Self::Demand { .. }
            | Self::Target { .. }
            | Self::Crowded(_)
            | Self::BelowMin { .. }
            | Self::Reloaded
            | Self::Waiting { .. }
            | Self::Ordered(_) => None,
        }
    }
}

/// The server that is missing when so many of them are replaced. Where one is evacuated it is the first that
/// nobody replaces by name: each may leave when its own stand-in serves.
pub(super) fn unreplaced(needs: Needs<'_>, missing: &[Wanted], replaced: usize) -> Option<Wanted> {
    let next = missing.get(replaced)?;
    if !missing
        .iter()
        .any(|it| matches!(it, Wanted::Evacuation { .. }))
    {
        return Some(next.clone());
    }
    let is_replaced = |wanted: &Wanted| {
        let is_it = |it: &Wanted| it.replaces() == wanted.replaces();
        let mut members = needs.facts.pool.serving_members();
        let serves =
            members.any(|it| it.errand.stands_in && it.errand.came_for.as_ref().is_some_and(is_it));
        let mut coming = needs.journeys.coming_before(None);
        serves || coming.any(|it| it.goal.wanted().is_some_and(is_it))
    };
    let first = missing.iter().find(|it| !is_replaced(it));
    Some(first.unwrap_or(next).clone())
}

/// That server is in because of `wanted`: what it stands in for, if for anybody.
pub(super) fn has_come(pool: &mut Pool, hand: &mut Hand, name: &str, wanted: &Wanted) {
    let left = wanted.replaces().and_then(|server| pool.member(server));
    let (came_for, stands_in) = match left.filter(|it| it.has_been_evacuated()) {
        // It was waited for, and now nobody is missing.
        Some(left) if left.leaves_a_gap() => (wanted.clone(), false),
        // That one stood in itself: so does whoever comes in its place.
        Some(left) => {
            let before = left.errand.came_for.clone();
            let before = before.filter(|before| is_missing(pool, before));
            let stands_in = before.is_some();
            (before.unwrap_or_else(|| wanted.clone()), stands_in)
        }
        None => (wanted.clone(), wanted.is_for_dead()),
    };
    if let Some(left) = left.map(name_of) {
        let is_out = pool.member(&left).is_some_and(Member::has_been_evacuated);
        if is_out {
            hand.close_gap(&left);
        }
    }
    if let Some(member) = pool.member_mut(name) {
        member.errand.stands_in = stands_in;
        member.errand.came_for = Some(came_for);
    }
    pool.show_marks(hand);
}

/// That server is out, which `was` in for that: whoever came in its place is what it was.
pub(super) fn has_left(pool: &mut Pool, hand: &mut Hand, name: &str, was: &Errand) {
    if was.is_always_up {
        return; // It is missing until it is back.
    }
    let is_evacuated = hand.marks(name).evacuated.is_some();
    let place = |is_heir: &dyn Fn(Option<&Wanted>) -> bool| {
        let mut members = pool.members.iter();
        members.position(|it| it.errand.stands_in && is_heir(it.errand.came_for.as_ref()))
    };
    let heir = place(&|came_for| came_for.is_some_and(|it| it.is_for_spare(name)));
    // After a restart of the daemon nobody knows for whom one came.
    let heir = heir.or_else(|| place(&|came_for| is_evacuated && came_for.is_none()));
    let heir = heir.and_then(|at| pool.members.get_mut(at));
    if was.stands_in || heir.is_some() {
        hand.close_gap(name);
    }
    if let Some(heir) = heir {
        heir.errand.stands_in = was.stands_in;
        if was.stands_in {
            heir.errand.came_for.clone_from(&was.came_for);
        }
    }
    pool.show_marks(hand);
}

/// What one came for is missing still.
fn is_missing(pool: &Pool, came_for: &Wanted) -> bool {
    let missing = came_for.replaces().and_then(|server| pool.member(server));
    missing.is_some_and(|it| {
        it.wants_a_stand_in() || it.role == Role::AlwaysUp && !it.read.is_in_balance()
    })
}

/// Those that an operator wants back and that are in without our doing, as after a reload of HAProxy: they are what
/// they were before.
pub(super) fn end_of_those_in(pool: &mut Pool, hand: &mut Hand, journeys: &Journeys) {
    let members = pool.members.iter().filter(|it| {
        let is_wanted = matches!(it.marks.kept, Some((Kept::In, _)));
        let is_in = it.stage == Stage::Ready && it.read.is_up();
        it.marks.evacuated.is_some() && is_wanted && is_in && !journeys.is_busy(&it.read.name)
    });
    let back: Vec<_> = members
        .map(|it| (name_of(it), it.errand.is_always_up))
        .collect();
    for (name, is_always_up) in &back {
        if *is_always_up {
            hand.forget_order(name);
        } else {
            hand.end_evacuation(name);
        }
    }
    if !back.is_empty() {
        pool.show_marks(hand);
    }
}

/// Servers of which an operator says that their machines will be gone.
pub(super) fn evacuated_ones(hand: &Hand) -> Vec<String> {
    let servers = hand.servers.iter();
    let evacuated = servers.filter(|(_, marks)| marks.evacuated.is_some());
    evacuated.map(|(name, _)| name.clone()).collect()
}

/// Servers that are evacuated, for each of which another one is wanted.
pub(super) fn evacuated(needs: Needs<'_>) -> impl Iterator<Item = Wanted> + '_ {
    let now = needs.facts.last_read();
    let is_superfluous = needs.signals.is_quiet_for_long(now, needs.settings);
    let comes = move |name: &str| {
        let mut coming = needs.journeys.iter().filter(|it| it.is_inbound());
        coming.any(|it| it.goal.wanted().is_some_and(|it| it.is_for_spare(name)))
    };
    let is_wanted = move |member: &&Member| {
        // Nobody sets out for a spare that would have gone by now; whoever has is let in.
        let has_gone = is_superfluous && member.has_been_evacuated();
        member.wants_a_stand_in() && (!has_gone || comes(&member.read.name))
    };
    let evacuated = needs.facts.pool.members.iter().filter(is_wanted);
    evacuated.map(|member| Wanted::evacuation(&member.read.name))
}

/// That server may leave now: another one serves in its place, or its time is running out.
pub(super) fn may_leave(needs: Needs<'_>, member: &Member) -> bool {
    let now = needs.facts.last_read();
    let name = &member.read.name;
    let wanted = Some(Wanted::evacuation(name));
    let mut serving = needs.facts.pool.serving_members();
    let are_others = needs.facts.pool.serving_without(name) > 0;
    let is_replaced = serving.any(|it| it.errand.came_for == wanted);
    !member.is_serving() || are_others && (is_replaced || member.has_to_leave(now))
}

/// Why that server may not be evacuated: nobody can stand in for it.
pub(super) fn no_stand_in(needs: Needs<'_>, now: Timestamp, server: &str) -> Option<Refusal> {
    let member = needs.facts.pool.member(server)?;
    if !member.is_serving() || needs.lingering(now).is_some() {
        return None;
    }
    let wanted = Wanted::evacuation(server);
    // Whoever is on its way for another reason serves as well.
    let comes = |it: &Journey| it.server != server && it.is_inbound() && !it.stall.has_stalled();
    let nobody = needs.candidates_for(now, &wanted).is_empty() && !needs.journeys.iter().any(comes);
    nobody.then(|| Refusal::NoStandIn(Box::new(why_no_spare(needs, now))))
}

/// Whose time is over, and who serve still because nobody else does: told once, and kept in `said`.
pub(super) fn tell_overdue(pool: &Pool, said: &mut Vec<String>, now: Timestamp, out: &mut Outbox) {
    let is_overdue = |it: &Member| {
        let is_over = it.goes_at().is_some_and(|until| now >= until.at);
        is_over && it.is_serving()
    };
    said.retain(|name| pool.member(name).is_some_and(is_overdue));
    for member in pool.members.iter().filter(|it| is_overdue(it)) {
        let name = &member.read.name;
        if !said.contains(name) {
            said.push(name.clone());
            out.tell(now, Some(name), Change::Warning, Note::Overdue);
        }
    }
}

/// Who comes in its place, as things are.
pub(super) fn stand_in(needs: Needs<'_>, now: Timestamp, server: &str) -> Option<String> {
    let wanted = Wanted::evacuation(server);
    let mut journeys = needs.journeys.iter();
    let coming = journeys.find(|it| it.goal.wanted() == Some(&wanted));
    let candidates = || needs.candidates_for(now, &wanted);
    let first = || candidates().first().map(|it| name_of(it));
    coming.map(|it| it.server.clone()).or_else(first)
}

/// Evacuated servers that still get requests: they do not count towards `max`.
pub(super) fn leaving_in_balance(needs: Needs<'_>) -> u32 {
    let members = needs.facts.pool.members.iter();
    let leaving = members.filter(|member| {
        member.marks.evacuated.is_some()
            && member.read.is_in_balance()
            && member.read.admin_state() == AdminState::Ready
    });
    u32::try_from(leaving.count()).unwrap_or(u32::MAX)
}
