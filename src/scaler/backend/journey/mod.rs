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

/// The servers on their way: one for now.
#[derive(Debug, Default)]
pub(super) struct Journeys {
    pub(super) only: Option<Journey>,
    /// The command under way; it may outlive its journey.
    pub(super) writing: Option<ActionId>,
}

impl Journeys {
    /// No server is on its way, and no command either.
    pub(super) const fn is_idle(&self) -> bool {
        self.only.is_none() && self.writing.is_none()
    }

    /// That server's journey.
    pub(super) fn of(&self, server: &str) -> Option<&Journey> {
        self.only.as_ref().filter(|it| it.server == server)
    }

    /// That spare is being brought in.
    pub(super) fn is_inbound(&self, server: &str) -> bool {
        self.of(server).is_some_and(Journey::is_inbound)
    }

    /// Forgets that server's journey.
    pub(super) fn forget(&mut self, server: &str) {
        self.only.take_if(|it| it.server == server);
    }

    /// Goes on to that step.
    fn step(&mut self, step: Step) {
        if let Some(journey) = &mut self.only {
            journey.step = step;
        }
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

    /// The journey under way, and its server.
    fn here(&self) -> Option<(&Journey, &Member)> {
        let journey = self.journeys.only.as_ref()?;
        Some((journey, self.facts.pool.member(&journey.server)?))
    }

    /// The journey that ends, and its server; and what else may be touched.
    fn end(&mut self) -> Option<(Journey, &mut Member, &mut Plan)> {
        let journey = self.journeys.only.take()?;
        let member = self.facts.pool.member_mut(&journey.server)?;
        Some((journey, member, self.plan))
    }

    /// After a change of its step the next look may have to come sooner.
    pub(super) fn read_sooner(&mut self, now: Timestamp) {
        let journey = self.journeys.only.as_ref().map(Journey::read_interval);
        let service = self.facts.service_interval(self.facts.last_read());
        let wished = journey.into_iter().chain(service);
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
