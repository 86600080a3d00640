//! An operator's orders: which are refused, what each sets, and what the one who gave it is told.
//! How a journey begins, or turns back, because of one is in `journey`.

use super::Backend;
use super::evacuation;
use super::journey::{Journey, Step};
use super::machines::no_start;
use super::promise::{promise, stops_after};
use super::ramps::take_all_back;
use super::view::Sight;
use crate::measure::breach::Breach;
use crate::measure::need::Need;
use crate::scaler::decision::{Change, Load, NoStart, Note, Ordered, Promise, Reason, Refusal};
use crate::scaler::hand::{Kept, Mark};
use crate::scaler::member::name_of;
use crate::scaler::member::{Member, Role, Stage};
use crate::scaler::outbox::Outbox;
use crate::scaler::seen::Blocked;
use crate::words::names::ServerName;
use crate::words::order::{Order, Place, Verb};
use crate::words::time::Timestamp;

impl Backend {
    /// Takes an order that is about this backend or one of its servers, and answers it.
    pub(in crate::scaler) fn order(&mut self, now: Timestamp, order: &Order, out: &mut Outbox) {
        let server = match &order.place {
            Place::Server(name) => Some(name.server.as_str()),
            Place::Everything | Place::Backend(_) => None,
        };
        let before = demand(&self.sight());
        let takes_away = takes_away(&self.sight(), order, server);
        let is_evacuated =
            |it: &Self| server.is_some_and(|server| it.hand.marks(server).evacuated.is_some());
        let was_evacuated = is_evacuated(self);
        let mut released = None;
        let taken = match server {
            Some(_) if order.verb == Verb::Release => Err(Refusal::NeedsBackend),
            Some(server) => self.order_server(now, order, server, out),
            None if order.verb == Verb::Release => {
                released = Some(release(self, now, order, out));
                Ok(())
            }
            None => self.order_backend(now, order, out),
        };
        self.facts.pool.show_marks(&self.hand);
        self.seek_work(now, out);
        let answer = Reason::Answer {
            verb: order.verb,
            by: order.by.map(Box::new),
            answer: taken.map(|()| {
                if let Some(released) = released {
                    let goes = released.serving > 0;
                    Promise::Released {
                        load: before.without(released.serving).filter(|_| goes),
                        stops: {
                            let sight = self.sight();
                            let mut leaving = released.leaving.iter();
                            leaving.any(|it| stops_after(&sight, it))
                        },
                        leaving: released.leaving,
                        evacuated: released.evacuated,
                        stays: released.stays,
                        length: order.lasts.unwrap_or(self.settings.hold),
                    }
                } else {
                    let load = takes_away.and_then(|servers| before.without(servers));
                    let stays = was_evacuated && !is_evacuated(self);
                    promise(&self.sight(), now, order, server, load, stays)
                }
            }),
        };
        out.report(now, server, Change::Operator, answer);
    }

    fn order_backend(
        &mut self,
        now: Timestamp,
        order: &Order,
        out: &mut Outbox,
    ) -> Result<(), Refusal> {
        let is_everything = order.place == Place::Everything;
        match order.verb {
            Verb::Pause => {
                take_all_back(now, self.road(), out);
                let mark = Some(Mark::of(order, now));
                if is_everything {
                    self.hand.everything = mark;
                } else {
                    self.hand.backend = mark;
                }
                self.road().retreat_all(now, ordered_by(order), out);
                Ok(())
            }
            Verb::Resume => {
                if self.hand.everything.is_some() && !is_everything {
                    return Err(Refusal::AllPaused);
                }
                self.hand.everything = None;
                self.hand.backend = None;
                self.hand.would = None;
                let evacuated = evacuation::evacuated_ones(&self.hand);
                for marks in self.hand.servers.values_mut() {
                    marks.paused = None;
                    marks.kept.take_if(|_| marks.evacuated.is_none());
                }
                for name in evacuated {
                    end_evacuation(self, now, order, &name, out);
                }
                self.hand.servers.retain(|_, marks| !marks.is_empty());
                for member in &mut self.facts.pool.members {
                    member.apart.end_hold();
                }
                Ok(())
            }
            Verb::Release => Ok(()),
            Verb::Pin | Verb::Unpin | Verb::Enable | Verb::Disable | Verb::Evacuate => {
                Err(Refusal::NeedsServer)
            }
        }
    }

