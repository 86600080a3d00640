//! What a backend does next and why, in a word and a sentence. Decided elsewhere; here it is told.

use super::super::{Backend, within};
use crate::scaler::agreement::Agreement;
use crate::scaler::decision::Reason;
use crate::scaler::event::LogState;
use crate::scaler::member::Stage;
use crate::scaler::policy::PolicyView;
use crate::scaler::seen::ReasonCode;
use crate::words::picture::ReadFailure;
use crate::words::time::Timestamp;

impl Backend {
    /// What happens next, and why.
    pub(super) fn outlook(
        &self,
        now: Timestamp,
        policy: Option<&PolicyView>,
    ) -> (ReasonCode, String) {
        if !self.has_picture() {
            let code = match self.reading.failure {
                None => ReasonCode::Starting,
                Some(ReadFailure::UnknownBackend) => ReasonCode::UnknownBackend,
                Some(ReadFailure::Unreachable(_) | ReadFailure::Stopping) => {
                    ReasonCode::Unreachable
                }
            };
            let due = within(now, self.reading.due);
            return (code, format!("HAProxy is read again in {due}"));
        }
        if let Some(change) = &self.change {
            let stage = self
                .pool
                .member(&change.server)
                .map_or(Stage::Unknown, |it| it.stage);
            let goal = if change.is_inbound() {
                "ready"
            } else {
                "maint"
            };
            let text = format!(
                "{} is {}, on its way to {goal}",
                change.server,
                stage.as_str()
            );
            return (ReasonCode::Changing, text);
        }
        if self.is_settling(now) {
            let text = "nothing yet: the daemon stood still".to_owned();
            return (ReasonCode::Settling, text);
        }
        if self.hand.pause().is_some() {
            return (ReasonCode::Paused, self.outlook_when_paused(now, policy));
        }
        if let Some(text) = self.next_text(now) {
            return (ReasonCode::Quiet, text);
        }
        match policy.filter(|view| view.streak > 0 && self.quiet.since.is_none()) {
            Some(policy) => self.outlook_when_slow(now, policy),
            None => self.outlook_when_not_slow(now),
        }
    }

    /// What would happen if it were not for the pause.
    fn outlook_when_paused(&self, now: Timestamp, policy: Option<&PolicyView>) -> String {
        if let Some(going) = self.next_text(now) {
            return format!("nothing, it is paused; else {going}");
        }
        let is_asked = |view: &&PolicyView| {
            self.quiet.since.is_none() && view.streak >= view.settings.breaches.max(1)
        };
        let spares = self.candidates_for_load(now);
        match (policy.filter(is_asked), spares.first()) {
            (Some(_), Some(spare)) if self.forbids_for_load().is_none() => format!(
                "nothing, it is paused: would warm up and enable {}",
                spare.read.name
            ),
            (Some(_) | None, Some(_) | None) => "nothing, it is paused".to_owned(),
        }
    }

    fn outlook_when_not_slow(&self, now: Timestamp) -> (ReasonCode, String) {
        if self.capacity_wanted().is_some()
            && let Some((code, why)) = self.nobody_comes(now)
        {
            return (code.into(), format!("nothing: {why}"));
        }
        let text = match self.log {
            LogState::Absent => "nothing until the log can be read: no spare comes or goes",
            LogState::Lagging | LogState::Incomplete => "nothing to do; no spare goes",
            LogState::Flowing
                if self.comparison.verdict() != Agreement::Agree || self.drops.is_some() =>
            {
                "nothing to do; no spare goes"
            }
            LogState::Flowing => return (ReasonCode::NothingToDo, "nothing to do".to_owned()),
        };
        (ReasonCode::Blind, text.to_owned())
    }

    fn outlook_when_slow(&self, now: Timestamp, view: &PolicyView) -> (ReasonCode, String) {
        // Where none is left, no cooldown is worth a word.
        if let Some((code, why)) = self.nobody_comes(now) {
            return (code.into(), format!("nothing: {why}"));
        }
        if let Some(Reason::NotHelping { verdict, .. }) = self.not_helping(now) {
            let left = within(now, verdict.until());
            let text = format!("nothing for {left}: more servers do not help");
            return (ReasonCode::NotHelping, text);
        }
        if now < self.up_not_before {
            let left = within(now, self.up_not_before);
            return (
                ReasonCode::Cooldown,
                format!("nothing for {left}: scale_up_cooldown"),
            );
        }
        let spare = self.candidates_for_load(now);
        let text = format!(
            "warm up {} if the next {} above {} ms too ({} of {})",
            spare.first().map_or("a spare", |it| it.read.name.as_str()),
            match view.settings.breaches.saturating_sub(view.streak) {
                0 | 1 => "window is".to_owned(),
                more => format!("{more} windows are"),
            },
            view.settings.above_ms,
            view.streak,
            view.settings.breaches
        );
        (ReasonCode::Slow, text)
    }
}
