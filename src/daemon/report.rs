//! What `status` shows of a daemon at work, gathered. How it is shown lives in `crate::status`.

use std::time::SystemTime;

use super::Daemon;
use super::problems::Finding;
use crate::log::source::Source;
use crate::scaler::seen::ProblemCode;
use crate::status::{DaemonProblem, Report};
use crate::words::time::Timestamp;

impl Daemon {
    /// What `status` shows. Tells what is to be told over and over.
    pub(super) fn report(&mut self, source: &Source) -> Report {
        let now = self.clock.now();
        let backends = self.scaler.snapshot(now);
        self.counters.pass(now, &backends);
        let wall = SystemTime::now();
        self.curves.see(now, wall, &backends, &self.counters);
        let mut found = self.findings(now, source);
        // While the file is being rotated, that is no problem.
        let is_away = self.log.is_away();
        for view in &backends {
            let problems = view.problems.iter();
            let problems = problems.filter(|it| !(is_away && it.code() == ProblemCode::LogAbsent));
            found.extend(problems.map(|problem| Finding {
                about: problem.server().map(str::to_owned),
                backend: Some(view.name.clone()),
                code: problem.code().as_str(),
                text: problem.to_string(),
                is_helpless: problem.code().is_helpless(),
            }));
        }
        let (problems, news) = self.problems.take(now, wall, found);
        for news in news.into_iter().chain(self.reasons.take(now, &backends)) {
            self.tell(news);
        }
        let is_contradicted = problems
            .iter()
            .any(|problem| problem.code == ProblemCode::LogIncomplete.as_str());
        let report = Report {
            mode: self.config.mode,
            version: self.haproxy.version().map(str::to_owned),
            source: source.describe(),
            lines: self.log.lines(),
            rejected: self.log.rejected(),
            lost: source.counters().lost + source.counters().dropped_partial,
            refused: source.counters().refused,
            log: self.log.condition(now, source, is_contradicted),
            lag: source.lag(now),
            problems,
            backends,
        };
        self.hand_over(&report);
        report
    }

    /// What keeps the daemon itself from working.
    fn findings(&self, now: Timestamp, source: &Source) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut add = |problem: DaemonProblem, text: Option<String>| {
            found.extend(text.map(|text| Finding {
                backend: None,
                about: None,
                code: problem.as_str(),
                text,
                is_helpless: false,
            }));
        };
        for (problem, text) in self.log.problems(now, source) {
            add(problem, Some(text));
        }
        let level = self.level_problem();
        add(
            DaemonProblem::SocketLevel,
            level.map(|news| news.to_string()),
        );
        for untrusted in &self.distrust {
            add(DaemonProblem::Untrusted, Some(untrusted.to_string()));
        }
        add(DaemonProblem::StateNotKept, self.keeper_problem.clone());
        add(DaemonProblem::EventsNotKept, self.events.problem());
        add(DaemonProblem::ConfigNotApplied, self.config_problem.clone());
        for (problem, text) in self.http.problems() {
            add(problem, Some(text));
        }
        let unsent = self.alerts.problems().into_iter();
        found.extend(unsent.map(|(problem, about, text)| Finding {
            backend: None,
            about,
            code: problem.as_str(),
            text,
            is_helpless: false,
        }));
        found
    }
}
