//! The operator's hand: what may be asked of a running daemon, and what stands because of it.
//! Plain data; what an order does to a backend lives in `backend::orders`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::decision::{Change, Expired, Note, Would};
use super::outbox::Outbox;
use super::seen::{Standing, StandingReason, Standings};
use crate::words::by::By;
use crate::words::order::Order;
use crate::words::time::Timestamp;

/// When something ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Until {
    /// The instant.
    pub at: Timestamp,
    /// The length that was configured or asked for: whatever a clock says later, no more than
    /// this is ever left.
    pub length: Duration,
}

impl Until {
    /// That long from now.
    pub fn after(now: Timestamp, length: Duration) -> Self {
        Self {
            at: now.after(length),
            length,
        }
    }
}

/// When something began, which may be before the scaler's own time did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Since {
    at: Timestamp,
    /// So much earlier than `at`; zero unless `at` is the beginning of time.
    before: Duration,
}

impl Since {
    /// At that instant.
    pub const fn at(at: Timestamp) -> Self {
        let before = Duration::ZERO;
        Self { at, before }
    }

    /// So long before `now`.
    pub fn ago(now: Timestamp, ago: Duration) -> Self {
        let zero = Timestamp::from_ms(0);
        let age = now.since(zero);
        let ms = age.saturating_sub(ago).as_millis();
        Self {
            at: Timestamp::from_ms(u64::try_from(ms).unwrap_or(u64::MAX)),
            before: ago.saturating_sub(age),
        }
    }

    /// How long ago that is.
    pub fn lasted(self, now: Timestamp) -> Duration {
        now.since(self.at).saturating_add(self.before)
    }
}

/// Something that an operator set, and that stands until it ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// When it was set; `None` when an older version kept it.
    pub since: Option<Since>,
    /// Who set it, when the kernel told, and why.
    pub by: Option<By>,
    /// `None`: until it is taken back.
    pub until: Option<Until>,
}

impl Mark {
    pub(super) fn of(order: &Order, now: Timestamp) -> Self {
        Self {
            since: Some(Since::at(now)),
            by: order.by,
            until: order.lasts.map(|length| Until::after(now, length)),
        }
    }

    /// The same, until it is taken back.
    pub(super) const fn without_end(self) -> Self {
        Self {
            until: None,
            ..self
        }
    }

    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until.at <= now)
    }

    /// The same as data for `status`.
    pub(super) fn standing(&self, now: Timestamp) -> Standing {
        Standing {
            lasted: self.since.map(|since| since.lasted(now)),
            left: self.until.map(|until| until.at.since(now)),
            by: self.by,
            reason: None,
        }
    }
}

/// Where an operator wants a spare to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Ready: `enable`.
    In,
    /// In maint: `disable`.
    Out,
}

/// What an operator set for one server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// `pause B/S`.
    pub paused: Option<Mark>,
    /// `pin B/S`.
    pub pinned: Option<Mark>,
    /// `enable B/S` or `disable B/S`.
    pub kept: Option<(Kept, Mark)>,
    /// `evacuate B/S`. Stands until the server is in again, and keeps it out
    /// unless an `enable` is newer.
    pub evacuated: Option<Evacuated>,
}

/// What an `evacuate` sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evacuated {
    /// Until when its machine is there.
    pub mark: Mark,
    /// It was in then, and nobody has come in its place: one is missing, also once it has left.
    pub leaves_a_gap: bool,
}

impl Marks {
    /// Nothing is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// We neither bring it in nor send it away.
    pub(super) const fn is_fixed(&self) -> bool {
        self.paused.is_some() || self.pinned.is_some()
    }

    /// Ends what is over.
    pub(super) fn expire(&mut self, now: Timestamp) {
        let is_over = |mark: Mark| mark.is_over(now);
        self.paused.take_if(|mark| is_over(*mark));
        self.pinned.take_if(|mark| is_over(*mark));
        self.kept.take_if(|(_, mark)| is_over(*mark));
    }

