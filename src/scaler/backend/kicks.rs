//! Kicking ready spares out of HAProxy's queue trap, and taking back what that lent them. What the
//! trap is, is said in `kick`.

use std::time::Duration;

use super::facts::Facts;
use crate::scaler::decision::{Change, Note};
use crate::scaler::event::{Action, ActionId};
use crate::scaler::hand::Hand;
use crate::scaler::member::name_of;
use crate::scaler::member::{Member, Role, Stage};
use crate::scaler::outbox::Outbox;
use crate::scaler::pool::Pool;
use crate::words::picture::WriteFailure;
use crate::words::time::Timestamp;

/// The most that is lent.
const LENT_MAX: u32 = 100_000;

/// A backend's servers, as far as its queue is concerned.
pub(in crate::scaler) struct Queue<'a> {
    pool: &'a mut Pool,
    /// Requests that wait.
    queued: u32,
    /// Nobody is kicked.
    is_paused: bool,
}

impl<'a> Queue<'a> {
    /// That of these servers.
    pub(super) fn of(facts: &'a mut Facts, hand: &Hand) -> Self {
        Self {
            pool: &mut facts.pool,
            queued: facts.queued,
            is_paused: hand.pause().is_some(),
        }
    }

    /// A spare has come from drain to ready: whatever waits in the queue, it gets its part of it.
    pub(super) fn kick_newcomer(&mut self, now: Timestamp, name: &str, out: &mut Outbox) {
        let Some(member) = self.pool.member(name) else {
            return;
        };
        match self.kick_by(member) {
            // A server with a limit of its own loses nothing by being told it again.
            Some((maxconn, false)) => self.send_maxconn(now, name, maxconn, None, out),
            Some((maxconn, true)) if self.queued > 0 => {
                self.send_maxconn(now, name, maxconn, Some(maxconn), out);
            }
            Some(_) | None => {}
        }
    }

    /// Looks, with each picture, for ready spares that get nothing of a queue, and for limits that
    /// are not needed any more.
    pub(super) fn watch_queue(&mut self, now: Timestamp, timeout: Duration, out: &mut Outbox) {
        for member in &mut self.pool.members {
            member.service.kick.give_up(now, timeout);
            if let Some(counters) = member.read.counters {
                member.service.kick.see(now, counters.taken);
            }
            if member.service.kick.lent().is_some()
                && member.read.maxconn != member.service.kick.lent()
            {
                member.service.kick.loses_what_it_was_lent(now);
            }
        }
        self.take_back_lent(now, self.queued > 0, out);
        self.lend_more(now, out);
        if self.queued == 0 || self.is_paused {
            return;
        }
        let stuck: Vec<String> = self
            .pool
            .members
            .iter()
            .filter(|member| {
                let limit = member.read.maxconn.unwrap_or(u32::MAX);
                member.role == Role::Spare
                    && member.stage == Stage::Ready
                    && member.read.is_in_balance()
                    && member.read.counters.is_some()
                    && member.read.sessions < limit
                    && !member.apart.is_held(now)
                    && !member.marks.is_fixed()
                    && member.service.kick.is_due(now)
            })
            .map(name_of)
            .collect();
        for name in stuck {
            let by = self.pool.member(&name).and_then(|it| self.kick_by(it));
            if let Some((maxconn, is_lent)) = by {
                self.send_maxconn(now, &name, maxconn, is_lent.then_some(maxconn), out);
            }
        }
    }

    /// A lent limit that is used up while requests still wait was too small: the server has none of
    /// its own and may well carry more.
    fn lend_more(&mut self, now: Timestamp, out: &mut Outbox) {
        if self.queued == 0 || self.is_paused {
            return;
        }
        let full: Vec<(String, u32)> = self
            .pool
            .members
            .iter()
            .filter(|member| member.stage == Stage::Ready && member.service.kick.may_lend_more(now))
            .filter_map(|member| {
                let lent = member.service.kick.lent()?;
                let more = lent.saturating_mul(2).min(LENT_MAX);
                (member.read.sessions >= lent && more > lent).then(|| (name_of(member), more))
            })
            .collect();
        for (name, more) in full {
            self.send_maxconn(now, &name, more, Some(more), out);
        }
    }

    /// The limit to kick a server with, and whether it is lent. A server without one gets that of
    /// its neighbours; without any limit nothing queues in the backend.
    fn kick_by(&self, member: &Member) -> Option<(u32, bool)> {
        if let Some(own) = member.read.maxconn {
            return Some((own, member.service.kick.lent() == Some(own)));
        }
        let neighbours = self.pool.members.iter();
        let limits =
            neighbours.filter(|it| it.read.is_in_balance() && it.service.kick.lent().is_none());
        let limit = limits.filter_map(|it| it.read.maxconn).max()?;
        Some((limit, true))
    }

    fn send_maxconn(
        &mut self,
        now: Timestamp,
        name: &str,
        maxconn: u32,
        lent: Option<u32>,
        out: &mut Outbox,
    ) {
        // Whoever loses its limit while requests wait would be in the trap again.
        let takes_queue = maxconn == 0 && self.queued > 0;
        let id = out.next_id();
        if let Some(member) = self.pool.member_mut(name) {
            member.service.kick.sent(now, id, lent);
        }
        let server = out.server(name);
        out.actions.push(Action::SetMaxconn {
            id,
            server,
            maxconn,
            takes_queue,
        });
    }

    /// A limit was set, or not.
    pub(crate) fn maxconn_set(
        &mut self,
        now: Timestamp,
        id: ActionId,
        server: &str,
        outcome: Result<(), WriteFailure>,
        out: &mut Outbox,
    ) {
        let Some(member) = self.pool.member_mut(server) else {
            return;
        };
        if !member.service.kick.answered(id) {
            return;
        }
        if let Err(WriteFailure::Refused(words)) = outcome {
            let name = out.server(server);
            let note = Note::MaxconnRefused {
                server: name,
                words,
            };
            out.tell(now, Some(server), Change::Warning, note);
        }
    }

    /// Takes back the limits that were lent; `is_needed` keeps those of servers that may be sent
    /// requests.
    fn take_back_lent(&mut self, now: Timestamp, is_needed: bool, out: &mut Outbox) {
        let over: Vec<String> = self
            .pool
            .members
            .iter()
            .filter(|member| {
                let is_used = is_needed && member.stage == Stage::Ready;
                member.service.kick.may_take_back(now) && !is_used
            })
            .map(name_of)
            .collect();
        for name in over {
            self.send_maxconn(now, &name, 0, None, out);
        }
    }

    /// Nothing stays lent: the daemon ends, is paused, or does not look after the backend any more.
    pub(super) fn take_back_all_lent(&mut self, now: Timestamp, out: &mut Outbox) {
        let lent = self.pool.members.iter();
        let lent = lent.filter(|member| member.service.kick.lent().is_some());
        for name in lent.map(name_of).collect::<Vec<String>>() {
            self.send_maxconn(now, &name, 0, None, out);
        }
    }
}
