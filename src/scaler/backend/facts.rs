//! What is known of a backend: what HAProxy showed last, and whether its log can be believed. What
//! requests have shown is in `signals`; what follows from both in `needs`.

use std::time::Duration;

use super::crowd::Crowd;
use super::name_of;
use super::reading::Reading;
use super::service::Traffic;
use crate::scaler::agreement::{Agreement, Comparison};
use crate::scaler::decision::Wanted;
use crate::scaler::dropped::Share;
use crate::scaler::event::LogState;
use crate::scaler::hand::Kept;
use crate::scaler::member::{Member, Role, Stage};
use crate::scaler::pool::Pool;
use crate::scaler::seen::{Blocked, Nobody, WhyNot};
use crate::scaler::settings::BackendSettings;
use crate::words::picture::Generation;
use crate::words::time::Timestamp;

/// HAProxy that does not answer for so long after it should have been read, as in a reload, tells
/// nothing about the load: quiet goes on.
const BLINK: Duration = Duration::from_secs(3);

/// What is known of a backend.
#[repr(C)] // In this order: see `Backend`.
pub(super) struct Facts {
    pub(super) comparison: Comparison,
    pub(super) pool: Pool,
    /// Since when it is watched.
    pub(super) started: Timestamp,
    pub(super) reading: Reading,
    pub(super) generation: Option<Generation>,
    /// `qcur` of the BACKEND row, as read last.
    pub(super) queued: u32,
    pub(super) traffic: Traffic,
    /// Users who wait in front of HAProxy.
    pub(super) crowd: Crowd,
    /// Lines of its log that HAProxy itself drops, if they are many.
    pub(super) drops: Option<Share>,
    pub(super) log: LogState,
    /// Spares brought in since the log began to contradict HAProxy's counters.
    pub(super) brought_in_doubt: u32,
}

