//! An operator's orders: which are refused, what each sets, and what the one who gave it is told.
//! How a change under way is taken back or begun by an order is in `change::by_hand`.

use super::Backend;
use crate::scaler::decision::{Change, Reason, Wanted};
use crate::scaler::hand::{Kept, Mark, Marks, Until, by};
use crate::scaler::member::{Member, Role, Stage};
use crate::scaler::outbox::Outbox;
use crate::words::order::{Answer, Order, Place, Verb, Verdict};
use crate::words::time::Span;
use crate::words::time::Timestamp;

impl Backend {
    /// Takes an order that is about this backend or one of its servers, and answers it.
    pub(in crate::scaler) fn order(&mut self, now: Timestamp, order: &Order, out: &mut Outbox) {
        let server = match &order.place {
            Place::Server(name) => Some(name.server.as_str()),
            Place::Everything | Place::Backend(_) => None,
        };
        let taken = match server {
            Some(server) => self.order_server(now, order, server, out),
            None => self.order_backend(now, order, out),
        };
        self.show_marks();
        self.seek_work(now, out);
        let (verdict, text) = match taken {
            Ok(()) => (Verdict::Accepted, self.promise(now, order, server)),
            Err(Answer { verdict, text }) => (verdict, text),
        };
        let text = format!("{}{}: {text}", order.verb, by(order.by));
        let answer = Reason::Answer(Answer { verdict, text });
        self.report(now, server, Change::Operator, answer, out);
    }

    fn order_backend(
        &mut self,
        now: Timestamp,
        order: &Order,
        out: &mut Outbox,
    ) -> Result<(), Answer> {
        let is_everything = order.place == Place::Everything;
        match order.verb {
            Verb::Pause => {
                self.take_back_all_lent(now, out);
                let mark = Some(Mark::of(order, now));
                if is_everything {
                    self.hand.everything = mark;
                } else {
                    self.hand.backend = mark;
                }
                self.retreat(now, Wanted::Ordered(format!("paused{}", by(order.by))), out);
                Ok(())
            }
            Verb::Resume => {
                if self.hand.everything.is_some() && !is_everything {
                    return refused("everything is paused; `resume` without a name ends that");
                }
                self.hand.everything = None;
                self.hand.backend = None;
                self.hand.would = None;
                for marks in self.hand.servers.values_mut() {
                    marks.paused = None;
                    marks.kept = None;
                }
                self.hand.servers.retain(|_, marks| !marks.is_empty());
                for member in &mut self.pool.members {
                    member.end_hold();
                }
                Ok(())
            }
            Verb::Pin | Verb::Unpin | Verb::Enable | Verb::Disable => {
                let verb = order.verb;
                refused(format!("`{verb}` needs a server: BACKEND/SERVER"))
            }
        }
    }

    fn order_server(
        &mut self,
        now: Timestamp,
        order: &Order,
        server: &str,
        out: &mut Outbox,
    ) -> Result<(), Answer> {
        self.must_know(server)?;
        let mark = Mark::of(order, now);
        let ordered = Wanted::Ordered(format!("{}{}", order.verb, by(order.by)));
        match order.verb {
            Verb::Pause | Verb::Pin => {
                self.hand.change(server, |marks| {
                    if order.verb == Verb::Pin {
                        marks.pinned = Some(mark);
                    } else {
                        marks.paused = Some(mark);
                    }
                });
                self.retreat_of(now, server, ordered, out);
            }
            Verb::Resume => {
                if self.hand.pause().is_some() {
                    return refused("its whole backend is paused; resume that");
                }
                self.hand.change(server, |marks| {
                    (marks.paused, marks.kept) = (None, None);
                });
                if let Some(member) = self.pool.member_mut(server) {
                    member.end_hold();
                }
            }
            Verb::Unpin => self.hand.change(server, |marks| marks.pinned = None),
            Verb::Enable => {
                self.may_enable(server)?;
                self.must_be_taken(order, server, Stage::Ready)?;
                self.keep(now, order, server, Kept::In);
                self.give_back(now, server, ordered, out);
            }
            Verb::Disable => {
                self.may_disable(server)?;
                self.must_be_taken(order, server, Stage::Maint)?;
                self.keep(now, order, server, Kept::Out);
                self.call_back(now, server, ordered, out);
            }
        }
        Ok(())
    }

