//! One backend's servers: roles, stages, who is next, what may never be touched.
//! Signals and numbers from the log do not belong here.

use std::time::Duration;

use super::budget::Budget;
use super::decision::{Cause, Consequence, Fault, Wanted};
use super::event::{AdminState, ServerRead, Timestamp};
use super::hand::{Kept, Marks};
use super::kick::Kick;
use super::probation::Probation;
use super::settings::{BackendSettings, Spares};

/// The first quarantine of a spare that failed; it doubles up to [`QUARANTINE_MAX`].
const QUARANTINE_MIN: Duration = Duration::from_secs(60);
/// With nobody serving, one that failed is tried again after this long.
const LAST_RESORT_PAUSE: Duration = Duration::from_secs(10);
/// The longest quarantine.
pub(super) const QUARANTINE_MAX: Duration = Duration::from_secs(60 * 60);

/// What a server is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Never disabled by us.
    AlwaysUp,
    /// May be enabled and disabled by us.
    Spare,
    /// Neither; never touched.
    Other,
}

/// Where a spare is on its way.
///
/// ```text
///  Unknown ── seen in maint ─▶ Maint ── wanted ─▶ Warming ── N in a row pass ─▶ DrainingIn
///     │                         ▲ ▲                  │                              │
///     │                         │ └─ failed: quarantine ◀───────────────────────────┤
///     │      no sessions left,  │                                 fresh, full health │
///     │      or drain_timeout   │                                                    ▼
///     └── seen ready ──────▶ DrainingOut ◀───── quiet for idle_timeout ─────────── Ready
///                               └──────────────── load returns ─────────────────────▲
/// ```
///
/// A server without `check` goes from Warming straight to Ready. Unknown: after the start, and
/// after every reload or restart of HAProxy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// HAProxy has not told yet.
    #[default]
    Unknown,
    /// In maintenance.
    Maint,
    /// In maintenance, and being sent our own requests.
    Warming,
    /// Checked by HAProxy, without balanced traffic.
    DrainingIn,
    /// Takes traffic.
    Ready,
    /// Finishes its sessions.
    DrainingOut,
}

impl Role {
    /// The word of the contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AlwaysUp => "always_up",
            Self::Spare => "spare",
            Self::Other => "other",
        }
    }
}

impl Stage {
    /// The word of the contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Maint => "maint",
            Self::Warming => "warming",
            Self::DrainingIn => "draining-in",
            Self::Ready => "ready",
            Self::DrainingOut => "draining-out",
        }
    }
}

/// What is wrong with a ready spare.
#[derive(Clone, Debug, Default)]
pub(super) struct Trouble {
    /// Why it gets no requests, as it was said.
    pub(super) idle: Option<Cause>,
    /// In what way it answers worse than the others.
    pub(super) fault: Option<Fault>,
    /// What was said to become of it.
    pub(super) said: Option<Consequence>,
    /// It takes many times as long as the others, since then.
    pub(super) slow_since: Option<Timestamp>,
}

