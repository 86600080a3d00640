//! Do the log and HAProxy's own counters tell the same story? Silence is not idleness: a log that
//! contradicts the counters must not make a server go.
//!
//! Lines of a backend are held against the growth of the summed `hrsp_*` of its BACKEND row,
//! cumulatively since a baseline. The baseline moves only when both sides agree over enough
//! traffic: a quiet backend is judged over hours, a busy one over seconds, and a log that dies
//! after a good year is still noticed within some forty requests.

use std::time::Duration;

use super::event::Timestamp;

/// Neither side is believed to be ahead by less than so many.
const SLACK: u64 = 20;
/// Agreement over so many responses moves the baseline.
const REBASE_AFTER: u64 = 40;
/// A contradiction ends after agreement for this long.
const RECOVERY: Duration = Duration::from_secs(10);

/// What comparing showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Agreement {
    /// They agree, or there is too little to tell.
    Agree,
    /// HAProxy answered requests that the log does not show.
    Lost,
    /// The log shows requests that HAProxy did not answer.
    Inflated,
}

/// The two sides since the baseline.
#[derive(Debug)]
pub(super) struct Comparison {
    verdict: Agreement,
    /// Lines since the baseline.
    lines: u64,
    base: Option<Base>,
    /// The baseline of the comparison that ended agreement.
    doubted_since: Option<Timestamp>,
    /// The counters vouch for the lines since the baseline, without the slack of a first doubt.
    is_vouched_for: bool,
    /// The newest count of responses.
    newest: u64,
}

#[derive(Clone, Copy, Debug)]
struct Base {
    at: Timestamp,
    responses: u64,
    /// Sessions open then: their lines come later, their responses may have been counted before.
    sessions: u64,
}

impl Comparison {
    /// Nothing to compare so far.
    pub(super) const fn new() -> Self {
        Self {
            verdict: Agreement::Agree,
            lines: 0,
            base: None,
            doubted_since: None,
            is_vouched_for: true,
            newest: 0,
        }
    }

    /// The verdict of the last comparison.
    pub(super) const fn verdict(&self) -> Agreement {
        self.verdict
    }

    /// Since when nothing but slack speaks for the lines; `None` while the counters vouch for them.
    pub(super) fn unvouched_since(&self) -> Option<Timestamp> {
        self.base
            .filter(|_| !self.is_vouched_for)
            .map(|base| base.at)
    }

    /// Since when the lines are in doubt: the baseline, or `now` when nothing was compared.
    pub(super) fn doubted_since(&self, now: Timestamp) -> Timestamp {
        match self.verdict {
            Agreement::Agree => now,
            Agreement::Lost | Agreement::Inflated => self.doubted_since.unwrap_or(now),
        }
    }

    /// One more line of this backend.
    pub(super) const fn line(&mut self) {
        self.lines = self.lines.saturating_add(1);
    }

    /// Begins anew, with nothing to compare: counters of another HAProxy process.
    pub(super) const fn forget(&mut self) {
        *self = Self::new();
    }

    /// Lines and responses since the baseline, for people.
    pub(super) fn since_baseline(&self, responses: u64) -> (u64, u64) {
        (
            self.lines,
            responses.saturating_sub(self.base.map_or(responses, |base| base.responses)),
        )
    }

    /// Compares with what HAProxy has just said; true when the verdict is another one.
    pub(super) fn compare(&mut self, now: Timestamp, responses: u64, sessions: u32) -> bool {
        let sessions = u64::from(sessions);
        let here = Base {
            at: now,
            responses,
            sessions,
        };
        // `clear counters` of an operator takes them back.
        let has_grown = std::mem::replace(&mut self.newest, responses) <= responses;
        let base = match self.base {
            Some(base) if has_grown => base,
            Some(_) | None => {
                self.base = Some(here);
                self.lines = 0;
                return false;
            }
        };
        let grown = responses - base.responses;
        let lines = self.lines;
        let missing = grown.saturating_sub(lines).saturating_sub(sessions);
        let surplus = lines.saturating_sub(base.sessions);
        let before = self.verdict;
        self.is_vouched_for = is_vouched_for(surplus, grown);
        if missing >= SLACK && missing.saturating_mul(2) > grown {
            self.verdict = Agreement::Lost;
        } else if surplus.saturating_mul(2) > grown.saturating_mul(3).saturating_add(2 * SLACK) {
            self.verdict = Agreement::Inflated;
        } else if self.verdict == Agreement::Agree {
            if grown >= REBASE_AFTER {
                self.rebase(here);
            }
            return false;
        }
        if before == Agreement::Agree {
            self.doubted_since = Some(base.at);
        }
        if now.since(base.at) < RECOVERY {
            return self.verdict != before;
        }
        // A contradiction is over when a whole period agrees without the slack that a first
        // doubt is granted.
        let agrees = missing.saturating_mul(2) <= grown && self.is_vouched_for;
        if agrees {
            self.verdict = Agreement::Agree;
        }
        self.rebase(here);
        self.verdict != before
    }

    const fn rebase(&mut self, here: Base) {
        self.base = Some(here);
        self.lines = 0;
    }
}

/// Not more than half as many lines again as responses; one line may be ahead of its counter.
const fn is_vouched_for(surplus: u64, grown: u64) -> bool {
    surplus.saturating_mul(2) <= grown.saturating_mul(3).saturating_add(2)
}
