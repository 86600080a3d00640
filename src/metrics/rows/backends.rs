//! Of each backend: what is measured, what follows, what was decided.

use crate::config::Mode;
use crate::measure::policy::PolicyView;
use crate::measure::settings::Unit;
use crate::metrics::counters::{BackendCounters, STATUS_CLASSES};
use crate::metrics::table::{Metric, Samples, Sight, rows};
use crate::metrics::trigger::Trigger;
use crate::scaler::BackendView;
use crate::scaler::decision::Change;
use crate::scaler::seen::{BackendState, Evaluations, NoHelp, ProblemCode, ReasonCode};
use crate::status::blocked_by;

pub(super) static ROWS: &[Metric] = rows! {
    Histogram "response_time_seconds" ["proxy"]
    "Response times by the log (Tw + Tc + Tr, or Tr), with the backend's threshold as a bucket."
    |sight, to| for backend in counted(sight) {
        to.histogram(&[&backend.name], &backend.response);
    };
    Counter "requests" ["proxy", "server", "code"]
    "Requests by the log; server is other where HAProxy lists none of that name."
    |sight, to| for backend in counted(sight) {
        let listed = backend.servers.iter().map(|(name, classes)| (name.as_str(), classes));
        for (server, classes) in listed.chain([("other", &backend.other_servers)]) {
            for (class, count) in STATUS_CLASSES.iter().zip(classes) {
                to.count(&[&backend.name, server, class], *count);
            }
        }
    };
    Gauge "window_seconds" ["proxy", "signal", "statistic"]
    "The statistic of a time that the policy nearest to a breach sees; absent without a sample."
    |sight, to| policy(sight, to, Unit::Ms, |it| it.value);
    Gauge "window_level" ["proxy", "signal", "statistic"]
    "The same of a queue length, a concurrency or a rate of requests."
    |sight, to| for unit in [Unit::Count, Unit::PerSecond] {
        policy(sight, to, unit, |it| it.value);
    };
    Gauge "threshold_seconds" ["proxy", "signal", "statistic"] "The threshold of that policy, of a time."
    |sight, to| policy(sight, to, Unit::Ms, |it| Some(it.settings.above));
    Gauge "threshold_level" ["proxy", "signal", "statistic"] "The threshold of that policy, of a level."
    |sight, to| for unit in [Unit::Count, Unit::PerSecond] {
        policy(sight, to, unit, |it| Some(it.settings.above));
    };
    Gauge "window_samples" ["proxy"] "Requests, or looks at HAProxy, in that policy's window."
    |sight, to| each(sight, to, |it| it.policy.as_ref().map(|it| it.requests.into()));
    Gauge "breaches" ["proxy"] "Windows in a row above the threshold."
    |sight, to| each(sight, to, |it| it.policy.as_ref().map(|it| it.streak.into()));
    Gauge "breaches_needed" ["proxy"] "Windows in a row that ask for a server."
    |sight, to| each(sight, to, |it| it.policy.as_ref().map(|it| it.settings.breaches.into()));
    Counter "evaluations" ["proxy", "result"]
    "Windows that were complete: ok (not above the threshold), breach, broken (most requests failed)."
    |sight, to| for view in &sight.seen.report.backends {
        let Evaluations { ok, breach, broken } = view.votes.evaluations;
        for (result, count) in [("ok", ok), ("breach", breach), ("broken", broken)] {
            to.count(&[&view.name, result], count);
        }
    };
    Counter "above_threshold_seconds" ["proxy"] "How long the statistic has been above its threshold."
    |sight, to| for backend in counted(sight) {
        to.number(&[&backend.name], backend.above_threshold.as_secs_f64());
    };

    Gauge "demand_requests_per_second" ["proxy"] "Requests that arrive and cost servers something."
    |sight, to| each(sight, to, |it| it.capacity.demand_per_s);
    Gauge "capacity_requests_per_second" ["proxy", "bound"]
    "What one server carries within the goal: proved (seen to work), broken (seen to fail)."
    |sight, to| for view in &sight.seen.report.backends {
        to.known(&[&view.name, "proved"], view.capacity.proved_per_s);
        to.known(&[&view.name, "broken"], view.capacity.broken_per_s);
    };
    Gauge "wanted_servers" ["proxy"] "Servers that there should be."
    |sight, to| each(sight, to, |it| it.wanted.map(f64::from));
    Gauge "serving_servers" ["proxy"] "Servers that take requests."
    |sight, to| each(sight, to, |it| it.serving.map(f64::from));

    Gauge "backend_state" ["proxy", "state"] "1 for how the backend is."
    |sight, to| for view in &sight.seen.report.backends {
        for state in BackendState::ALL {
            to.flag(&[&view.name, state.as_str()], view.state == state);
        }
    };
    Gauge "blocked_by" ["proxy", "code"]
    "1 for each thing that keeps the backend from what it would do otherwise, as `explain` lists them."
    |sight, to| for view in &sight.seen.report.backends {
        let blocked = blocked_by(view, sight.seen.at);
        for code in ReasonCode::ALL.map(ReasonCode::as_str) {
            to.flag(&[&view.name, code], blocked.iter().any(|it| it.code == code));
        }
    };
    Gauge "reason" ["proxy", "code"]
    "1 for why the backend does what it does now, or does nothing: the reason of `status`."
    |sight, to| for view in &sight.seen.report.backends {
        for code in ReasonCode::ALL {
            to.flag(&[&view.name, code.as_str()], view.next.code() == code);
        }
    };
    Gauge "problem" ["proxy", "code"] "1 for each problem of the backend."
    problems;
    Gauge "paused" ["proxy"] "1 while an operator's pause forbids every change."
    |sight, to| for view in &sight.seen.report.backends {
        to.flag(&[&view.name], view.standings.pause.is_some());
    };

    Counter "decisions" ["proxy", "code"]
    "What was decided and found out, by the code that the daemon's log and `replay` use; in observe \
     mode what would have been."
    |sight, to| for backend in counted(sight) {
        let counts = Change::ALL.iter().zip(backend.decisions);
        let has_machines = !backend.machines.is_empty();
        for (change, count) in counts.filter(|(it, _)| has_machines || !is_of_machine(**it)) {
            to.count(&[&backend.name, change.code()], count);
        }
    };
    Counter "enables" ["proxy", "trigger"] "Spares that were enabled, by what asked for them."
    |sight, to| for backend in counted(sight) {
        let triggers = Trigger::ALL.iter().zip(backend.enables);
        for (trigger, count) in triggers.filter(|(trigger, _)| trigger.is_to_come()) {
            to.count(&[&backend.name, trigger.as_str()], count);
        }
    };
    Counter "actions" ["proxy", "action", "trigger", "result"]
    "What was done to spares (warm_up, enable, drain, disable), by what asked for it and by result: \
     success, failure, or observed, where it was not done."
    |sight, to| {
        let is_observing = sight.seen.report.mode == Mode::Observe;
        for backend in counted(sight) {
            for (action, trigger, outcome, count) in backend.actions.each(is_observing) {
                let (action, outcome) = (action.as_str(), outcome.as_str());
                to.count(&[&backend.name, action, trigger.as_str(), outcome], count);
            }
        }
    };
    Counter "external_changes" ["proxy"] "Changes of servers that were made outside this daemon."
    |sight, to| for backend in counted(sight) {
        let changes = backend.decisions.get(Change::Hold as usize);
        to.count(&[&backend.name], changes.copied().unwrap_or(0));
    };
    Histogram "scale_up_duration_seconds" ["proxy"] "From the decision to a spare that takes users."
    |sight, to| for backend in counted(sight) {
        to.histogram(&[&backend.name], &backend.scale_up);
    };
    Histogram "warm_up_duration_seconds" ["proxy"] "Of that the warm-up."
    |sight, to| for backend in counted(sight) {
        to.histogram(&[&backend.name], &backend.warm_up);
    };
};