/// One server with what we remember about it.
#[allow(clippy::struct_excessive_bools)] // Independent facts about one server, each with a name.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// What HAProxy said last; its name is the identity.
    pub(super) read: ServerRead,
    pub(super) role: Role,
    pub(super) stage: Stage,
    /// The state that we set or saw last in this HAProxy's lifetime; another one is an operator's.
    pub(super) expected: Option<AdminState>,
    /// Since when it is in [`Stage::Ready`], by our doing or because we found it so.
    pub(super) ready_at: Option<Timestamp>,
    /// It was ready before HAProxy lost its states, and is still needed.
    pub(super) is_wanted_back: bool,
    /// It stands in for an always-up server that does not take traffic.
    pub(super) stands_in: bool,
    /// Its changes within the last hour.
    pub(super) budget: Budget,
    /// What an operator set for it.
    pub(super) marks: Marks,
    /// Whether it takes requests and answers them, while it is ready.
    pub(super) probation: Probation,
    /// Getting it out of HAProxy's queue trap.
    pub(super) kick: Kick,
    /// What is wrong with it while it is ready, and whether that was said.
    pub(super) trouble: Trouble,
    /// Requests that it had taken when it was seen in maint first, or as said last.
    pub(super) taken_in_maint: Option<(u64, Timestamp)>,
    /// It gets requests although it is in maint.
    pub(super) is_used_in_maint: bool,
    /// When it was said last that it gets nothing, and that it answers badly.
    pub(super) idle_said_at: Option<Timestamp>,
    pub(super) fault_said_at: Option<Timestamp>,
    /// Why it came in last.
    pub(super) came_for: Option<Wanted>,
    /// It drains, and its sessions last longer than `drain_timeout`: no change waits for them.
    pub(super) is_lingering: bool,
    /// It has been ready since it left maint, in this HAProxy's lifetime: it may be so again without
    /// another proof.
    pub(super) is_proven: bool,
    hold_until: Option<Timestamp>,
    quarantined_until: Option<Timestamp>,
    failures: u32,
    /// When it failed last.
    failed_at: Option<Timestamp>,
}

impl Member {
    /// An operator changed it by hand not long ago.
    pub(super) fn is_held(&self, now: Timestamp) -> bool {
        self.hold_until.is_some_and(|until| now < until)
    }

    /// It failed not long ago.
    pub(super) fn is_quarantined(&self, now: Timestamp) -> bool {
        self.quarantined_until.is_some_and(|until| now < until)
    }

    /// It has been changed too often to come in for load.
    pub(super) fn is_spent(&self, now: Timestamp, idle_timeout: Duration) -> bool {
        let free_at = self.budget.may_come_at(idle_timeout);
        free_at.is_some_and(|at| now < at)
    }

    /// It takes balanced traffic, as far as anybody can see: HAProxy may send it some, it was not
    /// found to get none, and what it gets does not fail.
    pub(super) fn is_serving(&self) -> bool {
        self.read.is_in_balance() && !self.probation.is_idle() && !self.probation.is_failing()
    }

    /// It drains, and nothing is to be done about it: sessions are waited for, or its agent would
    /// take it out of maint again.
    pub(super) fn rests_in_drain(&self) -> bool {
        self.is_lingering && self.read.sessions > 0 || self.read.is_by_agent
    }

    /// It is ready, and not as good as the others: the first one to go.
    pub(super) fn is_worse(&self) -> bool {
        !self.is_serving() || self.trouble.slow_since.is_some()
    }

    /// It is in [`Stage::Ready`] from now on, and is watched.
    pub(super) fn is_now_ready(&mut self, now: Timestamp, since: Timestamp) {
        self.stage = Stage::Ready;
        self.ready_at = Some(since);
        self.is_proven = true;
        self.is_lingering = false;
        self.trouble = Trouble::default();
        self.probation = Probation::begin(now);
    }

    /// It was found in that stage; in [`Stage::Ready`] since `since`.
    pub(super) fn enter(&mut self, now: Timestamp, stage: Stage, since: Timestamp) {
        match stage {
            Stage::Ready => self.is_now_ready(now, since),
            Stage::Unknown
            | Stage::Maint
            | Stage::Warming
            | Stage::DrainingIn
            | Stage::DrainingOut => {
                self.is_not_ready();
                self.stage = stage;
            }
        }
    }

    /// It is not in [`Stage::Ready`] any more.
    fn is_not_ready(&mut self) {
        self.ready_at = None;
        self.trouble = Trouble::default();
        self.probation = Probation::default();
    }

    /// HAProxy may send it requests: a ready spare, or a server that is not ours to change.
    pub(super) fn is_in_use(&self) -> bool {
        match self.role {
            Role::Spare => self.stage == Stage::Ready,
            Role::AlwaysUp | Role::Other => self.read.is_up(),
        }
    }

    /// It has done well for long enough: earlier failures are forgotten.
    pub(super) const fn forgive(&mut self) {
        self.failures = 0;
    }

