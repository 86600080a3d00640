//! Of the machines that spares run on: what each does, what it took, and what failed. Spares without one
//! have no series here.

use crate::metrics::table::{Metric, Sight, rows};
use crate::scaler::ServerView;
use crate::scaler::seen::MachineView;
use crate::words::machine::{MachineVerb, PowerState};

pub(super) static ROWS: &[Metric] = rows! {
    Gauge "machine_state" ["proxy", "server", "state"]
    "1 for what the spare's machine does: on, off, starting, stopping, gone, unknown."
    |sight, to| for (backend, server, machine) in machines(sight) {
        let states = PowerState::ALL.map(PowerState::as_str);
        for state in states.into_iter().chain([MachineView::UNKNOWN]) {
            to.flag(&[backend, &server.name, state], machine.state() == state);
        }
    };
    Counter "machine_running_seconds" ["proxy", "server"]
    "How long the spare's machine has run, or may have: what it costs."
    |sight, to| for (backend, server, machine) in machines(sight) {
        to.number(&[backend, &server.name], machine.ran.as_secs_f64());
    };
    Gauge "machine_boot_seconds" ["proxy", "server"]
    "From the last start of the spare's machine to the first answer of its server; absent before."
    |sight, to| for (backend, server, machine) in machines(sight) {
        to.known(&[backend, &server.name], machine.boot.map(|boot| boot.as_secs_f64()));
    };
    Counter "machine_starts" ["proxy", "server"]
    "Starts of the spare's machine, repetitions of one not counted."
    |sight, to| for backend in &sight.seen.counters.backends {
        for (server, machine) in &backend.machines {
            to.count(&[&backend.name, server], machine.starts);
        }
    };
    Counter "machine_failures" ["proxy", "server", "verb"]
    "What the spare's machine did not do: start, stop, or status (it went off, or nobody can tell)."
    |sight, to| for backend in &sight.seen.counters.backends {
        for (server, machine) in &backend.machines {
            for (verb, count) in MachineVerb::ALL.iter().zip(machine.failures) {
                to.count(&[&backend.name, server, verb.as_str()], count);
            }
        }
    };
};

fn machines<'a>(
    sight: &Sight<'a>,
) -> impl Iterator<Item = (&'a str, &'a ServerView, &'a MachineView)> + use<'a> {
    sight.seen.report.backends.iter().flat_map(|view| {
        let servers = view.servers.iter();
        servers.filter_map(|it| Some((view.name.as_str(), it, it.machine.as_ref()?)))
    })
}
