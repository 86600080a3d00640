//! How well the log is read: as it is written, late, in part, hardly, or not at all. What a line says
//! and what follows for a backend do not live here.

use std::time::Duration;

use super::unread::Unread;
use crate::log::line::{Parser, Reject};
use crate::log::source::{Source, SourceState};
use crate::publish::record::LogNews;
use crate::scaler::event::LogState;
use crate::status::{DaemonProblem, LogCondition};
use crate::words::time::Timestamp;

/// Read this much later than written, the log says nothing about now.
const LAG_MAX: Duration = Duration::from_secs(2);
/// A file that was read may be away for so long: whoever rotates it makes it anew in a moment.
const ROTATION_MAX: Duration = Duration::from_secs(5);
/// So long after lines were lost the log is not taken for whole.
const LOSS_HOLD: Duration = Duration::from_secs(60);
/// A log of which HAProxy's counters want more is silent when no line has come for so long.
const SILENT_AFTER: Duration = Duration::from_secs(5);

/// What is known of one log since it was opened.
#[derive(Debug)]
pub(super) struct LogHealth {
    state: LogState,
    /// How it can be read, as it was told.
    source_state: Option<SourceState>,
    /// It was read, and is not there now.
    away_since: Option<Timestamp>,
    unread: Unread,
    skipped_bytes: u64,
    lost: u64,
    is_whole_from: Timestamp,
    /// When a line came last, and how many had come.
    last_line: (Timestamp, u64),
}

impl Default for LogHealth {
    fn default() -> Self {
        Self {
            state: LogState::Flowing,
            source_state: None,
            away_since: None,
            unread: Unread::default(),
            skipped_bytes: 0,
            lost: 0,
            is_whole_from: Timestamp::from_ms(0),
            last_line: (Timestamp::from_ms(0), 0),
        }
    }
}

impl LogHealth {
    /// Another log is read from now on.
    pub(super) fn read_another(&mut self, now: Timestamp) {
        *self = Self {
            state: self.state, // As the scaler knows it.
            last_line: (now, 0),
            ..Self::default()
        };
    }

    /// The same log by another format: what could not be read so far says nothing any more.
    pub(super) fn read_anew(&mut self) {
        self.unread = Unread::default();
    }

    /// One line; what was wrong with it, if anything.
    pub(super) fn line(&mut self, parser: &Parser, line: &[u8], reason: Option<Reject>) {
        self.unread.take(parser, line, reason);
    }

    /// Lines read, rejected ones included.
    pub(super) const fn lines(&self) -> u64 {
        self.unread.lines()
    }

    pub(super) const fn rejected(&self) -> u64 {
        self.unread.rejected()
    }

    /// While the file is being rotated, that it is not there is no problem.
    pub(super) const fn is_away(&self) -> bool {
        self.away_since.is_some()
    }

    /// Looks at the source after a turn: what is new for people, and the state when that is another
    /// one for the scaler.
    pub(super) fn watch(
        &mut self,
        now: Timestamp,
        source: &Source,
        is_file: bool,
        parser: &Parser,
    ) -> (Vec<LogNews>, Option<LogState>) {
        let mut news = Vec::new();
        news.extend(self.unread.news(parser).map(LogNews::Rejected));
        let skipped_bytes = source.counters().skipped_bytes;
        if skipped_bytes > self.skipped_bytes {
            news.push(LogNews::Skipped(skipped_bytes - self.skipped_bytes));
            self.skipped_bytes = skipped_bytes;
        }
        if self.last_line.1 != self.lines() {
            self.last_line = (now, self.lines());
        }
        let lost = source.counters().lost;
        if lost > self.lost {
            if now >= self.is_whole_from {
                news.push(lost_news(lost - self.lost, source));
            }
            self.lost = lost;
            self.is_whole_from = now.after(LOSS_HOLD);
        }
        news.extend(self.watch_source(now, source, is_file));
        let state = self.judge(now, source);
        let is_new = std::mem::replace(&mut self.state, state) != state;
        (news, is_new.then_some(state))
    }

    /// How the log can be read, when that is another thing than before. A file that is away for a
    /// moment is being rotated.
    fn watch_source(&mut self, now: Timestamp, source: &Source, is_file: bool) -> Option<LogNews> {
        let state = source.state();
        if self.source_state.as_ref() == Some(state) {
            return self.away_since.take().map(|_| LogNews::Rotated);
        }
        let was_read = self.source_state == Some(SourceState::Reading);
        if is_file && was_read && matches!(state, SourceState::Waiting(_)) {
            let since = *self.away_since.get_or_insert(now);
            if now.since(since) < ROTATION_MAX {
                return None;
            }
        }
        self.away_since = None;
        self.source_state = Some(state.clone());
        Some(match state {
            SourceState::Reading => LogNews::Read,
            SourceState::Waiting(text) => LogNews::Missing(text.to_string()),
            SourceState::Refused(text) => LogNews::Unreadable(text.to_string()),
            SourceState::Ended => LogNews::Ended,
        })
    }

    fn judge(&self, now: Timestamp, source: &Source) -> LogState {
        match source.state() {
            SourceState::Reading if source.is_catching_up(now) || source.lag(now) > LAG_MAX => {
                LogState::Lagging
            }
            SourceState::Reading if now < self.is_whole_from => LogState::Incomplete,
            SourceState::Reading => LogState::Flowing,
            SourceState::Waiting(_) | SourceState::Refused(_) | SourceState::Ended => {
                LogState::Absent
            }
        }
    }

    /// What of it keeps the daemon from working, each in a sentence.
    pub(super) fn problems(&self, now: Timestamp, source: &Source) -> Vec<(DaemonProblem, String)> {
        let mut problems = Vec::new();
        let told = self.source_state.as_ref().filter(|_| self.is_away());
        match told.unwrap_or(source.state()) {
            SourceState::Waiting(text) => {
                problems.push((DaemonProblem::LogMissing, text.to_string()));
            }
            SourceState::Refused(text) => {
                problems.push((DaemonProblem::LogUnreadable, text.to_string()));
            }
            SourceState::Reading | SourceState::Ended => {}
        }
        if now < self.is_whole_from {
            let text = lost_news(self.lost, source).text(&source.describe());
            problems.push((DaemonProblem::LinesLost, text));
        }
        let rejected = self.unread.problem();
        problems.extend(rejected.map(|text| (DaemonProblem::LinesRejected, text)));
        problems
    }

    /// Whether there is a log to be late with. `wants_lines`: HAProxy counts more answers than it
    /// shows.
    pub(super) fn condition(
        &self,
        now: Timestamp,
        source: &Source,
        wants_lines: bool,
    ) -> LogCondition {
        match source.state() {
            SourceState::Waiting(_) => LogCondition::Missing,
            SourceState::Refused(_) => LogCondition::Unreadable,
            SourceState::Ended => LogCondition::Ended,
            SourceState::Reading if wants_lines && now.since(self.last_line.0) >= SILENT_AFTER => {
                LogCondition::Silent
            }
            SourceState::Reading => LogCondition::Read,
        }
    }
}

fn lost_news(lines: u64, source: &Source) -> LogNews {
    LogNews::Lost {
        lines,
        advice: source.loss_advice(),
    }
}