    /// Where the operator wants it.
    pub(super) fn kept(&self) -> Option<Kept> {
        let evacuated = self.evacuated.map(|_| Kept::Out);
        self.kept.map(|(kept, _)| kept).or(evacuated)
    }

    /// The order that keeps it there.
    pub(super) fn order(&self) -> Option<Mark> {
        let kept = self.kept.map(|(_, mark)| mark);
        kept.or(self.evacuated.map(|it| it.mark))
    }

    /// The same as data for `status`.
    pub(super) fn standings(&self, now: Timestamp) -> Standings {
        Standings {
            pause: self.paused.map(|mark| mark.standing(now)),
            pin: self.pinned.map(|mark| mark.standing(now)),
            order: self.standing_order(now),
            ..Standings::default()
        }
    }

    /// An evacuation counts more than where it is wanted.
    fn standing_order(&self, now: Timestamp) -> Option<Standing> {
        let (reason, mark) = match (self.evacuated, self.kept) {
            (Some(it), _) => (StandingReason::Evacuate, it.mark.without_end()),
            (None, Some((Kept::In, mark))) => (StandingReason::Enable, mark),
            (None, Some((Kept::Out, mark))) => (StandingReason::Disable, mark),
            (None, None) => return None,
        };
        Some(Standing {
            reason: Some(reason),
            ..mark.standing(now)
        })
    }

    fn each(&self) -> impl Iterator<Item = Mark> {
        let kept = self.kept.map(|(_, mark)| mark);
        [self.paused, self.pinned, kept].into_iter().flatten()
    }
}

/// Everything that operators have set in one backend.
#[derive(Debug, Default)]
pub(super) struct Hand {
    /// `pause` without a name.
    pub(super) everything: Option<Mark>,
    /// `pause B`.
    pub(super) backend: Option<Mark>,
    /// By server; only those with something set.
    pub(super) servers: BTreeMap<String, Marks>,
    /// What would have been done in the pause, and with which server, as it was said last.
    pub(super) would: Option<(Would, String)>,
}

impl Hand {
    /// The pause of the whole backend, if there is one.
    pub(super) fn pause(&self) -> Option<Mark> {
        self.everything.or(self.backend)
    }

    /// What is set for that server.
    pub(super) fn marks(&self, server: &str) -> Marks {
        self.servers.get(server).copied().unwrap_or_default()
    }

    /// Changes what is set for that server.
    pub(super) fn change(&mut self, server: &str, change: impl FnOnce(&mut Marks)) {
        let mut marks = self.marks(server);
        change(&mut marks);
        if marks.is_empty() {
            self.servers.remove(server);
        } else {
            self.servers.insert(server.to_owned(), marks);
        }
    }

    /// An `enable` or a `disable` keeps a server in or out, for `hold` where the order does not say
    /// for how long. One that is evacuated is out until an operator wants it in: a `disable` makes that no
    /// shorter.
    pub(super) fn keep(
        &mut self,
        now: Timestamp,
        order: &Order,
        hold: Duration,
        server: &str,
        kept: Kept,
    ) {
        let length = order.lasts.unwrap_or(hold);
        let mark = Mark {
            until: Some(Until::after(now, length)),
            ..Mark::of(order, now)
        };
        self.change(server, |marks| {
            let evacuated = marks.evacuated.filter(|_| kept == Kept::Out);
            let out = evacuated.map(|it| it.mark.without_end());
            marks.kept = Some((kept, out.unwrap_or(mark)));
        });
    }

    /// Another HAProxy, or another way to touch it: what was to come in there comes in nowhere else. Who is to stay
    /// out stays out.
    pub(super) fn want_no_more(&mut self, now: Timestamp, out: &mut Outbox) {
        for (name, marks) in &mut self.servers {
            let is_wanted = marks.kept() == Some(Kept::In) && marks.evacuated.is_none();
            if let Some((kept, _)) = marks.kept.take_if(|_| is_wanted) {
                let note = Note::Expired(Expired::Kept(kept));
                out.tell(now, Some(name), Change::Note, note);
            }
        }
        self.servers.retain(|_, marks| !marks.is_empty());
    }

