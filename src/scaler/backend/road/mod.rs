//! What is done for servers on their way, and what that may touch: how a journey begins and its
//! outcomes come in (`begin`), its steps, its end. One journey as data is in `journey`, with the drawing.

mod begin;
mod ends;
mod steps;
mod warm;

use std::time::Duration;

use super::facts::Facts;
use super::journey::{Goal, Journey, Step};
use super::journeys::Journeys;
use super::machines::Machines;
use super::needs::Needs;
use super::plan::Plan;
use super::signals::Signals;
use super::size::Size;
use super::votes::Votes;
use crate::scaler::hand::Hand;
use crate::scaler::member::Member;
use crate::scaler::outbox::Outbox;
use crate::scaler::ramp::Ramp;
use crate::scaler::settings::BackendSettings;
use crate::words::time::Timestamp;

pub(super) use self::warm::answers_next;

/// What the journeys of a backend may touch.
pub(in crate::scaler) struct Road<'a> {
    pub(super) signals: &'a mut Signals,
    pub(super) facts: &'a mut Facts,
    pub(super) settings: &'a BackendSettings,
    pub(super) journeys: &'a mut Journeys,
    pub(super) machines: &'a mut Machines,
    pub(super) size: &'a mut Size,
    pub(super) votes: &'a Votes,
    pub(super) plan: &'a mut Plan,
    pub(super) hand: &'a mut Hand,
}

impl Road<'_> {
    /// What the backend needs, as things are.
    pub(super) const fn needs(&self) -> Needs<'_> {
        Needs {
            facts: self.facts,
            signals: self.signals,
            settings: self.settings,
            hand: self.hand,
            journeys: self.journeys,
            machines: self.machines,
            size: self.size,
            votes: self.votes,
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
        let growing = self.facts.pool.members.iter();
        let growing = growing.filter(|it| it.service.ramp.is_growing());
        let ramps = growing.map(|_| Ramp::step(self.settings.weight_ramp));
        let wished = journeys.chain(service).chain(ramps);
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
