//! Servers on their way, and what their journeys may touch. One journey as data is in `way`, with the
//! drawing; what is done lives in `begin`, `steps` and `ends`.

mod begin;
mod ends;
mod steps;
mod way;

use std::time::Duration;

use self::way::{Goal, Step};
use super::facts::Facts;
use super::needs::Needs;
use super::plan::{Plan, Said};
use super::signals::Signals;
use super::timers::Timers;
use crate::scaler::event::ActionId;
use crate::scaler::hand::Hand;
use crate::scaler::member::Member;
use crate::scaler::outbox::Outbox;
use crate::scaler::settings::BackendSettings;
use crate::words::time::Timestamp;

pub(super) use self::way::{Delay, Journey};

/// The servers on their way, in the order in which they set out: at most one journey each.
#[derive(Debug, Default)]
pub(super) struct Journeys {
    under_way: Vec<Journey>,
    commands: Vec<Command>,
}

/// A command under way; it may outlive its journey.
#[derive(Debug)]
struct Command {
    id: ActionId,
    server: String,
    /// When it is given up: its outcome is unknown then.
    until: Timestamp,
}

impl Journeys {
    /// No server is on its way, and no command either.
    pub(super) const fn is_idle(&self) -> bool {
        self.under_way.is_empty() && self.commands.is_empty()
    }

    /// No server is on its way; a command may be.
    pub(super) const fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    /// All of them.
    pub(super) fn iter(&self) -> std::slice::Iter<'_, Journey> {
        self.under_way.iter()
    }

    /// That server's journey.
    pub(super) fn of(&self, server: &str) -> Option<&Journey> {
        self.under_way.iter().find(|it| it.server == server)
    }

    fn of_mut(&mut self, server: &str) -> Option<&mut Journey> {
        self.under_way.iter_mut().find(|it| it.server == server)
    }

    /// That spare is being brought in.
    pub(super) fn is_inbound(&self, server: &str) -> bool {
        self.of(server).is_some_and(Journey::is_inbound)
    }

    /// A command to that server is under way.
    pub(super) fn is_commanded(&self, server: &str) -> bool {
        self.commands.iter().any(|it| it.server == server)
    }

    /// One more server sets out.
    fn begin(&mut self, journey: Journey) {
        self.forget(&journey.server);
        self.under_way.push(journey);
    }

    /// Forgets that server's journey.
    pub(super) fn forget(&mut self, server: &str) -> Option<Journey> {
        let at = self.under_way.iter().position(|it| it.server == server)?;
        Some(self.under_way.remove(at))
    }

    /// Forgets all journeys; commands stay under way.
    pub(super) fn forget_all(&mut self) -> Vec<Journey> {
        std::mem::take(&mut self.under_way)
    }

    /// That server's journey goes on to that step.
    fn step(&mut self, server: &str, step: Step) {
        if let Some(journey) = self.of_mut(server) {
            journey.step = step;
        }
    }

    fn servers(&self) -> Vec<String> {
        self.under_way.iter().map(|it| it.server.clone()).collect()
    }
}

/// What the journeys of a backend may touch.
pub(in crate::scaler) struct Road<'a> {
    pub(super) signals: &'a mut Signals,
    pub(super) facts: &'a mut Facts,
    pub(super) settings: &'a BackendSettings,
    pub(super) journeys: &'a mut Journeys,
    pub(super) plan: &'a mut Plan,
    pub(super) said: &'a mut Said,
    pub(super) hand: &'a mut Hand,
    pub(super) timers: &'a mut Timers,
}

impl Road<'_> {
    /// What the backend needs, as things are.
    const fn needs(&self) -> Needs<'_> {
        Needs {
            facts: self.facts,
            signals: self.signals,
            settings: self.settings,
            hand: self.hand,
        }
    }

    /// That server and its journey.
    fn here(&self, name: &str) -> Option<(&Journey, &Member)> {
        Some((self.journeys.of(name)?, self.facts.pool.member(name)?))
    }

    /// Ends that server's journey; with it the server, and what else may be touched.
    fn end(&mut self, name: &str) -> Option<(Journey, &mut Member, &mut Plan)> {
        let journey = self.journeys.forget(name)?;
        let member = self.facts.pool.member_mut(name)?;
        Some((journey, member, self.plan))
    }

    /// After a change of its step the next look may have to come sooner.
    pub(super) fn read_sooner(&mut self, now: Timestamp) {
        let journeys = self.journeys.iter().map(Journey::read_interval);
        let service = self.facts.service_interval(self.facts.last_read());
        let wished = journeys.chain(service);
        let interval = wished.fold(self.settings.poll_interval, Duration::min);
        self.facts.reading.want_by(now.after(interval));
    }

    /// Looks at who serves. What did not come is still missing: the next breach need not wait.
    pub(super) fn watch_service(&mut self, now: Timestamp, out: &mut Outbox) {
        let (signals, settings) = (&mut *self.signals, self.settings);
        if self.facts.watch_service(now, signals, settings, out) {
            self.plan.up_not_before = now;
        }
    }
}
