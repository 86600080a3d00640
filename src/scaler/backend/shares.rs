//! Which servers are expected to take requests, why one gets none, and which of them the backend can
//! do without, as far as a picture shows it. Nothing is changed here.

use std::time::Duration;

use super::facts::Facts;
use crate::scaler::decision::{Cause, Consequence};
use crate::scaler::hand::Kept;
use crate::scaler::member::name_of;
use crate::scaler::member::{Member, Role};
use crate::scaler::probation::{Circumstances, Others};
use crate::scaler::seen::Blocked;
use crate::scaler::settings::BackendSettings;
use crate::words::picture::Balance;
use crate::words::time::Timestamp;

/// Of the servers' weights one is next to nothing when it is less than this part of an equal one.
const LITTLE_WEIGHT: u32 = 5;
/// A newcomer is looked at this often at first …
const WATCH_CLOSELY: Duration = Duration::from_millis(100);
/// … for this long …
const CLOSELY_FOR: Duration = Duration::from_secs(3);
/// … and then this often …
const WATCH: Duration = Duration::from_millis(500);
/// … until it has taken its share, or for this long.
const WATCH_FOR: Duration = Duration::from_secs(60);
/// By now what an overload left behind has ended or has been given up by HAProxy's usual timeouts.
const SEASONED: Duration = Duration::from_secs(60);
/// With so many spares in that get nothing another one would hardly get more.
const IDLE_MAX: usize = 2;

/// How servers do together: where most of them are too slow, one that fails has too much to do.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Overrun {
    servers: u64,
    sessions: u64,
    /// Of those that have been in for long enough: whose times are known, and who is too slow.
    known: usize,
    slow: usize,
}

impl Overrun {
    /// Most of the others are too slow, and it has as much to do as they. One that fails at once has
    /// not: that is its own fault.
    fn is_shared_by(self, now: Timestamp, member: &Member) -> bool {
        let (known, slow) = is_judge(now, member);
        let (known, slow) = (
            self.known - known.min(self.known),
            self.slow - slow.min(self.slow),
        );
        let sessions = u64::from(member.read.sessions);
        let is_as_busy = 2 * sessions * self.servers >= self.sessions && sessions > 0;
        is_as_busy && 2 * slow > known
    }
}

/// (1, 0) for a server whose times are known and good, (1, 1) where they are too long. A newcomer judges
/// nobody: what an overload left behind still fails on the others.
fn is_judge(now: Timestamp, member: &Member) -> (usize, usize) {
    let is_seasoned = member.service.probation.age(now) >= Some(SEASONED);
    match member.service.is_slow.filter(|_| is_seasoned) {
        Some(is_slow) => (1, usize::from(is_slow)),
        None => (0, 0),
    }
}

impl Facts {
    /// Servers in use that HAProxy counts for.
    pub(super) fn watched(&self) -> impl Iterator<Item = &Member> {
        let members = self.pool.members.iter();
        members.filter(|member| member.is_in_use() && member.read.counters.is_some())
    }

    /// Servers that HAProxy may send requests to.
    fn balanced(&self) -> impl Iterator<Item = &Member> {
        let members = self.pool.members.iter();
        members.filter(|member| member.read.is_in_balance())
    }

    pub(super) fn others_of(&self, name: &str) -> Others {
        let mut others = Others::default();
        for member in self.watched().filter(|it| it.read.name != name) {
            others.add(&member.service.probation, member.read.sessions);
        }
        others
    }

    /// Servers that have been in for long enough to be judges of others, and how many are too slow.
    pub(super) fn overrun(&self, now: Timestamp) -> Overrun {
        let mut overrun = Overrun::default();
        for member in self.watched().filter(|it| it.read.is_in_balance()) {
            overrun.servers += 1;
            overrun.sessions += u64::from(member.read.sessions);
            let (known, slow) = is_judge(now, member);
            overrun.known += known;
            overrun.slow += slow;
        }
        overrun
    }

    pub(super) fn circumstances(
        &self,
        now: Timestamp,
        name: &str,
        overrun: Overrun,
    ) -> Circumstances {
        let member = self.pool.member(name);
        let is_spare = member.is_some_and(|it| it.role == Role::Spare);
        let is_up = member.is_some_and(|it| it.read.is_up());
        Circumstances {
            share: self.fair_share(name),
            servers: self.pool.in_balance(),
            is_judged: is_spare && is_up && self.is_share_judged(name),
            sessions: member.map_or(0, |it| it.read.sessions),
            is_replaceable: is_spare,
            is_overrun: member.is_some_and(|member| overrun.is_shared_by(now, member)),
        }
    }

