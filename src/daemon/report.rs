//! What `status` shows of a daemon at work, gathered. How it is shown lives in `crate::status`.

use std::time::{Duration, SystemTime};

use super::problems::{Finding, Saying};
use super::{Daemon, journal};
use crate::log::file::FileState;
use crate::log::source::Source;
use crate::scaler::BackendView;
use crate::scaler::seen::ProblemCode;
use crate::status::{DaemonProblem, LogCondition, Report};
use crate::words::time::Timestamp;

/// A log of which HAProxy's counters want more is silent when no line has come for so long.
const SILENT_AFTER: Duration = Duration::from_secs(5);

impl Daemon {
    /// What `status` shows. Says what is to be said over and over.
    pub(super) fn report(&mut self, source: &Source) -> Report {
        let now = self.clock.now();
        let backends = self.scaler.snapshot(now);
        let mut found = self.findings(now, source);
        // While the file is being rotated, that is no problem.
        let is_away = self.away_since.is_some();
        for view in &backends {
            let problems = view.problems.iter();
            let problems = problems.filter(|it| !(is_away && it.code() == ProblemCode::LogAbsent));
            found.extend(problems.map(|problem| Finding {
                backend: Some(view.name.clone()),
                code: problem.code().as_str(),
                text: problem.to_string(),
                is_helpless: problem.code().is_helpless(),
            }));
        }
        let (problems, sayings) = self.problems.take(now, SystemTime::now(), found);
        for saying in sayings {
            match saying {
                Saying::Still(text) => tracing::warn!("{text}"),
                Saying::Over(text) => tracing::info!("{text}"),
            }
        }
        Report {
            mode: self.config.mode,
            version: self.diagnosis.version.clone(),
            source: source.describe(),
            lines: self.unread.lines(),
            rejected: self.unread.rejected(),
            lost: source.counters().lost + source.counters().dropped_partial,
            refused: source.counters().refused,
            log: self.log_condition(now, source, &backends),
            lag: source.lag(now),
            problems,
            backends,
        }
    }

    /// What keeps the daemon itself from working.
    fn findings(&self, now: Timestamp, source: &Source) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut add = |problem: DaemonProblem, text: Option<String>| {
            found.extend(text.map(|text| Finding {
                backend: None,
                code: problem.as_str(),
                text,
                is_helpless: false,
            }));
        };
        let state = self
            .source_state
            .as_ref()
            .filter(|_| self.away_since.is_some());
        match state.unwrap_or(source.state()) {
            FileState::Waiting(text) => add(DaemonProblem::LogMissing, Some(text.to_string())),
            FileState::Refused(text) => add(DaemonProblem::LogUnreadable, Some(text.to_string())),
            FileState::Reading | FileState::Ended => {}
        }
        if now < self.is_whole_from {
            let text = journal::lost_problem(self.lost, source);
            add(DaemonProblem::LinesLost, Some(text));
        }
        add(DaemonProblem::SocketLevel, self.level_problem());
        add(DaemonProblem::LinesRejected, self.unread.problem());
        for text in &self.distrust {
            add(DaemonProblem::Untrusted, Some(text.clone()));
        }
        add(DaemonProblem::StateNotKept, self.keeper_problem.clone());
        add(DaemonProblem::ConfigNotApplied, self.config_problem.clone());
        found
    }

    fn log_condition(
        &self,
        now: Timestamp,
        source: &Source,
        backends: &[BackendView],
    ) -> LogCondition {
        let is_contradicted = || {
            let mut problems = backends.iter().flat_map(|view| &view.problems);
            problems.any(|problem| problem.code() == ProblemCode::LogIncomplete)
        };
        match source.state() {
            FileState::Waiting(_) => LogCondition::Missing,
            FileState::Refused(_) => LogCondition::Unreadable,
            FileState::Ended => LogCondition::Ended,
            FileState::Reading
                if now.since(self.last_line.0) >= SILENT_AFTER && is_contradicted() =>
            {
                LogCondition::Silent
            }
            FileState::Reading => LogCondition::Read,
        }
    }
}
