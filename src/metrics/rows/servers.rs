//! Of each spare: where it is, and what stands for it.

use crate::metrics::table::{Metric, Samples, Sight, rows};
use crate::scaler::{Role, ServerView, Stage};

pub(super) static ROWS: &[Metric] = rows! {
    Gauge "server_stage" ["proxy", "server", "stage"] "1 for the stage that the spare is in."
    |sight, to| for (backend, server) in spares(sight) {
        for stage in stages(server.machine.is_some()) {
            to.flag(&[backend, &server.name, stage.as_str()], server.stage == stage);
        }
    };
    Gauge "server_serving" ["proxy", "server"] "1 if the spare takes requests and answers them."
    |sight, to| each(sight, to, |it| it.is_serving);
    Gauge "server_held" ["proxy", "server"]
    "1 while the spare is left alone because it was changed outside this daemon."
    |sight, to| each(sight, to, |it| it.standings.hold.is_some());
    Gauge "server_pinned" ["proxy", "server"] "1 while an operator wants the spare as it is."
    |sight, to| each(sight, to, |it| it.standings.pin.is_some());
    Gauge "server_quarantined" ["proxy", "server"] "1 while the spare is no candidate because it failed."
    |sight, to| each(sight, to, |it| it.standings.quarantine.is_some());
    Gauge "spares" ["proxy", "state"] "Spares by stage, and those in quarantine."
    |sight, to| for view in &sight.seen.report.backends {
        let spares = || view.servers.iter().filter(|it| it.role == Role::Spare);
        for stage in stages(spares().any(|it| it.machine.is_some())) {
            let count = spares().filter(|it| it.stage == stage).count();
            to.number(&[&view.name, stage.as_str()], count as f64);
        }
        let failed = spares().filter(|it| it.standings.quarantine.is_some());
        to.number(&[&view.name, "quarantined"], failed.count() as f64);
    };
    Counter "spare_seconds" ["proxy", "server"] "How long the spare has been ready: what it costs."
    |sight, to| for backend in &sight.seen.counters.backends {
        for (server, spare) in &backend.spares {
            to.number(&[&backend.name, server], spare.ready.as_secs_f64());
        }
    };
    Counter "warm_up_requests" ["proxy", "server", "result"]
    "Requests that warmed the spare up, by result: success, failure (as far as a warm-up that gave up tells)."
    |sight, to| for backend in &sight.seen.counters.backends {
        for (server, spare) in &backend.spares {
            to.count(&[&backend.name, server, "success"], spare.warm_ups.0);
            to.count(&[&backend.name, server, "failure"], spare.warm_ups.1);
        }
    };
};

/// Those of a machine only where there is one.
fn stages(has_machine: bool) -> impl Iterator<Item = Stage> {
    let is_of_machine = |stage| matches!(stage, Stage::Off | Stage::Starting | Stage::Stopping);
    let all = Stage::ALL.into_iter();
    all.filter(move |stage| has_machine || !is_of_machine(*stage))
}

fn spares<'a>(sight: &Sight<'a>) -> impl Iterator<Item = (&'a str, &'a ServerView)> + use<'a> {
    sight.seen.report.backends.iter().flat_map(|view| {
        let spares = view.servers.iter().filter(|it| it.role == Role::Spare);
        spares.map(|server| (view.name.as_str(), server))
    })
}

fn each(sight: &Sight<'_>, to: &mut Samples<'_>, is_so: impl Fn(&ServerView) -> bool) {
    for (backend, server) in spares(sight) {
        to.flag(&[backend, &server.name], is_so(server));
    }
}
