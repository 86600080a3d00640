//! What is still to come in a backend, what has to wait, and what was said, so as not to say it each
//! time.

use super::needs::Stay;
use crate::scaler::decision::{Advice, Wanted};
use crate::words::time::Timestamp;

/// What is still to come, and what has to wait until when.
#[derive(Debug)]
pub(super) struct Plan {
    /// Servers that were asked for and have not arrived yet, those on their way included, and why.
    pub(super) owed: Option<(u32, Wanted)>,
    pub(super) up_not_before: Timestamp,
    pub(super) down_not_before: Timestamp,
    /// When a spare was last to leave because of its answers, whether it went or not.
    pub(super) expelled_at: Option<Timestamp>,
    /// Requests in flight when a spare joined last.
    pub(super) in_flight_then: u64,
    /// What was said, so as not to say it each time.
    pub(super) said: Said,
}

impl Plan {
    /// One more is to come beside the `coming` ones.
    pub(super) fn owe(&mut self, coming: u32, wanted: Wanted) {
        let (servers, _) = self.owed.get_or_insert((0, wanted));
        *servers = (*servers).max(coming).saturating_add(1);
    }

    /// The demand misses so many servers beside the `coming` ones. What it asked for a moment ago and
    /// has not set out is not wanted any more.
    pub(super) fn demand(&mut self, coming: u32, missing: Option<(u32, Wanted)>) {
        if self.owed.as_ref().is_some_and(|(_, it)| it.is_counted()) {
            self.owed.take_if(|(servers, _)| {
                *servers = (*servers).min(coming);
                *servers == 0
            });
        }
        let Some((servers, wanted)) = missing else {
            return;
        };
        let all = servers.saturating_add(coming);
        if self.owed.as_ref().is_none_or(|(owed, _)| *owed < all) {
            self.owed = Some((all, wanted));
        }
    }

    /// One of them has arrived, or is not wanted any more.
    pub(super) fn came(&mut self) {
        if let Some((servers, _)) = &mut self.owed {
            *servers = servers.saturating_sub(1);
        }
        self.owed.take_if(|(servers, _)| *servers == 0);
    }
}

/// What was said, until it is otherwise.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// About the spare that stays, since one joined or left.
    pub(super) stay: Vec<(String, Stay)>,
    /// An empty-handed search.
    pub(super) no_spare: NoSpareSaid,
    /// What is in the way.
    pub(super) advice: Vec<Advice>,
    /// Evacuated servers that serve still though their time is over.
    pub(super) overdue: Vec<String>,
}

/// What an empty-handed search was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Search {
    /// It is slow.
    Load,
    /// The demand needs more than serve.
    Demand,
    /// Users wait in front of HAProxy.
    Crowd,
    /// Capacity is missing whatever the load is.
    Capacity,
}

impl Search {
    /// What a spare was looked for by that reason.
    pub(super) const fn by(wanted: &Wanted) -> Self {
        match wanted {
            Wanted::DeadServer { .. }
            | Wanted::DeadSpare { .. }
            | Wanted::Evacuation { .. }
            | Wanted::BelowMin { .. } => Self::Capacity,
            Wanted::Crowded(_) => Self::Crowd,
            Wanted::Demand { .. } | Wanted::Target { .. } => Self::Demand,
            Wanted::Slow(_) | Wanted::Waiting { .. } | Wanted::Reloaded | Wanted::Ordered(_) => {
                Self::Load
            }
        }
    }
}

/// Empty-handed searches that were reported, and nothing has changed since.
#[derive(Debug, Default)]
pub(super) struct NoSpareSaid([bool; 4]);

impl NoSpareSaid {
    /// Notes that it is said; true if it was before.
    pub(super) fn say(&mut self, search: Search) -> bool {
        let said = self.0.get_mut(search as usize);
        said.is_none_or(|said| std::mem::replace(said, true))
    }

    /// The next one is news.
    pub(super) fn forget(&mut self, search: Search) {
        if let Some(said) = self.0.get_mut(search as usize) {
            *said = false;
        }
    }
}
