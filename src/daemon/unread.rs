//! How many lines of the log say nothing, and why: a wrong format or tag is the likeliest reason why
//! a daemon does nothing. What is done about it is not decided here.

use std::collections::BTreeMap;

use crate::log::line::Reject;

/// Fewer lines prove nothing about a format.
const LINES_MIN: u64 = 20;
/// Reasons that are named.
const REASONS_MAX: usize = 3;

/// The lines read so far.
#[derive(Debug, Default)]
pub(super) struct Unread {
    lines: u64,
    rejected: BTreeMap<Reject, u64>,
    is_said: bool,
}

impl Unread {
    /// One line; what was wrong with it, if anything.
    pub(super) fn take(&mut self, reason: Option<Reject>) {
        self.lines += 1;
        if let Some(reason) = reason {
            *self.rejected.entry(reason).or_default() += 1;
        }
    }

    /// Lines read, rejected ones included.
    pub(super) const fn lines(&self) -> u64 {
        self.lines
    }

    /// Lines that are no request.
    pub(super) fn rejected(&self) -> u64 {
        self.rejected.values().sum()
    }

    /// [`Unread::problem`], when it begins.
    pub(super) fn news(&mut self) -> Option<String> {
        let is_bad = self.is_bad();
        let is_news = is_bad && !self.is_said;
        self.is_said = is_bad;
        if is_news { self.problem() } else { None }
    }

    /// Nothing in the log is HAProxy's, or most of that cannot be read.
    fn is_bad(&self) -> bool {
        let odd = self.rejected.iter().filter(|(it, _)| !it.is_ordinary());
        let odd: u64 = odd.map(|(_, count)| count).sum();
        self.lines >= LINES_MIN && (self.is_none_read() || odd.saturating_mul(2) > self.lines)
    }

    fn is_none_read(&self) -> bool {
        self.rejected() == self.lines
    }

    /// The same for the operator, with the reasons.
    pub(super) fn problem(&self) -> Option<String> {
        if !self.is_bad() {
            return None;
        }
        let mut reasons: Vec<_> = self.rejected.iter().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let reasons = reasons.iter().take(REASONS_MAX);
        let reasons: Vec<_> = reasons.map(|(it, count)| format!("{it} {count}")).collect();
        let how_many = if self.is_none_read() { "none" } else { "few" };
        Some(format!(
            "{how_many} of the log's {} lines can be read ({}), so nothing can be scaled by them: compare \
             `format` and `tag` under [log] with what `parse --rejects` shows",
            self.lines,
            reasons.join(", ")
        ))
    }
}