    /// The part of the traffic that its weight gives a server, 0–1; `slowstart` taken into account.
    fn fair_share(&self, name: &str) -> f64 {
        let weight = |member: &Member| {
            let throttle = f64::from(member.read.throttle.unwrap_or(100)) / 100.0;
            f64::from(member.read.weight) * throttle
        };
        let total: f64 = self.balanced().map(weight).sum();
        let own = self
            .balanced()
            .find(|member| member.read.name == name)
            .map(weight);
        own.map_or(0.0, |own| if total > 0.0 { own / total } else { 0.0 })
    }

    /// Whether it is to be expected that a server gets requests now: not while `slowstart` or a
    /// `weight_ramp` holds it back, not while a kick may still help, and not while `balance first` has room before it.
    fn is_share_judged(&self, name: &str) -> bool {
        let Some(member) = self.pool.member(name) else {
            return false;
        };
        let has_limits = self.pool.members.iter().any(|it| it.read.maxconn.is_some());
        let earlier = self.pool.members.iter();
        let mut earlier = earlier.take_while(|it| it.read.name != name);
        // Full servers before it hand on what they cannot take; one without a limit never does.
        let is_filled_later = self.traffic.balance == Balance::First
            && self.queued == 0
            && earlier.all(|it| !it.read.is_in_balance() || it.read.maxconn.is_some());
        let is_kicked = self.queued > 0 && has_limits && !member.service.kick.is_in_vain();
        let is_held_back = member.read.is_throttled() || member.service.ramp.is_growing();
        !is_held_back && !is_filled_later && !is_kicked
    }

    /// Why a ready server gets nothing, as far as HAProxy shows it.
    pub(super) fn cause(&self, name: &str) -> Cause {
        let Some(member) = self.pool.member(name) else {
            return Cause::Unknown;
        };
        let read = &member.read;
        if read.weight == 0 {
            return Cause::NoWeight {
                by_agent: read.has_agent,
            };
        }
        if read.is_passed_over {
            return Cause::Backup;
        }
        let total: u32 = self
            .balanced()
            .map(|it| it.read.weight)
            .fold(0, u32::saturating_add);
        let servers = self.pool.in_balance().max(1);
        let weight = read.weight;
        if weight.saturating_mul(servers).saturating_mul(LITTLE_WEIGHT) < total {
            return Cause::LittleWeight { weight, total };
        }
        match self.traffic.balance {
            _ if self.queued > 0 => Cause::Queue,
            Balance::First => Cause::First,
            Balance::ByHash => Cause::Hash,
            _ if self.traffic.has_cookie => Cause::Cookie,
            Balance::Unknown | Balance::InTurn | Balance::ByLoad => Cause::Unknown,
        }
    }

    /// Enough others serve without it. Where its requests fail it is none of those that `min` wants.
    pub(super) fn may_expel(&self, name: &str, settings: &BackendSettings) -> bool {
        let member = self.pool.member(name);
        let is_failing = member.is_some_and(|it| it.service.probation.is_failing());
        let needed = if is_failing { 1 } else { self.floor(settings) };
        self.pool.serving_without(name) >= needed
    }

    pub(super) fn why_it_stays(
        &self,
        now: Timestamp,
        name: &str,
        settings: &BackendSettings,
    ) -> Option<Consequence> {
        let member = self.pool.member(name)?;
        let is_ordered = member.marks.is_fixed()
            || member.marks.kept() == Some(Kept::In)
            || member.apart.is_held(now);
        if is_ordered {
            Some(Consequence::Ordered)
        } else if self.traffic.balance == Balance::ByHash {
            Some(Consequence::ByContent)
        } else if !self.may_expel(name, settings) {
            Some(Consequence::TooFewOthers)
        } else {
            None
        }
    }

    /// Why another spare would get no more than those that are in; `None` when one may help.
    pub(super) fn idles_enough(&self) -> Option<Blocked> {
        let idle = || {
            self.watched()
                .filter(|member| member.service.trouble.idle.is_some())
        };
        let is_first = |member: &Member| member.service.trouble.idle == Some(Cause::First);
        if idle().count() < IDLE_MAX && !idle().any(is_first) {
            return None;
        }
        let cause = idle().find_map(|member| member.service.trouble.idle)?;
        Some(Blocked::Idle(idle().map(name_of).collect(), cause))
    }

    /// How soon ready spares want to be looked at again.
    pub(super) fn service_interval(&self, now: Timestamp) -> Option<Duration> {
        self.watched()
            .filter(|member| member.role == Role::Spare)
            .filter_map(|member| {
                let age = member.service.probation.age(now)?;
                let is_stuck = self.queued > 0 && member.read.sessions == 0;
                if age < CLOSELY_FOR {
                    Some(WATCH_CLOSELY)
                } else if age < WATCH_FOR && member.service.probation.is_open()
                    || is_stuck
                    || member.service.kick.lent().is_some()
                    || member.service.trouble.fault.is_some()
                {
                    Some(WATCH)
                } else {
                    None
                }
            })
            .min()
    }
}
