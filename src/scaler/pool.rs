//! One backend's servers: roles, stages, who is next, what may never be touched.
//! Signals and numbers from the log do not belong here.

use std::cmp::Reverse;
use std::time::Duration;

use super::decision::Shown;
use super::hand::{Hand, Kept};
use super::member::{Member, Role, Stage};
use super::settings::{BackendSettings, Spares};
use crate::words::picture::{AdminState, ServerRead};
use crate::words::time::Timestamp;

/// With nobody serving, one that failed is tried again after this long.
const LAST_RESORT_PAUSE: Duration = Duration::from_secs(10);

/// One backend's servers, in the order of haproxy.cfg.
#[derive(Debug, Default)]
pub(super) struct Pool {
    pub(super) members: Vec<Member>,
}

impl Pool {
    /// The server of that name.
    pub(super) fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.read.name == name)
    }

    /// The server of that name.
    pub(super) fn member_mut(&mut self, name: &str) -> Option<&mut Member> {
        self.members
            .iter_mut()
            .find(|member| member.read.name == name)
    }

    /// An operator's newest word: a hold and a quarantine of it are over.
    pub(super) fn set_free(&mut self, name: &str) {
        if let Some(member) = self.member_mut(name) {
            member.apart.end_hold();
            member.apart.end_quarantine();
        }
    }

    /// It is in that stage now.
    pub(super) fn enter(&mut self, name: &str, stage: Stage) {
        if let Some(member) = self.member_mut(name) {
            member.stage = stage;
        }
    }

    /// There is a spare, wherever it is.
    pub(super) fn has_spare(&self) -> bool {
        self.members.iter().any(|it| it.role == Role::Spare)
    }

    /// Takes HAProxy's word: its servers in its order, with what we remember of each.
    pub(super) fn take(&mut self, servers: Vec<ServerRead>, settings: &BackendSettings) {
        let mut known = std::mem::take(&mut self.members);
        for read in servers {
            let role = role_of(&read, settings);
            let position = known
                .iter()
                .position(|member| member.read.name == read.name);
            let member = match position {
                Some(position) => known.swap_remove(position).shown(read, role),
                None => Member::new(read, role),
            };
            self.members.push(member);
        }
    }

    /// Forgets what belongs to one HAProxy process: states and holds. Quarantines stay, they are
    /// about the server. `is_needed`: what was ready is wanted back.
    pub(super) fn begin_generation(&mut self, now: Timestamp, is_needed: bool) {
        for member in &mut self.members {
            member.begin_generation(now, is_needed);
        }
    }

    /// What operators have set for each server, where it is looked for.
    pub(super) fn show_marks(&mut self, hand: &Hand) {
        for member in &mut self.members {
            member.marks = hand.marks(&member.read.name);
            let is_evacuated = member.marks.evacuated.is_some();
            if member.role == Role::AlwaysUp && is_evacuated {
                (member.role, member.errand.is_always_up) = (Role::Spare, true);
            } else if member.errand.is_always_up && !is_evacuated {
                (member.role, member.errand.is_always_up) = (Role::AlwaysUp, false);
            }
        }
    }

    /// Spares that have become ready since then.
    pub(super) fn joined_since(&self, since: Timestamp) -> u32 {
        let joined = self.members.iter().filter(|member| {
            member.role == Role::Spare && member.ready_at.is_some_and(|at| at > since)
        });
        u32::try_from(joined.count()).unwrap_or(u32::MAX)
    }

    /// Servers that take requests and answer them, whoever's they are.
    pub(super) fn serving_members(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.is_serving())
    }

    /// Servers that take requests and answer them, whoever's they are: what the backend can count on.
    pub(super) fn serving(&self) -> u32 {
        self.count(Member::is_serving)
    }

    /// Servers that could take requests: the always-up ones, the spares, and others that do.
    pub(super) fn exist(&self) -> u32 {
        self.count(|member| member.role != Role::Other || member.is_serving())
    }

    /// The same, but for that one.
    pub(super) fn serving_without(&self, name: &str) -> u32 {
        self.count(|member| member.is_serving() && member.read.name != name)
    }

    /// Servers that are not in maint, those that are warmed up included, and all servers.
    pub(super) fn used(&self) -> (u32, u32) {
        let is_used = |it: &Member| {
            matches!(it.stage, Stage::Starting | Stage::Warming) || !it.read.is_maint()
        };
        (self.count(is_used), self.count(|_| true))
    }

    /// Servers that HAProxy may send requests to, whoever's they are and whether or not they were
    /// seen to get any; those whose requests fail are left out.
    pub(super) fn in_balance(&self) -> u32 {
        self.count(|member| member.read.is_in_balance() && !member.service.probation.is_failing())
    }

    fn count(&self, is_one: impl Fn(&Member) -> bool) -> u32 {
        let count = self.members.iter().filter(|member| is_one(member)).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// The always-up servers that take no traffic, and what HAProxy shows of each. A backup one is
    /// meant to rest while others serve.
    pub(super) fn dead_always_up(&self) -> Vec<(&str, Shown)> {
        self.members
            .iter()
            .filter(|member| member.role == Role::AlwaysUp && is_dead(&member.read))
            .map(|member| (member.read.name.as_str(), shows(&member.read)))
            .collect()
    }

    /// Always-up servers that are marked `backup`: no capacity while others serve.
    pub(super) fn resting_backups(&self) -> u32 {
        self.count(|member| {
            member.role == Role::AlwaysUp && member.read.is_backup && member.read.is_passed_over
        })
    }

    /// Spares in traffic that stand in for dead servers.
    pub(super) fn stand_ins(&self) -> usize {
        self.members
            .iter()
            .filter(|member| {
                member.errand.stands_in && member.stage == Stage::Ready && member.is_serving()
            })
            .count()
    }

    /// Ready spares that HAProxy sends nothing, DOWN or without weight, but for those that stood in
    /// themselves: the server that they stood in for still counts. Those that are evacuated are missing anyway.
    pub(super) fn dead_spares(&self, now: Timestamp) -> Vec<(&str, Shown)> {
        self.members
            .iter()
            .filter(|member| {
                member.role == Role::Spare
                    && member.stage == Stage::Ready
                    && member.read.admin_state() == AdminState::Ready
                    && is_dead(&member.read)
                    && !member.errand.stands_in
                    && member.marks.evacuated.is_none()
                    && !member.apart.is_held(now)
                    && !member.read.is_tracked
            })
            .map(|member| (member.read.name.as_str(), shows(&member.read)))
            .collect()
    }

    /// Spares that may be brought in, best first: the lowest tier, and then as they are listed. One without weight comes last: its agent may say
    /// something else once it is in. A backup helps only where nobody else is active.
    pub(super) fn candidates(&self, now: Timestamp, settings: &BackendSettings) -> Vec<&Member> {
        let has_active = self.has_active();
        let mut candidates: Vec<&Member> = self
            .members
            .iter()
            .filter(|member| {
                rests_freely(member, now)
                    && !member.apart.is_quarantined(now)
                    && !(member.read.is_backup && has_active)
                    && (member.read.weight > 0 || member.read.has_agent)
            })
            .collect();
        if let Spares::Named(names) = &settings.spares {
            candidates.sort_by_key(|member| {
                names
                    .iter()
                    .position(|name| *name == member.read.name)
                    .unwrap_or(usize::MAX)
            });
        }
        candidates.sort_by_key(|member| {
            let tier = settings.tier(&member.read.name);
            (member.read.weight == 0, tier)
        });
        candidates
    }

    /// The spare that is tried although it failed not long ago, because nobody serves: the one that
    /// failed first.
    pub(super) fn last_resort(&self, now: Timestamp) -> Option<&Member> {
        let failed = self.members.iter().filter(|member| {
            rests_freely(member, now)
                && member
                    .apart
                    .failed_at
                    .is_none_or(|at| now.since(at) >= LAST_RESORT_PAUSE)
        });
        failed.min_by_key(|member| member.apart.failed_at)
    }

    /// A server that is no backup may get requests: backups get none.
    pub(super) fn has_active(&self) -> bool {
        let is_active = |member: &Member| member.read.is_in_balance() && !member.read.is_backup;
        self.members.iter().any(is_active)
    }

    /// The spares that may go, the first one first: one that is dead, gets nothing, fails or is slow; then the
    /// dearest tier; then the one that was enabled last.
    pub(super) fn in_order_of_going(
        &self,
        now: Timestamp,
        settings: &BackendSettings,
    ) -> Vec<&Member> {
        let may_go = self.members.iter().filter(|member| {
            member.role == Role::Spare
                && member.stage == Stage::Ready
                && member.may_be_changed(now)
                && member.marks.kept() != Some(Kept::In)
        });
        let mut order: Vec<&Member> = may_go.collect();
        // Of two that are alike the later one in haproxy.cfg goes first.
        order.reverse();
        order.sort_by_key(|member| {
            let tier = settings.tier(&member.read.name);
            Reverse((member.is_worse(), tier, member.ready_at))
        });
        order
    }

    /// The backend would keep `floor` serving servers, and each always-up one, without this server.
    pub(super) fn can_spare(&self, name: &str, floor: u32) -> bool {
        let is_serving = self.member(name).is_some_and(Member::is_serving);
        let left = self.serving().saturating_sub(u32::from(is_serving));
        let are_there = !self.members.iter().any(|it| it.errand.is_always_up);
        left >= floor.max(1) && self.dead_always_up().is_empty() && are_there
    }
}

