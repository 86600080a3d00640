//! The shares of a backend's newcomers (`weight_ramp`): which grow and which cannot, what each picture
//! makes of them, and how every weight becomes haproxy.cfg's again. One server's ramp is in `ramp`.

use super::facts::Traffic;
use super::journeys::Journeys;
use super::kicks::Queue;
use super::road::Road;
use crate::scaler::decision::{Change, Fault, NoRamp, Note, RampNews, Wanted};
use crate::scaler::event::{Action, ActionId};
use crate::scaler::hand::Hand;
use crate::scaler::member::{Member, Role, Stage, name_of};
use crate::scaler::outbox::Outbox;
use crate::scaler::pool::Pool;
use crate::scaler::ramp::{Growing, Ramp};
use crate::scaler::settings::BackendSettings;
use crate::words::picture::{Balance, WriteFailure};
use crate::words::time::Timestamp;

/// A backend's servers, as far as their weights are concerned.
pub(in crate::scaler) struct Ramps<'a> {
    pool: &'a mut Pool,
    traffic: Traffic,
    settings: &'a BackendSettings,
    journeys: &'a Journeys,
    hand: &'a Hand,
}

/// What keeps the share of a server from growing.
pub(super) fn obstacle(member: &Member, balance: Balance) -> Option<NoRamp> {
    let (read, ramp) = (&member.read, &member.service.ramp);
    let is_anothers = ramp.is_own() && read.user_weight != read.initial_weight;
    match ramp.obstacle() {
        _ if balance == Balance::First => Some(NoRamp::First),
        _ if read.has_agent => Some(NoRamp::Agent),
        _ if read.initial_weight <= 1 => Some(NoRamp::SmallWeight(read.initial_weight)),
        Some(found) => Some(found.clone()),
        None if is_anothers => Some(NoRamp::SetByHand(read.user_weight)),
        None => None,
    }
}

/// A spare that comes for that is one more. What served a moment ago is warm, and what replaces a server
/// gets its share at once: the others are overloaded until it has it.
const fn is_for_more(wanted: Option<&Wanted>) -> bool {
    match wanted {
        None
        | Some(
            Wanted::Reloaded
            | Wanted::DeadServer { .. }
            | Wanted::DeadSpare { .. }
            | Wanted::Evacuation { .. }
            | Wanted::BelowMin { until: None, .. },
        ) => false,
        // A schedule asks before the load is there.
        Some(
            Wanted::BelowMin { until: Some(_), .. }
            | Wanted::Slow(_)
            | Wanted::Demand { .. }
            | Wanted::Target { .. }
            | Wanted::Crowded(_)
            | Wanted::Waiting { .. }
            | Wanted::Ordered(_),
        ) => true,
    }
}

/// What servers were lent for a while, limits and weights, is taken back: the daemon ends, is paused, or
/// does not look after the backend any more.
pub(super) fn take_all_back(now: Timestamp, mut road: Road<'_>, out: &mut Outbox) {
    Queue::of(road.facts, road.hand).take_back_all_lent(now, out);
    Ramps::of(&mut road).give_all_back(now, out);
}

/// Its share grows no more step by step: it gets all of it.
fn tell_cut(now: Timestamp, member: &Member, out: &mut Outbox) {
    let (weight, whole) = (member.read.user_weight, member.read.initial_weight);
    let news = RampNews::Cut { weight, whole };
    let name = &member.read.name;
    out.tell(now, Some(name), Change::Ramp, Note::Ramp(news));
}

impl<'a> Ramps<'a> {
    /// Those of that backend.
    pub(in crate::scaler) fn of(road: &'a mut Road<'_>) -> Self {
        Self {
            traffic: road.facts.traffic,
            pool: &mut road.facts.pool,
            settings: road.settings,
            journeys: road.journeys,
            hand: road.hand,
        }
    }
}