    /// What was ordered is over: an operator changed it by hand, or it is where it was to be.
    pub(super) fn forget_order(&mut self, server: &str) {
        self.end_evacuation(server);
        self.change(server, |marks| marks.kept = None);
    }

    /// It is evacuated no more; where an operator wants it stands.
    pub(super) fn end_evacuation(&mut self, server: &str) {
        self.change(server, |marks| marks.evacuated = None);
    }

    /// Nobody is missing because of it any more.
    pub(super) fn close_gap(&mut self, server: &str) {
        self.change(server, |marks| {
            if let Some(evacuated) = &mut marks.evacuated {
                evacuated.leaves_a_gap = false;
            }
        });
    }

    /// An `evacuate` keeps a server out until an operator says otherwise; `is_in`: one is missing then.
    pub(super) fn evacuate(
        &mut self,
        now: Timestamp,
        order: &Order,
        usual: Duration,
        server: &str,
        is_in: bool,
    ) {
        let out = Mark::of(order, now).without_end();
        let length = order.lasts.unwrap_or(usual);
        let until = Until::after(now, length);
        let before = self.marks(server).evacuated;
        // Told again, it does not last longer.
        let earlier = before.and_then(|it| it.mark.until);
        let until = Some(earlier.filter(|it| it.at < until.at).unwrap_or(until));
        let evacuated = Evacuated {
            mark: Mark { until, ..out },
            leaves_a_gap: is_in || before.is_some_and(|it| it.leaves_a_gap),
        };
        self.change(server, |marks| {
            marks.kept = Some((Kept::Out, out));
            marks.evacuated = Some(evacuated);
        });
    }

    /// Paused: says what would be done, once.
    pub(super) fn say_would(
        &mut self,
        now: Timestamp,
        what: Would,
        name: String,
        out: &mut Outbox,
    ) {
        let would = Some((what, name));
        if self.would == would {
            return;
        }
        self.would = would;
        let pause = Box::new(self.pause().unwrap_or_default().standing(now));
        let server = self.would.as_ref().map(|(_, name)| name.as_str());
        out.tell(now, server, Change::Paused, Note::Would { what, pause });
    }

    /// When something ends by itself.
    pub(super) fn due(&self) -> Option<Timestamp> {
        if self.everything.is_none() && self.backend.is_none() && self.servers.is_empty() {
            return None; // As a rule, and asked for all the time.
        }
        let of_servers = self.servers.values().flat_map(Marks::each);
        [self.everything, self.backend]
            .into_iter()
            .flatten()
            .chain(of_servers)
            .filter_map(|mark| mark.until)
            .map(|until| until.at)
            .min()
    }

    /// Ends what is over, and says what that was.
    pub(super) fn expire(&mut self, now: Timestamp) -> Vec<(Option<String>, Expired)> {
        let mut ended = Vec::new();
        let is_over = |mark: Mark| mark.is_over(now);
        for pause in [&mut self.everything, &mut self.backend] {
            if pause.take_if(|mark| is_over(*mark)).is_some() {
                ended.push((None, Expired::Pause));
            }
        }
        for (name, marks) in &mut self.servers {
            let mut say = |what| ended.push((Some(name.clone()), what));
            if marks.paused.take_if(|mark| is_over(*mark)).is_some() {
                say(Expired::Pause);
            }
            if marks.pinned.take_if(|mark| is_over(*mark)).is_some() {
                say(Expired::Pin);
            }
            if let Some((kept, _)) = marks.kept.take_if(|(_, mark)| is_over(*mark)) {
                say(Expired::Kept(kept));
            }
        }
        self.servers.retain(|_, marks| !marks.is_empty());
        ended
    }
}
