//! A server whose machine will be gone: another one comes in its place first, and then it goes, within the
//! time that is left. An always-up server is treated like a spare until it is enabled again.

use std::time::Duration;

use super::needs::Needs;
use super::nobody::why_no_spare;
use crate::scaler::decision::{Refusal, Wanted};
use crate::scaler::hand::{Hand, Until};
use crate::scaler::member::{Member, Stage, name_of};
use crate::words::picture::AdminState;
use crate::words::time::Timestamp;

/// Where the order does not say how much time is left: what most clouds give.
pub(super) const LASTS: Duration = Duration::from_secs(2 * 60);
/// Sessions are cut so long before the end, so that HAProxy sends new requests elsewhere in time.
const CUT_BEFORE: Duration = Duration::from_secs(2);

impl Member {
    /// When its machine will be gone.
    fn goes_at(&self) -> Option<Until> {
        self.marks.evacuated?.until
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

    /// Nobody counts on it: another one has to stand in for it.
    fn wants_a_stand_in(&self) -> bool {
        let is_in = self.errand.is_always_up || self.stage == Stage::Ready;
        self.marks.evacuated.is_some() && is_in
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
    let members = needs.facts.pool.members.iter();
    let evacuated = members.filter(|member| member.wants_a_stand_in());
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
    let nobody = needs.candidates_for(now, &wanted).is_empty();
    nobody.then(|| Refusal::NoStandIn(Box::new(why_no_spare(needs, now))))
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