    fn order_server(
        &mut self,
        now: Timestamp,
        order: &Order,
        server: &str,
        out: &mut Outbox,
    ) -> Result<(), Refusal> {
        self.sight().must_know(server)?;
        let mark = Mark::of(order, now);
        match order.verb {
            Verb::Pause | Verb::Pin => {
                self.hand.change(server, |marks| {
                    if order.verb == Verb::Pin {
                        marks.pinned = Some(mark);
                    } else {
                        marks.paused = Some(mark);
                    }
                });
            }
            Verb::Resume => {
                if self.hand.pause().is_some() {
                    return Err(Refusal::BackendPaused);
                }
                self.hand.change(server, |marks| {
                    marks.paused = None;
                    marks.kept.take_if(|_| marks.evacuated.is_none());
                });
                if let Some(member) = self.facts.pool.member_mut(server) {
                    member.apart.end_hold();
                }
                end_evacuation(self, now, order, server, out);
            }
            Verb::Release => return Err(Refusal::NeedsBackend),
            Verb::Unpin => self.hand.change(server, |marks| marks.pinned = None),
            Verb::Enable => {
                self.sight().may_enable(server)?;
                self.sight().must_be_taken(order, server, Stage::Ready)?;
                self.hand
                    .keep(now, order, self.settings.hold, server, Kept::In);
                self.facts.pool.set_free(server);
                end_evacuation(self, now, order, server, out);
            }
            Verb::Evacuate => evacuate(self, now, order, server)?,
            Verb::Disable => {
                self.sight().may_disable(server)?;
                self.sight().must_be_taken(order, server, Stage::Maint)?;
                self.hand
                    .keep(now, order, self.settings.hold, server, Kept::Out);
                self.facts.pool.set_free(server);
            }
        }
        let journey = self.journeys.of(server);
        let is_against_it = match order.verb {
            Verb::Pause | Verb::Pin => journey.is_some(),
            Verb::Enable => journey.is_some_and(Journey::may_turn_back),
            Verb::Disable | Verb::Evacuate => journey.is_some_and(Journey::is_inbound),
            Verb::Resume | Verb::Unpin | Verb::Release => false,
        };
        if is_against_it {
            self.road().retreat(now, server, ordered_by(order), out);
        }
        Ok(())
    }

    /// Ends what an operator set for some time only.
    pub(super) fn hand_due(&mut self, now: Timestamp, out: &mut Outbox) {
        for (server, what) in self.hand.expire(now) {
            let note = Note::Expired(what);
            out.tell(now, server.as_deref(), Change::Note, note);
        }
        if self.hand.pause().is_none() {
            self.hand.would = None;
        }
        self.facts.pool.show_marks(&self.hand);
        self.facts.reading.want(); // What waited for this is decided on a fresh picture.
    }
}