impl Ramps<'_> {
    /// Before a newcomer is ready its weight is made little. True as long as that is waited for.
    pub(super) fn lowers(&mut self, now: Timestamp, name: &str, out: &mut Outbox) -> bool {
        let (balance, timeout) = (self.traffic.balance, self.settings.action_timeout);
        let wanted = self.journeys.of(name).and_then(|it| it.goal.wanted());
        let is_wanted_whole = !is_for_more(wanted) || self.is_short(now, name);
        let Some(member) = self.pool.member_mut(name) else {
            return false;
        };
        let (read, ramp) = (&member.read, &mut member.service.ramp);
        if self.settings.weight_ramp.is_zero() || is_wanted_whole {
            ramp.end();
            return false;
        }
        if read.is_starting_slowly() {
            ramp.meets(NoRamp::Slowstart);
        }
        if obstacle(member, balance).is_some() {
            member.service.ramp.end();
            return false;
        }
        let (read, ramp) = (&member.read, &mut member.service.ramp);
        let first = Ramp::first(read.initial_weight);
        match ramp.lowering_for(now) {
            Some(_) if read.user_weight == first && !ramp.is_own() => return false,
            Some(lasts) if lasts >= timeout => {
                ramp.meets(NoRamp::NotFollowed);
                return false;
            }
            Some(_) => {}
            None => ramp.lower(now),
        }
        if ramp.may_lower(now) {
            self.tell(now, name, first, out);
        }
        true
    }

    /// It is ready: its share grows from now on, if its weight was made little.
    pub(super) fn begin(&mut self, now: Timestamp, name: &str, out: &mut Outbox) {
        let over = self.settings.weight_ramp;
        let Some(member) = self.pool.member_mut(name) else {
            return;
        };
        if member.service.ramp.is_lowering() {
            member.service.ramp.grow(now);
            let (weight, whole) = (member.read.user_weight, member.read.initial_weight);
            let news = RampNews::Begins {
                weight,
                whole,
                over,
            };
            out.tell(now, Some(name), Change::Ramp, Note::Ramp(news));
        }
    }

    /// Looks at all of them with a new picture.
    pub(super) fn watch(&mut self, now: Timestamp, out: &mut Outbox) {
        let members = self.pool.members.iter();
        let ours = members.filter(|it| !it.service.ramp.is_own());
        for name in ours.map(name_of).collect::<Vec<String>>() {
            self.watch_one(now, &name, out);
        }
    }

    fn watch_one(&mut self, now: Timestamp, name: &str, out: &mut Outbox) {
        let timeout = self.settings.action_timeout;
        let is_inbound = self.journeys.is_inbound(name);
        let Some(member) = self.pool.member_mut(name) else {
            return;
        };
        let (shown, whole) = (member.read.user_weight, member.read.initial_weight);
        let ramp = &mut member.service.ramp;
        ramp.give_up(now, timeout);
        ramp.see(now, shown);
        if ramp.is_anothers(now, shown, whole) {
            ramp.forget();
            if member.stage == Stage::Ready {
                let news = RampNews::Anothers { weight: shown };
                out.tell(now, Some(name), Change::Ramp, Note::Ramp(news));
            }
            return;
        }
        if ramp.is_growing() {
            self.grow(now, name, out);
        } else if !ramp.is_lowering() || !is_inbound {
            ramp.end();
            self.give_back(now, name, out);
        }
    }

    fn grow(&mut self, now: Timestamp, name: &str, out: &mut Outbox) {
        if self.is_over(now, name) {
            return self.cut(now, name, out);
        }
        let (over, goal_ms) = (self.settings.weight_ramp, self.settings.goal_ms());
        let Some(member) = self.pool.member_mut(name) else {
            return;
        };
        let is_suspect = member.service.probation.is_suspect() || !member.read.is_up();
        let (weight, whole) = (member.read.user_weight, member.read.initial_weight);
        let ramp = &mut member.service.ramp;
        match ramp.look(now, over, goal_ms, is_suspect) {
            Growing::On => {}
            Growing::Held(lag) => {
                let news = RampNews::Held {
                    mean_ms: lag.mean_ms,
                    others_ms: lag.others_ms,
                    requests: lag.requests,
                    weight,
                    whole,
                };
                out.tell(now, Some(name), Change::Ramp, Note::Ramp(news));
            }
            Growing::Lost(lag) => {
                member.service.trouble.fault = Some(Fault::Lags {
                    mean_ms: lag.mean_ms,
                    others_ms: lag.others_ms,
                    requests: lag.requests,
                    weight,
                    whole,
                });
            }
            Growing::Done(took) => {
                let share = member.service.probation.share();
                member.service.trouble.ends_lag();
                let news = RampNews::Done { took, whole, share };
                out.tell(now, Some(name), Change::Ramp, Note::Ramp(news));
                return self.give_back(now, name, out);
            }
        }
        let wanted = ramp.weight(whole, over).filter(|it| *it > weight);
        if let Some(wanted) = wanted.filter(|_| ramp.may_step(now, over)) {
            self.tell(now, name, wanted, out);
        }
    }

    /// A server is dead and no spare stands in for it yet: the others carry what it carried. `name` itself
    /// does not count: one that dies while its share grows comes back to as little.
    fn is_short(&self, now: Timestamp, name: &str) -> bool {
        let always_up = self.pool.dead_always_up().into_iter();
        let dead = always_up.chain(self.pool.dead_spares(now));
        dead.filter(|(dead, _)| *dead != name).count() > self.pool.stand_ins()
    }

    /// Its share grows no more: it left, the others need all of it, or somebody or something else has the
    /// say.
    fn is_over(&mut self, now: Timestamp, name: &str) -> bool {
        let is_off = self.settings.weight_ramp.is_zero()
            || self.hand.pause().is_some()
            || self.is_short(now, name);
        let Some(member) = self.pool.member_mut(name) else {
            return true;
        };
        if member.read.is_starting_slowly() {
            member.service.ramp.meets(NoRamp::Slowstart);
        }
        is_off
            || member.role != Role::Spare
            || member.stage != Stage::Ready
            || member.read.has_agent
            || member.read.is_throttled()
            || member.marks.is_fixed()
            || member.apart.is_held(now)
    }

    /// Ends one early.
    fn cut(&mut self, now: Timestamp, name: &str, out: &mut Outbox) {
        let Some(member) = self.pool.member_mut(name) else {
            return;
        };
        member.service.ramp.end();
        member.service.trouble.ends_lag();
        if member.stage == Stage::Ready {
            tell_cut(now, member, out);
        }
        self.give_back(now, name, out);
    }

    /// Until HAProxy shows haproxy.cfg's weight, and a while longer, that is told again.
    fn give_back(&mut self, now: Timestamp, name: &str, out: &mut Outbox) {
        let Some(member) = self.pool.member_mut(name) else {
            return;
        };
        let (read, ramp) = (&member.read, &mut member.service.ramp);
        let whole = read.initial_weight;
        if read.user_weight != whole {
            if ramp.may_give_back(now) {
                self.tell(now, name, whole, out);
            }
        } else if ramp.has_settled(now) {
            ramp.forget();
        }
    }

    /// HAProxy has these servers no more: there is nothing to give back.
    pub(super) fn forget_all(&mut self) {
        for member in &mut self.pool.members {
            member.service.ramp.forget();
        }
    }

    /// Nothing stays of what was told.
    fn give_all_back(&mut self, now: Timestamp, out: &mut Outbox) {
        let members = self.pool.members.iter();
        let ours = members.filter(|it| !it.service.ramp.is_own());
        for name in ours.map(name_of).collect::<Vec<String>>() {
            let Some(member) = self.pool.member_mut(&name) else {
                continue;
            };
            let whole = member.read.initial_weight;
            if member.service.ramp.is_growing() && member.stage == Stage::Ready {
                tell_cut(now, member, out);
            }
            member.service.ramp.end();
            self.tell(now, &name, whole, out);
        }
    }

    fn tell(&mut self, now: Timestamp, name: &str, weight: u32, out: &mut Outbox) {
        let id = out.next_id();
        if let Some(member) = self.pool.member_mut(name) {
            member.service.ramp.sent(now, id, weight);
        }
        let server = out.server(name);
        out.actions.push(Action::SetWeight { id, server, weight });
    }

    /// A weight was set, or not.
    pub(crate) fn weight_set(
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
        let ramp = &mut member.service.ramp;
        let Some(weight) = ramp.answered(id) else {
            return;
        };
        let words = match outcome {
            Ok(()) => return, // Reading back tells.
            Err(WriteFailure::Unknown(_) | WriteFailure::Stopping) => return ramp.lost(now),
            Err(WriteFailure::Refused(words)) => words,
        };
        if ramp.is_lowering() {
            ramp.forget();
            return ramp.meets(NoRamp::Refused(words));
        }
        if ramp.was_refused(now) {
            let note = Note::WeightRefused {
                server: out.server(server),
                weight,
                words,
            };
            out.tell(now, Some(server), Change::Warning, note);
        }
    }
}
