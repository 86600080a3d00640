//! How many lines of the log say nothing, and why: a wrong format or tag is the likeliest reason why
//! a daemon does nothing. What is done about it is not decided here.

use std::collections::BTreeMap;

use crate::log::line::Reject;

/// Fewer lines prove nothing about a format.
const LINES_MIN: u64 = 20;
/// So many lines, or up to twice as many, are judged: a format that changes after a good year is
/// noticed within a thousand lines, and forgotten as soon.
const LOOK_BACK: u64 = 1000;
/// Reasons that are named.
const REASONS_MAX: usize = 3;

/// The lines read so far.
#[derive(Debug, Default)]
pub(super) struct Unread {
    lines: u64,
    rejected: u64,
    before: Tally,
    recent: Tally,
    /// As it was judged last.
    is_bad: bool,
}

/// Some lines, and what was wrong with them.
#[derive(Clone, Debug, Default)]
struct Tally {
    lines: u64,
    rejected: BTreeMap<Reject, u64>,
}

impl Unread {
    /// One line; what was wrong with it, if anything.
    pub(super) fn take(&mut self, reason: Option<Reject>) {
        if self.recent.lines == LOOK_BACK {
            self.before = std::mem::take(&mut self.recent);
        }
        self.lines += 1;
        self.recent.lines += 1;
        if let Some(reason) = reason {
            self.rejected += 1;
            *self.recent.rejected.entry(reason).or_default() += 1;
        }
    }

    /// Lines read, rejected ones included.
    pub(super) const fn lines(&self) -> u64 {
        self.lines
    }

    /// Lines that are no request.
    pub(super) const fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Judges anew; [`Unread::problem`], when it begins.
    pub(super) fn news(&mut self) -> Option<String> {
        let judged = self.before.with(&self.recent);
        // HAProxy's own messages alone may follow each other for long, but not from the start.
        let is_none_ever = self.rejected == self.lines;
        let was_bad = self.is_bad;
        self.is_bad = self.lines >= LINES_MIN && (is_none_ever || judged.is_odd(was_bad));
        if was_bad { None } else { self.problem() }
    }

    /// Nothing in the log is HAProxy's, or most of that cannot be read: for the operator, with the
    /// reasons.
    pub(super) fn problem(&self) -> Option<String> {
        if !self.is_bad {
            return None;
        }
        let judged = self.before.with(&self.recent);
        let mut reasons: Vec<_> = judged.rejected.iter().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let reasons = reasons.iter().take(REASONS_MAX);
        let reasons: Vec<_> = reasons.map(|(it, count)| format!("{it} {count}")).collect();
        let how_many = if judged.is_none_read() { "none" } else { "few" };
        let last = if judged.lines == self.lines {
            ""
        } else {
            "last "
        };
        Some(format!(
            "{how_many} of the log's {last}{} lines can be read ({}), so nothing can be scaled by \
             them: compare `format` and `tag` under [log] with what `parse --rejects` shows",
            judged.lines,
            reasons.join(", ")
        ))
    }
}

impl Tally {
    fn with(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        sum.lines += other.lines;
        for (reason, count) in &other.rejected {
            *sum.rejected.entry(*reason).or_default() += count;
        }
        sum
    }

    /// More than half of it should have been read and was not; where that `was` so, more than a
    /// quarter, lest it is said over and over.
    fn is_odd(&self, was: bool) -> bool {
        let odd = self.rejected.iter().filter(|(it, _)| !it.is_ordinary());
        let odd: u64 = odd.map(|(_, count)| count).sum();
        odd.saturating_mul(if was { 4 } else { 2 }) > self.lines
    }

    fn is_none_read(&self) -> bool {
        self.rejected.values().sum::<u64>() == self.lines
    }
}
