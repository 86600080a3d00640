//! How many lines of the log say nothing, and why: a wrong format or tag is the likeliest reason why
//! a daemon does nothing. What is done about it is not decided here.

use std::collections::VecDeque;

use crate::log::advice::Tally;
use crate::log::line::{Parser, Reject};

/// Fewer lines prove nothing about a format.
const LINES_MIN: u64 = 20;
/// So many lines, or up to twice as many, are judged: a format that changes after a good year is
/// noticed within a thousand lines.
const LOOK_BACK: u64 = 1000;
/// So many lines tell that it is over: they are readable again, whatever stood before them.
const RECOVERY_LINES: usize = 50;

/// The lines read so far.
#[derive(Debug, Default)]
pub(super) struct Unread {
    lines: u64,
    /// Of them HAProxy's messages about itself, which are neither requests nor rejected.
    messages: u64,
    rejected: u64,
    before: Tally,
    recent: Tally,
    /// Whether each of the last lines should have been read and was not.
    last: VecDeque<bool>,
    /// As it was judged last.
    problem: Option<String>,
}

impl Unread {
    /// One line; what was wrong with it, if anything.
    pub(super) fn take(&mut self, parser: &Parser, line: &[u8], reason: Option<Reject>) {
        self.lines += 1;
        if reason.is_some_and(Reject::is_message) {
            self.messages += 1;
            return;
        }
        if self.recent.lines() == LOOK_BACK {
            self.before = std::mem::take(&mut self.recent);
        }
        self.recent.count(reason.map_or(Ok(()), Err));
        if let Some(reason) = reason {
            self.rejected += 1;
            let place = self.recent.lines();
            self.recent.sample(parser, place, reason, line);
        }
        if self.last.len() == RECOVERY_LINES {
            self.last.pop_front();
        }
        self.last
            .push_back(reason.is_some_and(|it| !it.is_ordinary()));
    }

    /// Lines read, rejected ones and HAProxy's own messages included.
    pub(super) const fn lines(&self) -> u64 {
        self.lines
    }

    /// Lines that should have been requests and are not.
    pub(super) const fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Judges anew; [`Unread::problem`], when it begins.
    pub(super) fn news(&mut self, parser: &Parser) -> Option<String> {
        let was_bad = self.problem.is_some();
        if was_bad && self.is_over() {
            // What was bad is not counted again, or it would begin anew.
            (self.before, self.recent) = (Tally::default(), Tally::default());
            self.problem = None;
            return None;
        }
        let mut judged = self.before.clone();
        judged.merge(&self.recent, self.before.lines());
        let is_enough = judged.lines() >= LINES_MIN;
        // Lines of other programs alone may follow each other for long, but not from the start.
        if was_bad || (is_enough && (self.is_none_ever() || is_odd(&judged))) {
            let is_all = judged.lines() == self.judged_lines();
            self.problem = Some(describe(&judged, parser, is_all));
        }
        self.problem.clone().filter(|_| !was_bad)
    }

    /// Nothing in the log is HAProxy's, or most of that cannot be read: for the operator, with the
    /// reasons.
    pub(super) fn problem(&self) -> Option<String> {
        self.problem.clone()
    }

    /// All but HAProxy's messages.
    const fn judged_lines(&self) -> u64 {
        self.lines - self.messages
    }

    const fn is_none_ever(&self) -> bool {
        self.rejected == self.judged_lines()
    }

    /// Of the last lines at most a quarter could not be read, and they are enough to tell.
    fn is_over(&self) -> bool {
        let odd = self.last.iter().filter(|is_odd| **is_odd).count();
        !self.is_none_ever() && self.last.len() == RECOVERY_LINES && odd * 4 <= RECOVERY_LINES
    }
}

/// More than half of them should have been read and were not.
fn is_odd(tally: &Tally) -> bool {
    let odd = tally.rejected().filter(|(it, _)| !it.is_ordinary());
    let odd: u64 = odd.map(|(_, count)| count).sum();
    odd.saturating_mul(2) > tally.lines()
}

/// `is_all`: these are all lines since the start.
fn describe(tally: &Tally, parser: &Parser, is_all: bool) -> String {
    let how_many = if tally.requests() == 0 { "none" } else { "few" };
    let last = if is_all { "" } else { "last " };
    let way_out = tally.advice(parser).map_or_else(
        || "compare `format` and `tag` under [log] with what `parse --rejects` shows".to_owned(),
        |advice| {
            format!(
                "the first of them is `{}`; {}",
                advice.first(),
                advice.way_out
            )
        },
    );
    format!(
        "{how_many} of the log's {last}{} lines can be read ({}), so nothing can be scaled by \
         them: {way_out}",
        tally.lines(),
        tally.reasons()
    )
}