impl Sight<'_> {
    fn must_know(&self, server: &str) -> Result<(), Refusal> {
        if self.facts.pool.member(server).is_some() || self.hand.servers.contains_key(server) {
            return Ok(());
        }
        if self.facts.pool.members.is_empty() {
            return Err(Refusal::NotSeenYet);
        }
        Err(Refusal::UnknownServer {
            name: ServerName::new(self.settings.name.clone(), server),
            known: self.facts.pool.members.iter().map(name_of).collect(),
        })
    }

    /// What `enable` and `disable` have in common: a spare that may be changed now.
    fn may_change(&self, server: &str) -> Result<&Member, Refusal> {
        let role = self.facts.pool.member(server).map(|member| member.role);
        match role {
            Some(Role::Spare) | None => may_touch(self, server),
            Some(Role::AlwaysUp) => Err(Refusal::AlwaysUp),
            Some(Role::Other) => Err(Refusal::NoSpare),
        }
    }

    fn may_enable(&self, server: &str) -> Result<(), Refusal> {
        let member = self.may_change(server)?;
        if !member.read.is_up()
            && !self.journeys.is_inbound(server)
            && let Some(Blocked::Max(servers)) = self.needs().full(None)
        {
            return Err(Refusal::Full(servers));
        }
        let now = self.facts.last_read();
        let no_start = no_start(self.needs(), now, server);
        if let Some(why) = no_start.filter(|why| *why != NoStart::Stopping)
            && !member.read.is_up()
            && !self.journeys.is_inbound(server)
        {
            return Err(Refusal::NoStart(why));
        }
        Ok(())
    }

    fn may_disable(&self, server: &str) -> Result<(), Refusal> {
        self.may_change(server)?;
        self.needs().must_not_need(server)
    }

    /// Refuses what needs a command to HAProxy that it would not take.
    fn must_be_taken(&self, order: &Order, server: &str, wanted: Stage) -> Result<(), Refusal> {
        let stage = self.facts.pool.member(server).map(|member| member.stage);
        match &order.barred {
            Some(reason) if stage != Some(wanted) => Err(Refusal::Barred(reason.clone())),
            Some(_) | None => Ok(()),
        }
    }
}

/// A server that may be changed now, whatever it is to us.
fn may_touch<'a>(sight: &'a Sight<'_>, server: &str) -> Result<&'a Member, Refusal> {
    let Some(member) = sight.facts.pool.member(server) else {
        return Err(Refusal::NotShown);
    };
    let marks = sight.hand.marks(server);
    if sight.hand.pause().is_some() || marks.paused.is_some() {
        return Err(Refusal::Paused);
    }
    if marks.pinned.is_some() {
        return Err(Refusal::Pinned);
    }
    if !sight.facts.has_picture() {
        return Err(Refusal::Unreachable);
    }
    if !sight.next.is_same() {
        return Err(Refusal::Reconfiguring);
    }
    if member.read.is_tracked || member.read.is_beyond_us() {
        return Err(Refusal::BeyondUs);
    }
    Ok(member)
}

/// An evacuated server is what it was before: it stays where it still serves. An always-up one that goes or has
/// gone comes back, from maint by the warm path, and is evacuated until it is in.
fn end_evacuation(
    backend: &mut Backend,
    now: Timestamp,
    order: &Order,
    server: &str,
    out: &mut Outbox,
) {
    if backend.hand.marks(server).evacuated.is_none() {
        return;
    }
    let is_wanted_in = order.verb == Verb::Enable;
    let journey = backend.journeys.of(server);
    let is_going = journey.is_some_and(|it| !matches!(it.step, Step::Judging { .. }));
    let member = backend.facts.pool.member(server);
    let is_always_up = member.is_some_and(|it| it.errand.is_always_up);
    let is_in = member.is_some_and(|it| it.stage == Stage::Ready) && !is_going;
    if is_always_up && !is_in {
        let mark = Mark::of(order, now).without_end();
        let kept = Some((Kept::In, mark));
        backend.hand.change(server, |marks| marks.kept = kept);
        backend.facts.pool.set_free(server);
    } else if is_always_up || !is_wanted_in {
        backend.hand.forget_order(server);
    } else if is_in {
        backend.hand.end_evacuation(server);
    }
    let journey = backend.journeys.of(server);
    if journey.is_some_and(Journey::may_turn_back) {
        backend.road().retreat(now, server, ordered_by(order), out);
    }
}

fn may_evacuate(
    sight: &Sight<'_>,
    now: Timestamp,
    order: &Order,
    server: &str,
) -> Result<(), Refusal> {
    if may_touch(sight, server)?.role == Role::Other {
        return Err(Refusal::NoSpare);
    }
    let no_stand_in = evacuation::no_stand_in(sight.needs(), now, server);
    no_stand_in.filter(|_| !order.is_forced).map_or(Ok(()), Err)
}