/// What a server is to us, by HAProxy's marks and our settings.
pub(super) fn role_of(read: &ServerRead, settings: &BackendSettings) -> Role {
    if settings.always_up.contains(&read.name) {
        return Role::AlwaysUp;
    }
    let is_spare = match &settings.spares {
        Spares::Auto => read.is_disabled_in_cfg(),
        Spares::Named(names) => names.contains(&read.name),
    };
    if is_spare { Role::Spare } else { Role::Other }
}

/// HAProxy sends it nothing, and it is not a backup that rests.
fn is_dead(read: &ServerRead) -> bool {
    if read.is_backup {
        !read.is_up() || read.weight == 0
    } else {
        !read.is_in_balance()
    }
}

/// Why a server takes no balanced traffic.
fn shows(read: &ServerRead) -> Shown {
    let by_agent = read.is_by_agent;
    match read.admin_state() {
        AdminState::Maint => Shown::Maint,
        AdminState::Drain => Shown::Drain { by_agent },
        AdminState::Ready if read.is_up() && read.weight == 0 => Shown::NoWeight,
        AdminState::Ready => Shown::Down { by_agent },
    }
}

/// A spare in maint that is ours to bring in: no operator, order or other server keeps it there.
fn rests_freely(member: &Member, now: Timestamp) -> bool {
    member.role == Role::Spare
        && member.stage == Stage::Maint
        && member.read.is_maint()
        && member.may_be_changed(now)
        && member.marks.kept() != Some(Kept::Out)
}
