//! Do the log and HAProxy's own counters tell the same story? Silence is not idleness: a log that
//! contradicts the counters must not make a server go.
//!
//! Lines of a backend are held against the growth of the summed `hrsp_*` of its BACKEND row,
//! cumulatively since a baseline. The baseline moves only when both sides agree over enough
//! traffic: a quiet backend is judged over hours, a busy one over seconds, and a log that dies
//! after a good year is still noticed within some forty requests.
//!
//! A reload of HAProxy ends neither the comparison nor a contradiction. The new process counts from
//! 0, so what the old one had counted is carried over; lines of requests that began before the new
//! one was seen may be the old one's, and speak for the log without being held against the new one.

use std::time::Duration;

use super::dropped::Share;
use crate::words::time::Timestamp;

/// Neither side is believed to be ahead by less than so many.
const SLACK: u64 = 20;
/// Agreement over so many responses moves the baseline.
const REBASE_AFTER: u64 = 40;
/// A contradiction ends after agreement for this long.
const RECOVERY: Duration = Duration::from_secs(10);
/// Lines are lost until so many responses were logged: silence proves nothing, and an error or two
/// that are logged nevertheless (`dontlog-normal`) as little.
const EVIDENCE: u64 = 10;
/// … or HAProxy itself has answered nothing for so long: then nothing can be missing.
const SILENCE: Duration = Duration::from_secs(10 * 60);
/// So many responses of which not one in ten is logged, for so long, are a log that is silent.
const SILENT_RESPONSES: u64 = 100;
const SILENT_FOR: Duration = Duration::from_secs(10);
/// After the new process was seen first the old one may take requests for so long, and lines of it
/// may come in late.
const HANDOVER: Duration = Duration::from_secs(2);

/// What comparing showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Agreement {
    /// They agree, or there is too little to tell.
    Agree,
    /// HAProxy answered requests that the log does not show.
    Lost,
    /// The log shows requests that HAProxy did not answer.
    Inflated,
}

/// What the log shows and what HAProxy counted in the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compared {
    /// Lines of the log.
    pub lines: u64,
    /// Responses that HAProxy counted.
    pub responses: u64,
}

/// Why the log is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// HAProxy counts more answers than the log shows.
    Incomplete(Compared),
    /// The log shows more than HAProxy counts.
    Inflated(Compared),
    /// HAProxy itself drops lines.
    Dropped(Share),
}

/// The two sides since the baseline.
#[derive(Debug)]
#[repr(C)] // In this order: see `Backend`.
pub(crate) struct Comparison {
    // What every request touches comes first.
    /// Requests that began earlier may be an earlier process's.
    elder_before: Timestamp,
    /// Lines since the baseline.
    lines: Lines,
    /// The same as they were at the last comparison.
    compared: Lines,
    /// Why the verdict is not that they agree.
    contradiction: Option<Contradiction>,
    base: Option<Base>,
    /// Responses since the baseline that earlier processes counted.
    carried: u64,
    /// Another process has been seen, and its counters not yet.
    is_new_process: bool,
    /// When HAProxy had answered something last.
    grew_at: Timestamp,
    /// The counters vouch for the lines since the baseline, without the slack of a first doubt.
    is_vouched_for: bool,
    /// The newest count of responses.
    newest: u64,
}

/// Lines by whose counters must know of them.
#[derive(Clone, Copy, Debug)]
struct Lines {
    /// Of requests that the present process must have counted.
    present: u64,
    /// Of requests that an earlier process may have answered.
    elders: u64,
}

const NO_LINES: Lines = Lines {
    present: 0,
    elders: 0,
};

impl Lines {
    const fn all(self) -> u64 {
        self.present.saturating_add(self.elders)
    }
}

/// The log and the counters tell different stories.
#[derive(Clone, Copy, Debug)]
struct Contradiction {
    direction: Direction,
    /// That of the newest comparison that contradicted.
    found: Compared,
    /// The baseline of the comparison that ended agreement.
    since: Timestamp,
}