fn evacuate(
    backend: &mut Backend,
    now: Timestamp,
    order: &Order,
    server: &str,
) -> Result<(), Refusal> {
    may_evacuate(&backend.sight(), now, order, server)?;
    backend.sight().must_be_taken(order, server, Stage::Maint)?;
    let member = backend.facts.pool.member(server);
    let is_in = member.is_some_and(|it| it.stage == Stage::Ready);
    let lasts = evacuation::LASTS;
    backend.hand.evacuate(now, order, lasts, server, is_in);
    backend.facts.pool.set_free(server);
    backend.facts.pool.show_marks(&backend.hand);
    if let Some(member) = backend.facts.pool.member_mut(server)
        && member.errand.is_always_up
    {
        let stage = Stage::of(member.read.admin_state());
        member.enter(now, stage, now);
    }
    Ok(())
}

/// What became of an order that all spares go.
struct Released {
    leaving: Vec<String>,
    /// Those that leave anyway, for as long as their evacuation says.
    evacuated: Vec<String>,
    /// Those of them that served.
    serving: u32,
    /// Who does not go, and why.
    stays: Vec<(String, Refusal)>,
}

/// Sends every spare away that may go, the one first that would go first.
fn release(backend: &mut Backend, now: Timestamp, order: &Order, out: &mut Outbox) -> Released {
    let members = backend.facts.pool.members.iter();
    let mut spares: Vec<(Option<Timestamp>, String, bool)> = members
        .filter(|it| it.role == Role::Spare && !it.errand.is_always_up)
        .filter(|it| it.stage != Stage::Maint)
        .map(|it| (it.ready_at, name_of(it), it.is_serving()))
        .collect();
    spares.sort();
    let (mut leaving, mut evacuated, mut serving) = (Vec::new(), Vec::new(), 0);
    let homeless = backend.machines.homeless(now, &backend.facts);
    let mut stays: Vec<_> = homeless.map(|name| (name, Refusal::Homeless)).collect();
    for (_, name, is_serving) in spares.into_iter().rev() {
        let disable = Order {
            verb: Verb::Disable,
            ..order.clone()
        };
        match backend.order_server(now, &disable, &name, out) {
            Ok(()) => {
                serving += u32::from(is_serving);
                if backend.hand.marks(&name).evacuated.is_some() {
                    evacuated.push(name);
                } else {
                    leaving.push(name);
                }
            }
            Err(refusal) => stays.push((name, refusal)),
        }
    }
    Released {
        leaving,
        evacuated,
        serving,
        stays,
    }
}

/// What may speak against an order, before it is obeyed.
#[derive(Clone, Copy)]
struct Demand {
    breach: Option<Breach>,
    need: Option<Need>,
    serving: u32,
}

impl Demand {
    /// What speaks against so many servers fewer; nothing against what takes none away and is not slow.
    fn without(self, servers: u32) -> Option<Box<Load>> {
        let left = self.serving.saturating_sub(servers);
        let need = self.need.filter(|need| need.servers() > left);
        let load = Load {
            breach: self.breach,
            need,
            left,
        };
        (load.breach.is_some() || load.need.is_some()).then(|| Box::new(load))
    }
}

fn demand(sight: &Sight<'_>) -> Demand {
    Demand {
        breach: sight.signals.breach().copied(),
        need: sight.size.need().copied(),
        serving: sight.facts.pool.serving(),
    }
}

/// How many servers that serve that order takes away; `None`: no load speaks against it. A pause takes
/// none, and none comes.
fn takes_away(sight: &Sight<'_>, order: &Order, server: Option<&str>) -> Option<u32> {
    match (order.verb, server) {
        (Verb::Pause, None) => Some(0),
        (Verb::Disable, Some(server)) => {
            let member = sight.facts.pool.member(server);
            member.is_some_and(Member::is_serving).then_some(1)
        }
        (
            Verb::Pause
            | Verb::Resume
            | Verb::Pin
            | Verb::Unpin
            | Verb::Enable
            | Verb::Disable
            | Verb::Evacuate
            | Verb::Release,
            _,
        ) => None,
    }
}

const fn ordered_by(order: &Order) -> Ordered {
    Ordered::By {
        verb: order.verb,
        by: order.by,
    }
}