impl Facts {
    /// Nothing is known yet.
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            comparison: Comparison::new(),
            pool: Pool::default(),
            started: now,
            reading: Reading::default(),
            generation: None,
            queued: 0,
            traffic: Traffic::default(),
            crowd: Crowd::default(),
            drops: None,
            log: LogState::Flowing,
            brought_in_doubt: 0,
        }
    }

    /// Serving servers below which nothing is taken away. Where `min` is the number of always-up
    /// servers, those of them that are backups do not count: they rest while others serve.
    pub(in crate::scaler::backend) fn floor(&self, settings: &BackendSettings) -> u32 {
        let min = settings.min;
        let is_all = usize::try_from(min) == Ok(settings.always_up.len());
        let resting = if is_all {
            self.pool.resting_backups()
        } else {
            0
        };
        min.saturating_sub(resting).max(1)
    }

    /// When HAProxy was read last, or watching began.
    pub(in crate::scaler::backend) fn last_read(&self) -> Timestamp {
        self.reading.read_at.unwrap_or(self.started)
    }

    /// Whether spares may be brought in or sent away on what is known.
    pub(in crate::scaler::backend) const fn has_picture(&self) -> bool {
        self.reading.is_current()
    }

    /// HAProxy was read not long before this.
    pub(in crate::scaler::backend) fn is_blink(
        &self,
        now: Timestamp,
        settings: &BackendSettings,
    ) -> bool {
        let longest = settings.poll_interval + BLINK;
        self.reading
            .read_at
            .is_some_and(|at| now.since(at) <= longest)
    }

    pub(in crate::scaler::backend) fn in_flight(&self) -> u64 {
        let of_servers = self.pool.members.iter();
        let of_servers = of_servers
            .map(|member| u64::from(member.read.sessions) + u64::from(member.read.queued))
            .sum::<u64>();
        of_servers + u64::from(self.queued)
    }

    /// The log and HAProxy do not tell the same story.
    pub(in crate::scaler::backend) fn is_log_doubted(&self) -> bool {
        self.comparison.verdict() != Agreement::Agree || self.drops.is_some()
    }

    /// `max` servers are in.
    pub(in crate::scaler::backend) fn is_full(&self, settings: &BackendSettings) -> bool {
        let max = settings.max;
        max.is_some_and(|max| self.pool.in_balance() >= max)
    }

    pub(in crate::scaler::backend) fn fullness(
        &self,
        settings: &BackendSettings,
    ) -> Option<Blocked> {
        self.is_full(settings)
            .then(|| Blocked::Max(self.pool.in_balance()))
    }

    /// A spare came in, and the counters do not confirm the lines that asked for it.
    pub(in crate::scaler::backend) fn has_joined_in_doubt(&self) -> bool {
        let contradicts = self.comparison.verdict() != Agreement::Agree;
        let unvouched = self.comparison.unvouched_since();
        contradicts && self.brought_in_doubt > 0
            || unvouched.is_some_and(|since| self.pool.joined_since(since) > 0)
    }

    /// Forged or replayed lines alone can wake one spare and no more.
    pub(in crate::scaler::backend) fn doubt_about_more(&self) -> Option<Blocked> {
        self.has_joined_in_doubt()
            .then(|| Blocked::InDoubt(self.comparison.compared()))
    }

    /// Spares that may be brought in for that reason, best first.
    pub(in crate::scaler::backend) fn candidates_for(
        &self,
        now: Timestamp,
        wanted: &Wanted,
        settings: &BackendSettings,
    ) -> Vec<&Member> {
        if matches!(wanted, Wanted::Slow(_)) {
            self.candidates_for_load(now, settings)
        } else {
            self.pool.candidates(now, settings)
        }
    }

    /// Spares that may be brought in because it is slow, best first.
    pub(in crate::scaler::backend) fn candidates_for_load(
        &self,
        now: Timestamp,
        settings: &BackendSettings,
    ) -> Vec<&Member> {
        let mut candidates = self.pool.candidates(now, settings);
        candidates.retain(|member| !member.is_spent(now, settings.idle_timeout));
        candidates
    }

    /// What became of the spares, of which none can be brought in because it is slow.
    pub(in crate::scaler::backend) fn why_no_spare(
        &self,
        now: Timestamp,
        settings: &BackendSettings,
    ) -> Nobody {
        let spares = self.pool.members.iter();
        let spares: Vec<&Member> = spares.filter(|it| it.role == Role::Spare).collect();
        let serves = |spare: &Member| spare.stage == Stage::Ready && !spare.is_worse();
        if spares.is_empty() {
            return Nobody::NoSpares;
        }
        if spares.iter().all(|spare| serves(spare)) {
            return Nobody::AllIn(spares.len());
        }
        let spent_for = |spare: &Member| {
            let free_at = spare.budget.may_come_at(settings.idle_timeout)?;
            (now < free_at).then(|| free_at.since(now))
        };
        let why = |spare: &Member| match (spare.note(now), spent_for(spare)) {
            (Some(note), _) => WhyNot::Noted(Box::new(note)),
            (None, _) if serves(spare) => WhyNot::Serves,
            (None, Some(left)) => WhyNot::Spent(left),
            (None, None) => WhyNot::Is(spare.stage),
        };
        let each = spares.iter().map(|spare| (name_of(spare), why(spare)));
        Nobody::Each(each.collect())
    }

    pub(in crate::scaler::backend) fn found_draining(&self, now: Timestamp) -> Option<String> {
        self.pool
            .members
            .iter()
            .find(|member| {
                member.role == Role::Spare
                    && member.stage == Stage::DrainingOut
                    && !member.is_held(now)
                    && !member.marks.is_fixed()
                    && !member.rests_in_drain()
            })
            .map(name_of)
    }

    /// A spare whose sessions outlast its drain: it is the first one to be given back. One that
    /// answered badly, or that an operator wants out, is not.
    pub(in crate::scaler::backend) fn lingering(&self, now: Timestamp) -> Option<String> {
        let mut members = self.pool.members.iter();
        let found = members.find(|member| {
            member.role == Role::Spare
                && member.is_lingering
                && member.is_proven
                && member.stage == Stage::DrainingOut
                && !member.is_held(now)
                && !member.is_quarantined(now)
                && !member.marks.is_fixed()
                && member.marks.kept() != Some(Kept::Out)
        });
        found.map(name_of)
    }

    /// The spare that an operator wants in and that is not on its way.
    pub(in crate::scaler::backend) fn ordered_in(
        &self,
        now: Timestamp,
        settings: &BackendSettings,
    ) -> Option<String> {
        let mut candidates = self.pool.candidates(now, settings).into_iter();
        let wanted = candidates.find(|member| member.marks.kept() == Some(Kept::In))?;
        (!self.is_full(settings)).then(|| wanted.read.name.clone())
    }

    /// The spare that an operator wants out and that still serves.
    pub(in crate::scaler::backend) fn ordered_out(&self) -> Option<String> {
        let wanted = self.pool.members.iter().find(|member| {
            member.role == Role::Spare
                && member.stage == Stage::Ready
                && member.marks.kept() == Some(Kept::Out)
                && !member.marks.is_fixed()
                && !member.read.is_tracked
                && !member.read.is_beyond_us()
        })?;
        Some(wanted.read.name.clone())
    }

    /// An operator wants that spare in.
    pub(in crate::scaler::backend) fn is_kept_in(&self, name: &str) -> bool {
        let member = self.pool.member(name);
        member.is_some_and(|member| member.marks.kept() == Some(Kept::In))
    }
}
