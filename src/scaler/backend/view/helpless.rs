//! Users suffer and no spare can come: why, for `status` and for the daemon's log. What is done about a
//! backend that is slow or short of servers is decided in `need`.

use super::Backend;
use crate::scaler::member::{Member, Role, Stage};
use crate::scaler::policy::PolicyView;
use crate::scaler::seen::{NoHelp, Problem, ProblemCode, ReasonCode};
use crate::words::time::Timestamp;

impl From<NoHelp> for ReasonCode {
    fn from(why: NoHelp) -> Self {
        match why {
            NoHelp::Paused => Self::Paused,
            NoHelp::MaxReached => Self::MaxReached,
            NoHelp::AllIn => Self::AllIn,
            NoHelp::NoSpare => Self::NoSpare,
        }
    }
}

impl Backend {
    /// A server is missing or the backend has been slow for as long as a spare needs to be asked for,
    /// and none comes.
    pub(super) fn helpless(&self, now: Timestamp, policy: Option<&PolicyView>) -> Option<Problem> {
        if self.change.is_some() || self.is_settling(now) {
            return None;
        }
        let slow = policy.filter(|view| {
            self.quiet.since.is_none() && view.streak >= view.settings.breaches.max(1)
        });
        let wanted = self.capacity_wanted();
        if wanted.is_none() && slow.is_none() {
            return None;
        }
        let (why, because) = self.nobody_comes(now)?;
        if let Some(wanted) = wanted {
            let text = format!("{wanted}, and nothing can help: {because}");
            return Some(Problem::new(ProblemCode::Short(why), text));
        }
        let view = slow?;
        let value = view.value_ms.map_or(String::new(), |value_ms| {
            let settings = &view.settings;
            let statistic = settings.statistic.name();
            format!(" ({statistic} {value_ms:.0} ms > {} ms)", settings.above_ms)
        });
        let text = format!("slow{value}, and nothing can help: {because}");
        Some(Problem::new(ProblemCode::Slow(why), text))
    }

    /// Why no spare would come if one was wanted; `None` if one would.
    pub(super) fn nobody_comes(&self, now: Timestamp) -> Option<(NoHelp, String)> {
        if let Some(mark) = self.hand.pause() {
            let place = match self.hand.everything {
                Some(_) => String::new(),
                None => format!(" {}", self.settings.name),
            };
            let text = format!(
                "it is paused{}; `haproxy-autoscale resume{place}` ends that",
                mark.text(now)
            );
            return Some((NoHelp::Paused, text));
        }
        if self.is_full() {
            let servers = self.pool.in_balance();
            let text = format!("{servers} servers are in and that is `max`");
            return Some((NoHelp::MaxReached, text));
        }
        if let Some(text) = self.forbids_for_load() {
            return Some((NoHelp::NoSpare, text));
        }
        if !self.candidates_for_load(now).is_empty() {
            return None;
        }
        let spares = self.pool.members.iter();
        let spares: Vec<&Member> = spares.filter(|it| it.role == Role::Spare).collect();
        let is_in = |member: &Member| member.stage == Stage::Ready && !member.is_worse();
        if spares.is_empty() {
            return Some((NoHelp::NoSpare, "there is no spare".to_owned()));
        }
        if spares.iter().all(|spare| is_in(spare)) {
            let text = match spares.len() {
                1 => "the only spare serves already".to_owned(),
                more => format!("all {more} spares serve already"),
            };
            return Some((NoHelp::AllIn, text));
        }
        let why = spares.iter().map(|spare| {
            let note = match spare.note(now) {
                Some(note) => note,
                None if is_in(spare) => "serves already".to_owned(),
                None if spare.is_spent(now, self.settings.idle_timeout) => {
                    "has been changed too often".to_owned()
                }
                None => format!("is {}", spare.stage.as_str()),
            };
            format!("{} {note}", spare.read.name)
        });
        let text = why.collect::<Vec<_>>().join(", ");
        Some((NoHelp::NoSpare, text))
    }
}