    /// Leaves it alone for a while.
    pub(super) fn hold(&mut self, now: Timestamp, hold: Duration) {
        self.hold_until = Some(now.after(hold));
    }

    /// No candidate for a minute, doubling with each failure in a row to an hour.
    pub(super) fn quarantine(&mut self, now: Timestamp) -> Duration {
        let doublings = self.failures.min(6);
        let span = (QUARANTINE_MIN * 2_u32.pow(doublings)).min(QUARANTINE_MAX);
        self.failures = self.failures.saturating_add(1);
        self.quarantined_until = Some(now.after(span));
        self.failed_at = Some(now);
        span
    }

    /// It took traffic: earlier failures are forgotten.
    pub(super) fn became_ready(&mut self, now: Timestamp) {
        self.is_now_ready(now, now);
        self.expected = Some(AdminState::Ready);
        self.is_wanted_back = false;
        if self.read.counters.is_none() {
            self.forgive(); // Nobody can tell how it does.
        }
        self.quarantined_until = None;
        self.budget.spend(now);
    }

    /// It is in maintenance.
    pub(super) fn became_maint(&mut self) {
        self.stage = Stage::Maint;
        self.is_not_ready();
        self.is_lingering = false;
        self.is_proven = false;
        self.stands_in = false;
        self.expected = Some(AdminState::Maint);
    }

    /// Ends a hold: it is ours again.
    pub(super) const fn end_hold(&mut self) {
        self.hold_until = None;
    }

    /// Ends a quarantine: an operator wants it tried now.
    pub(super) const fn end_quarantine(&mut self) {
        self.quarantined_until = None;
        self.failures = 0;
    }

    /// When a hold ends.
    pub(super) const fn hold_until(&self) -> Option<Timestamp> {
        self.hold_until
    }

    /// When a quarantine ends.
    pub(super) const fn quarantined_until(&self) -> Option<Timestamp> {
        self.quarantined_until
    }