    /// The operator's newest word: a hold and a quarantine are over.
    fn keep(&mut self, now: Timestamp, order: &Order, server: &str, kept: Kept) {
        let length = order.lasts.unwrap_or(self.settings.hold);
        let mark = Mark {
            until: Some(Until::after(now, length)),
            ..Mark::of(order, now)
        };
        self.hand
            .change(server, |marks| marks.kept = Some((kept, mark)));
        if let Some(member) = self.pool.member_mut(server) {
            member.end_hold();
            member.end_quarantine();
        }
    }

    fn must_know(&self, server: &str) -> Result<(), Answer> {
        if self.pool.member(server).is_some() || self.hand.servers.contains_key(server) {
            return Ok(());
        }
        if self.pool.members.is_empty() {
            return refused("HAProxy has not shown its servers yet; try again when `status` does");
        }
        let names: Vec<&str> = self
            .pool
            .members
            .iter()
            .map(|member| member.read.name.as_str())
            .collect();
        Err(Answer {
            verdict: Verdict::Unknown,
            text: format!(
                "HAProxy has no server {server} in backend {}; it has {}",
                self.settings.name,
                names.join(", ")
            ),
        })
    }

    /// What `enable` and `disable` have in common: a spare that may be changed now.
    fn may_change(&self, server: &str) -> Result<&Member, Answer> {
        let Some(member) = self.pool.member(server) else {
            return refused("HAProxy does not show this server at the moment");
        };
        let marks = self.hand.marks(server);
        match member.role {
            Role::Spare => {}
            Role::AlwaysUp => return refused("it is always-up: only spares are ever changed"),
            Role::Other => return refused("it is no spare: only spares are ever changed"),
        }
        if self.hand.pause().is_some() || marks.paused.is_some() {
            return refused("it is paused; `resume` it first");
        }
        if marks.pinned.is_some() {
            return refused("it is pinned; `unpin` it first");
        }
        if !self.has_picture() {
            return refused("HAProxy cannot be read at the moment");
        }
        if self.is_changing_settings() {
            return refused("a new configuration is about to be applied; try again in a moment");
        }
        if member.read.is_tracked || member.read.is_beyond_us() {
            return refused("it tracks another server, is tracked, or its address is not resolved");
        }
        Ok(member)
    }

    fn may_enable(&self, server: &str) -> Result<(), Answer> {
        let member = self.may_change(server)?;
        if !member.read.is_up() && self.is_full() && !self.is_on_its_way_in(server) {
            let up = self.pool.in_balance();
            return refused(format!(
                "{up} servers are in and that is `max`: raise `max`, or disable another one first"
            ));
        }
        Ok(())
    }

    fn may_disable(&self, server: &str) -> Result<(), Answer> {
        self.may_change(server)?;
        self.must_not_need(server)
    }

    /// Refuses what needs a command to HAProxy that it would not take.
    fn must_be_taken(&self, order: &Order, server: &str, wanted: Stage) -> Result<(), Answer> {
        let stage = self.pool.member(server).map(|member| member.stage);
        match &order.barred {
            Some(reason) if stage != Some(wanted) => refused(reason.clone()),
            Some(_) | None => Ok(()),
        }
    }

    /// Refuses to take away what `min`, or the last user, needs; judged on the last picture.
    pub(super) fn must_not_need(&self, server: &str) -> Result<(), Answer> {
        let is_serving = self.pool.member(server).is_some_and(Member::is_serving);
        let (serving, floor) = (self.pool.serving(), self.floor());
        if !is_serving || serving > floor {
            return Ok(());
        }
        if serving <= 1 {
            return refused("it is the last server that serves");
        }
        refused(format!("{serving} servers serve and `min` is {floor}"))
    }

    /// What will happen now that the order stands.
    fn promise(&self, now: Timestamp, order: &Order, server: Option<&str>) -> String {
        let stands = match order.lasts {
            Some(length) => format!("for {}", Span(length)),
            None => "until it is taken back".to_owned(),
        };
        let half_way = self
            .change
            .as_ref()
            .filter(|change| server.is_none_or(|server| server == change.server))
            .map(|change| {
                format!(
                    "; {}, which is half-way, is taken to where it may stay first",
                    change.server
                )
            })
            .unwrap_or_default();
        let is_spare = server.is_none_or(|server| {
            let member = self.pool.member(server);
            member.is_none_or(|member| member.role == Role::Spare)
        });
        let anyway = if is_spare {
            ""
        } else {
            " (it is no spare and never changed anyway)"
        };
        match order.verb {
            Verb::Pause => format!("nothing is changed here {stands}{anyway}{half_way}"),
            Verb::Pin => format!("it stays as it is {stands}{anyway}{half_way}"),
            Verb::Unpin => "it comes and goes as usual".to_owned(),
            Verb::Resume => "everything is as usual, but for pins".to_owned(),
            Verb::Enable | Verb::Disable => {
                let length = Span(order.lasts.unwrap_or(self.settings.hold));
                self.promise_of(now, server.unwrap_or_default(), order.verb, length)
            }
        }
    }