fn counted<'a>(sight: &Sight<'a>) -> &'a [BackendCounters] {
    &sight.seen.counters.backends
}

/// Only those who have machines can see it.
const fn is_of_machine(change: Change) -> bool {
    matches!(
        change,
        Change::MachineStart
            | Change::MachineStarted
            | Change::MachineFailed
            | Change::MachineStop
            | Change::MachineStopped
    )
}

/// A number of each backend that has one.
fn each(sight: &Sight<'_>, to: &mut Samples<'_>, number: impl Fn(&BackendView) -> Option<f64>) {
    for view in &sight.seen.report.backends {
        to.known(&[&view.name], number(view));
    }
}

/// A number of each backend's policy, if its signal has that unit; times in seconds.
fn policy(
    sight: &Sight<'_>,
    to: &mut Samples<'_>,
    unit: Unit,
    number: impl Fn(&PolicyView) -> Option<f64>,
) {
    let scale = if unit == Unit::Ms { 1e-3 } else { 1.0 };
    for view in &sight.seen.report.backends {
        let Some(policy) = view.policy.as_ref() else {
            continue;
        };
        let (signal, statistic) = (policy.settings.signal, policy.settings.statistic.name());
        if signal.unit() == unit {
            let values = [&*view.name, signal.as_str(), &statistic];
            to.known(&values, number(policy).map(|it| it * scale));
        }
    }
}

fn problems(sight: &Sight<'_>, to: &mut Samples<'_>) {
    let helpless = NoHelp::ALL.into_iter();
    let helpless = helpless.flat_map(|why| [ProblemCode::Slow(why), ProblemCode::Short(why)]);
    let codes: Vec<ProblemCode> = helpless.chain(ProblemCode::OTHERS).collect();
    let report = &sight.seen.report;
    for view in &report.backends {
        let told = report.problems.iter();
        let told = told.filter(|it| it.backend.as_ref() == Some(&view.name));
        let told: Vec<&str> = told.map(|it| it.code).collect();
        let has_machines = view.servers.iter().any(|it| it.machine.is_some());
        for code in &codes {
            let is_told = told.contains(&code.as_str());
            if is_told || has_machines || !code.is_of_machine() {
                to.flag(&[&view.name, code.as_str()], is_told);
            }
        }
    }
}