    /// Failures in a row.
    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }

    /// Takes a hold from before a restart.
    pub(super) const fn restore_hold(&mut self, until: Option<Timestamp>) {
        self.hold_until = until;
    }

    /// Takes a quarantine from before a restart.
    pub(super) const fn restore_quarantine(&mut self, until: Option<Timestamp>, failures: u32) {
        self.quarantined_until = until;
        self.failures = failures;
    }

    /// What an operator reads beside it in `status`.
    pub(super) fn note(&self, now: Timestamp) -> Option<String> {
        let of_its_own = self.own_note(now);
        match (self.marks.note(now), of_its_own) {
            (Some(marks), Some(own)) => Some(format!("{own}; {marks}")),
            (marks, own) => marks.or(own),
        }
    }

    fn own_note(&self, now: Timestamp) -> Option<String> {
        let until = |until: Timestamp| super::decision::Span(until.since(now));
        match (self.hold_until, self.quarantined_until) {
            (Some(hold), _) if now < hold => {
                let by = if self.read.has_agent {
                    "by its agent or by hand"
                } else {
                    "by hand"
                };
                Some(format!("on hold for {}: changed {by}", until(hold)))
            }
            (_, Some(quarantine)) if now < quarantine => {
                Some(format!("quarantined for {}: it failed", until(quarantine)))
            }
            _ if self.role == Role::Spare && self.read.is_tracked => {
                Some("not touched: other servers track it".to_owned())
            }
            _ if self.stage == Stage::Ready && !self.read.is_up() => {
                Some("DOWN by HAProxy's checks".to_owned())
            }
            _ if self.read.is_drain() && self.read.is_by_agent => {
                Some("its agent answers `drain`".to_owned())
            }
            _ if self.read.is_up() && self.read.weight == 0 => {
                Some("takes no requests: its weight is 0".to_owned())
            }
            _ if self.read.is_up() && self.read.is_passed_over => {
                Some("takes no requests: it is a backup".to_owned())
            }
            _ if self.probation.is_idle() => Some("takes no requests".to_owned()),
            _ if self.probation.is_failing() => Some("its requests fail".to_owned()),
            _ if self.trouble.slow_since.is_some() => {
                Some("many times slower than the others".to_owned())
            }
            _ if self.is_lingering => Some("waits for its sessions to end".to_owned()),
            _ if self.role == Role::Spare && self.read.is_beyond_us() => {
                Some("not touched: tracked or unresolved".to_owned())
            }
            _ => None,
        }
    }
}

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

    /// Takes HAProxy's word: its servers in its order, with what we remember of each.
    pub(super) fn take(&mut self, servers: Vec<ServerRead>, settings: &BackendSettings) {
        let mut known = std::mem::take(&mut self.members);
        for read in servers {
            let role = role_of(&read, settings);
            let position = known
                .iter()
                .position(|member| member.read.name == read.name);
            let member = match position {
                Some(position) => Member {
                    read,
                    role,
                    ..known.swap_remove(position)
                },
                None => Member {
                    read,
                    role,
                    stage: Stage::Unknown,
                    expected: None,
                    ready_at: None,
                    is_wanted_back: false,
                    stands_in: false,
                    budget: Budget::default(),
                    marks: Marks::default(),
                    probation: Probation::default(),
                    kick: Kick::default(),
                    trouble: Trouble::default(),
                    taken_in_maint: None,
                    is_used_in_maint: false,
                    idle_said_at: None,
                    fault_said_at: None,
                    came_for: None,
                    is_lingering: false,
                    is_proven: false,
                    hold_until: None,
                    quarantined_until: None,
                    failures: 0,
                    failed_at: None,
                },
            };
            self.members.push(member);
        }
    }

    /// Forgets what belongs to one HAProxy process: states and holds. Quarantines stay, they are
    /// about the server. `is_needed`: what was ready is wanted back.
    pub(super) fn begin_generation(&mut self, now: Timestamp, is_needed: bool) {
        for member in &mut self.members {
            let was_ours = member.role == Role::Spare && !member.is_held(now);
            let was_in = matches!(
                member.stage,
                Stage::Ready | Stage::DrainingIn | Stage::Warming
            );
            member.is_wanted_back = was_ours && is_needed && (was_in || member.is_wanted_back);
            member.stage = Stage::Unknown;
            member.expected = None;
            member.is_not_ready();
            member.is_lingering = false;
            member.is_proven = false;
            member.kick = Kick::default();
            member.hold_until = None;
        }
    }

    /// Spares that have become ready since then.
    pub(super) fn joined_since(&self, since: Timestamp) -> u32 {
        let joined = self.members.iter().filter(|member| {
            member.role == Role::Spare && member.ready_at.is_some_and(|at| at > since)
        });
        u32::try_from(joined.count()).unwrap_or(u32::MAX)
    }

    /// Servers that take requests and answer them, whoever's they are: what the backend can count on.
    pub(super) fn serving(&self) -> u32 {
        self.count(Member::is_serving)
    }

    /// The same, but for that one.
    pub(super) fn serving_without(&self, name: &str) -> u32 {
        self.count(|member| member.is_serving() && member.read.name != name)
    }

    /// Servers that HAProxy may send requests to, whoever's they are and whether or not they were
    /// seen to get any; those whose requests fail are left out.
    pub(super) fn in_balance(&self) -> u32 {
        self.count(|member| member.read.is_in_balance() && !member.probation.is_failing())
    }

    fn count(&self, is_one: impl Fn(&Member) -> bool) -> u32 {
        let count = self.members.iter().filter(|member| is_one(member)).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// The always-up servers that take no traffic, and what HAProxy shows of each. A backup one is
    /// meant to rest while others serve.
    pub(super) fn dead_always_up(&self) -> Vec<(&str, &'static str)> {
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
                member.stands_in && member.stage == Stage::Ready && member.is_serving()
            })
            .count()
    }

    /// Ready spares that HAProxy sends nothing, DOWN or without weight, but for those that stood in
    /// themselves: the server that they stood in for still counts.
    pub(super) fn dead_spares(&self, now: Timestamp) -> Vec<(&str, &'static str)> {
        self.members
            .iter()
            .filter(|member| {
                member.role == Role::Spare
                    && member.stage == Stage::Ready
                    && member.read.admin_state() == AdminState::Ready
                    && is_dead(&member.read)
                    && !member.stands_in
                    && !member.is_held(now)
                    && !member.read.is_tracked
            })
            .map(|member| (member.read.name.as_str(), shows(&member.read)))
            .collect()
    }

    /// Spares that may be brought in, best first. One without weight comes last: its agent may say
    /// something else once it is in. A backup helps only where nobody else is active.
    pub(super) fn candidates(&self, now: Timestamp, settings: &BackendSettings) -> Vec<&Member> {
        let has_active = self.has_active();
        let mut candidates: Vec<&Member> = self
            .members
            .iter()
            .filter(|member| {
                member.role == Role::Spare
                    && member.stage == Stage::Maint
                    && member.read.is_maint()
                    && !member.read.is_beyond_us()
                    && !member.read.is_tracked
                    && !member.is_held(now)
                    && !member.is_quarantined(now)
                    && !member.marks.is_fixed()
                    && member.marks.kept() != Some(Kept::Out)
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
        candidates.sort_by_key(|member| member.read.weight == 0);
        candidates
    }

    /// The spare that is tried although it failed not long ago, because nobody serves: the one that
    /// failed first.
    pub(super) fn last_resort(&self, now: Timestamp) -> Option<&Member> {
        let failed = self.members.iter().filter(|member| {
            member.role == Role::Spare
                && member.stage == Stage::Maint
                && member.read.is_maint()
                && !member.read.is_beyond_us()
                && !member.read.is_tracked
                && !member.is_held(now)
                && !member.marks.is_fixed()
                && member.marks.kept() != Some(Kept::Out)
                && member
                    .failed_at
                    .is_none_or(|at| now.since(at) >= LAST_RESORT_PAUSE)
        });
        failed.min_by_key(|member| member.failed_at)
    }

    /// A server that is no backup may get requests: backups get none.
    pub(super) fn has_active(&self) -> bool {
        let is_active = |member: &Member| member.read.is_in_balance() && !member.read.is_backup;
        self.members.iter().any(is_active)
    }

    /// The spare that would go first: one that is dead, gets nothing, fails or is slow, or the one
    /// that was enabled last.
    pub(super) fn first_to_go(&self, now: Timestamp) -> Option<&Member> {
        self.members
            .iter()
            .filter(|member| {
                member.role == Role::Spare
                    && member.stage == Stage::Ready
                    && !member.is_held(now)
                    && !member.marks.is_fixed()
                    && member.marks.kept() != Some(Kept::In)
                    && !member.read.is_tracked
                    && !member.read.is_beyond_us()
            })
            .max_by_key(|member| (member.is_worse(), member.ready_at))
    }

    /// The backend would keep `floor` serving servers, and each always-up one, without this server.
    pub(super) fn can_spare(&self, name: &str, floor: u32) -> bool {
        let is_serving = self.member(name).is_some_and(Member::is_serving);
        let left = self.serving().saturating_sub(u32::from(is_serving));
        left >= floor.max(1) && self.dead_always_up().is_empty()
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

/// In a word or two, why a server takes no balanced traffic.
fn shows(read: &ServerRead) -> &'static str {
    match read.admin_state() {
        AdminState::Maint => "in maint",
        AdminState::Drain if read.is_by_agent => "draining (its agent says so)",
        AdminState::Drain => "draining",
        AdminState::Ready if read.is_up() && read.weight == 0 => "of weight 0",
        AdminState::Ready if read.is_by_agent => "DOWN (its agent says so)",
        AdminState::Ready => "DOWN",
    }
}