    fn promise_of(&self, now: Timestamp, server: &str, verb: Verb, length: Span) -> String {
        let (is_in, kept, already) = match verb {
            Verb::Enable => (true, "in", Stage::Ready),
            Verb::Pause | Verb::Resume | Verb::Pin | Verb::Unpin | Verb::Disable => {
                (false, "out", Stage::Maint)
            }
        };
        let stage = self.pool.member(server).map(|member| member.stage);
        let what = match &self.change {
            Some(change) if change.server == server && is_in && change.is_inbound() => {
                "it is warmed up, checked and then made ready".to_owned()
            }
            Some(change) if change.server == server && !is_in && !change.is_inbound() => {
                "it is drained and then put into maint".to_owned()
            }
            Some(change) if change.server == server => "as soon as it may be changed".to_owned(),
            Some(_) | None if stage == Some(already) => {
                format!("it is {} already", already.as_str())
            }
            Some(change) => format!("after {}, which is on its way", change.server),
            None if self.is_settling(now) => "in some seconds: the daemon stood still".to_owned(),
            None => "as soon as it may be changed".to_owned(),
        };
        format!("{what}; kept {kept} for {length}")
    }

    /// What is set for a server, where the pool looks for it.
    pub(super) fn show_marks(&mut self) {
        for member in &mut self.pool.members {
            member.marks = self.hand.marks(&member.read.name);
        }
    }

    /// Ends what an operator set for some time only.
    pub(super) fn hand_due(&mut self, now: Timestamp, out: &mut Outbox) {
        if self.hand.due().is_none_or(|due| now < due) {
            return;
        }
        for (server, text) in self.hand.expire(now) {
            let reason = Reason::Text(text.to_owned());
            self.report(now, server.as_deref(), Change::Note, reason, out);
        }
        if self.hand.pause().is_none() {
            self.hand.would = None;
        }
        self.show_marks();
        self.reading.want(); // What waited for this is decided on a fresh picture.
    }

    /// Paused: says what would be done, once.
    pub(super) fn say_would(&mut self, now: Timestamp, verb: &str, server: &str, out: &mut Outbox) {
        let would = format!("would {verb} {server}");
        if self.hand.would.as_ref() == Some(&would) {
            return;
        }
        let until = self.hand.pause().unwrap_or_default().text(now);
        let reason = Reason::Text(format!("would {verb} it; paused{until}"));
        self.report(now, Some(server), Change::Paused, reason, out);
        self.hand.would = Some(would);
    }

    /// The spare that an operator wants in and that is not on its way.
    pub(super) fn ordered_in(&self, now: Timestamp) -> Option<String> {
        let mut candidates = self.pool.candidates(now, &self.settings).into_iter();
        let wanted = candidates.find(|member| member.marks.kept() == Some(Kept::In))?;
        (!self.is_full()).then(|| wanted.read.name.clone())
    }

    /// An operator wants that spare in.
    pub(super) fn is_kept_in(&self, name: &str) -> bool {
        let member = self.pool.member(name);
        member.is_some_and(|member| member.marks.kept() == Some(Kept::In))
    }

    /// The spare that an operator wants out and that still serves.
    pub(super) fn ordered_out(&self) -> Option<String> {
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

    /// The words for a warm-up that an operator ordered.
    pub(super) fn ordered_text(&self, server: &str) -> Wanted {
        let mark = self.hand.marks(server).kept.map(|(_, mark)| mark);
        Wanted::Ordered(format!("enable{}", by(mark.and_then(|mark| mark.by))))
    }

    /// An operator changed it by hand: that is newer than what was ordered.
    pub(super) fn forget_order(&mut self, server: &str) {
        self.hand
            .change(server, |marks: &mut Marks| marks.kept = None);
    }
}

fn refused<T>(text: impl Into<String>) -> Result<T, Answer> {
    Err(Answer {
        verdict: Verdict::Refused,
        text: text.into(),
    })
}