/// Which side shows more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    /// HAProxy counts more.
    Lost,
    /// The log shows more.
    Inflated,
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
    pub(crate) const fn new() -> Self {
        Self {
            lines: NO_LINES,
            compared: NO_LINES,
            contradiction: None,
            base: None,
            carried: 0,
            elder_before: Timestamp::from_ms(0),
            is_new_process: false,
            grew_at: Timestamp::from_ms(0),
            is_vouched_for: true,
            newest: 0,
        }
    }

    /// The verdict of the last comparison.
    pub(crate) const fn verdict(&self) -> Agreement {
        match self.contradiction {
            None => Agreement::Agree,
            Some(it) => match it.direction {
                Direction::Lost => Agreement::Lost,
                Direction::Inflated => Agreement::Inflated,
            },
        }
    }

    /// Since when nothing but slack speaks for the lines; `None` while the counters vouch for them.
    pub(crate) fn unvouched_since(&self) -> Option<Timestamp> {
        self.base
            .filter(|_| !self.is_vouched_for)
            .map(|base| base.at)
    }

    /// Since when the lines are in doubt: the baseline, or `now` when nothing was compared.
    pub(crate) fn doubted_since(&self, now: Timestamp) -> Timestamp {
        self.contradiction.map_or(now, |it| it.since)
    }

    /// One more line of this backend, of a request that began then.
    pub(crate) fn line(&mut self, began: Timestamp) {
        let lines = if began < self.elder_before {
            &mut self.lines.elders
        } else {
            &mut self.lines.present
        };
        *lines = lines.saturating_add(1);
    }

    /// Begins anew, with nothing to compare: another HAProxy.
    pub(crate) const fn forget(&mut self) {
        *self = Self::new();
    }

    /// Another process of the same HAProxy answers. Lines since the last comparison are nobody's:
    /// the counters that knew of them are gone.
    pub(crate) fn next_process(&mut self, now: Timestamp) {
        self.carried = self.grown(self.newest);
        self.lines = self.compared;
        self.elder_before = now.after(HANDOVER);
        self.is_new_process = true;
    }

    fn grown(&self, responses: u64) -> u64 {
        let base = self.base.map_or(responses, |base| base.responses);
        self.carried.saturating_add(responses.saturating_sub(base))
    }

    /// For people: that of the contradiction, or since the baseline.
    pub(crate) fn compared(&self) -> Compared {
        self.contradiction.map_or_else(
            || Compared {
                lines: self.lines.all(),
                responses: self.grown(self.newest),
            },
            |it| it.found,
        )
    }

    /// Why the log is not believed.
    pub(crate) fn doubt(&self) -> Option<Doubt> {
        self.contradiction.map(|it| match it.direction {
            Direction::Lost => Doubt::Incomplete(it.found),
            Direction::Inflated => Doubt::Inflated(it.found),
        })
    }

    /// Compares with what HAProxy has just said; true when the verdict is another one.
    pub(crate) fn compare(&mut self, now: Timestamp, responses: u64, sessions: u32) -> bool {
        let sessions = u64::from(sessions);
        let here = Base {
            at: now,
            responses,
            sessions,
        };
        if responses > self.newest || self.is_new_process && responses > 0 {
            self.grew_at = now;
        }
        if std::mem::take(&mut self.is_new_process) {
            self.newest = responses;
            if let Some(base) = &mut self.base {
                base.responses = responses;
            }
        }
        // `clear counters` of an operator takes them back.
        let has_grown = std::mem::replace(&mut self.newest, responses) <= responses;
        let base = match self.base {
            Some(base) if has_grown => base,
            Some(_) | None => {
                self.rebase(here);
                return false;
            }
        };
        self.compared = self.lines;
        let grown = self.grown(responses);
        let lines = self.lines.all();
        let missing = grown.saturating_sub(lines).saturating_sub(sessions);
        let surplus = self.lines.present.saturating_sub(base.sessions);
        let before = self.verdict();
        self.is_vouched_for = is_vouched_for(surplus, grown);
        let is_missing = missing >= SLACK && missing.saturating_mul(2) > grown;
        let is_unlogged = is_nearly_silent(lines, grown, now.since(base.at));
        let found = Compared {
            lines,
            responses: grown,
        };
        if is_missing || is_unlogged {
            self.contradict(Direction::Lost, found, base.at);
        } else if surplus.saturating_mul(2) > grown.saturating_mul(3).saturating_add(2 * SLACK) {
            self.contradict(Direction::Inflated, found, base.at);
        } else if self.contradiction.is_none() {
            // Open sessions may explain what is missing for a while, and are no agreement.
            let is_logged = lines.saturating_mul(2) >= grown;
            if grown >= REBASE_AFTER && is_logged {
                self.rebase(here);
            }
            return false;
        }
        let is_lost = self.verdict() == Agreement::Lost;
        let is_silent = is_lost && now.since(self.grew_at) >= SILENCE;
        let is_too_little = is_lost && grown < EVIDENCE && !is_silent;
        if now.since(base.at) < RECOVERY || is_too_little {
            return self.verdict() != before;
        }
        // A contradiction is over when a whole period agrees without the slack that a first
        // doubt is granted.
        let explained = if is_lost {
            // Open sessions are a slack, too.
            lines.saturating_mul(2) >= grown
        } else {
            missing.saturating_mul(2) <= grown
        };
        let agrees = (is_silent || explained) && self.is_vouched_for;
        if agrees {
            self.contradiction = None;
        }
        self.rebase(here);
        self.verdict() != before
    }

    fn contradict(&mut self, direction: Direction, found: Compared, base: Timestamp) {
        self.contradiction = Some(Contradiction {
            direction,
            found,
            since: self.doubted_since(base),
        });
    }

    const fn rebase(&mut self, here: Base) {
        self.base = Some(here);
        self.lines = NO_LINES;
        self.compared = NO_LINES;
        self.carried = 0;
    }
}

/// Next to nothing is logged of what HAProxy answers, and has not been for so long that open sessions,
/// of which a backend that is overrun has ever more, do not explain it.
fn is_nearly_silent(lines: u64, grown: u64, lasted: Duration) -> bool {
    grown >= SILENT_RESPONSES && lines.saturating_mul(10) < grown && lasted >= SILENT_FOR
}

/// Not more than half as many lines again as responses; one line may be ahead of its counter.
const fn is_vouched_for(surplus: u64, grown: u64) -> bool {
    surplus.saturating_mul(2) <= grown.saturating_mul(3).saturating_add(2)
}
