//! The whole boundary of the scaler: what goes in ([`Event`]) and what comes out ([`Action`]).
//!
//! Plain data with a doc comment each; behaviour does not belong here.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::decision::Decision;
use super::memory::Memory;
use super::settings::BackendSettings;
use crate::words::machine::{MachineAnswer, MachineCall, MachineFailure};
use crate::words::names::ServerName;
use crate::words::order::Order;
use crate::words::picture::Picture;
use crate::words::picture::{AdminState, ReadFailure, WriteFailure};
use crate::words::proof::{WarmUpEvidence, WarmUpFailure, WarmUpTrouble};
use crate::words::request::Request;
use crate::words::shift::Shift;

/// Tells an outcome which action it belongs to. Never used twice by one scaler, so that a late
/// outcome of an action that was given up cannot be taken for that of the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ActionId(pub u64);

/// Everything that can happen to the scaler.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// Time passed. Changes nothing that would not have happened anyway at its own instant.
    Tick,
    /// HAProxy finished a request and logged it.
    Request(Request<'a>),
    /// What became of the log since the last such event.
    Log(LogState),
    /// A line says that a server of this backend went up or down. Anybody may have written it, so
    /// nothing of it is believed: the next look at HAProxy comes at once, at most one a second.
    Hint {
        /// The backend that the line names, which may not exist.
        backend: &'a str,
    },
    /// The outcome of [`Action::Read`]: what HAProxy says, or why it could not be read.
    HaproxyRead {
        /// The action that this answers.
        id: ActionId,
        /// HAProxy's answer.
        outcome: Result<Picture, ReadFailure>,
    },
    /// The outcome of [`Action::WarmUp`].
    WarmUpEnded {
        /// The action that this answers.
        id: ActionId,
        /// The server that was warmed up.
        server: ServerName,
        /// Proof of its health, or why there is none.
        outcome: Result<WarmUpEvidence, WarmUpFailure>,
    },
    /// An [`Action::WarmUp`] goes on and fails: told at once, and again as long as it does.
    WarmUpTroubled {
        /// The action that this is about.
        id: ActionId,
        /// The server that is warmed up.
        server: ServerName,
        /// What goes wrong; `None`: it fails no more.
        trouble: Option<WarmUpTrouble>,
    },
    /// The outcome of [`Action::SetState`].
    StateSet {
        /// The action that this answers.
        id: ActionId,
        /// The server whose state was to be set.
        server: ServerName,
        /// Accepted, or why not. An accepted write is still read back.
        outcome: Result<(), WriteFailure>,
    },
    /// The outcome of [`Action::Machine`].
    MachineAnswered {
        /// The action that this answers.
        id: ActionId,
        /// The server that runs on the machine.
        server: ServerName,
        /// What its provider answered. An accepted start is proven by its server, a stop by the next look.
        outcome: Result<MachineAnswer, MachineFailure>,
    },
    /// The outcome of [`Action::SetMaxconn`].
    MaxconnSet {
        /// The action that this answers.
        id: ActionId,
        /// The server whose limit was to be set.
        server: ServerName,
        /// Accepted, or why not. What it did shows in the server's requests.
        outcome: Result<(), WriteFailure>,
    },
    /// The outcome of [`Action::SetWeight`].
    WeightSet {
        /// The action that this answers.
        id: ActionId,
        /// The server whose weight was to be set.
        server: ServerName,
        /// Accepted, or why not. An accepted write is still read back.
        outcome: Result<(), WriteFailure>,
    },
    /// An operator's order; one [`super::decision::Change::Operator`] for each backend that it is
    /// about answers it.
    Operator(&'a Order),
    /// What an earlier daemon knew; comes before anything else.
    Remembered(&'a Memory),
    /// A new configuration: backends that go are left as they are once nothing is half-way,
    /// backends that come begin fresh, the others keep what they know.
    Settings {
        /// All backends of the new configuration.
        backends: &'a [BackendSettings],
        /// Another HAProxy, or observing instead of acting: what is known of servers is void.
        is_elsewhere: bool,
        /// It was observed until now: what was done there was pretended.
        was_pretended: bool,
    },
    /// Hours in which a backend keeps more servers than `min`, instead of those told before.
    Shifts {
        /// The backend.
        backend: &'a str,
        /// Those that last or are to come.
        shifts: &'a [Shift],
    },
    /// The daemon or the machine stood still for that long.
    Gap {
        /// Longer than the pictures and lines that one decides on may be apart.
        lasted: Duration,
    },
    /// The daemon is about to end: what is between two stages goes back to maint.
    Stop,
}

/// Everything that the scaler may ask for. Each but [`Action::Report`] is answered by exactly one
/// event with the same id, or is given up when its time is over.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Read HAProxy's servers and counters, on a fresh connection.
    Read {
        /// To be repeated in the outcome.
        id: ActionId,
        /// The backends to ask for, all of them.
        backends: Arc<[String]>,
    },
    /// Send requests straight to a server until enough in a row pass. Never enables it.
    WarmUp {
        /// To be repeated in the outcome.
        id: ActionId,
        /// The server, for its per-server settings and for messages.
        server: ServerName,
        /// Where HAProxy would connect to; `None` when HAProxy gave no usable address.
        address: Option<SocketAddr>,
        /// HAProxy speaks TLS to this server (`srv_use_ssl`).
        is_tls: bool,
        /// Give up after this long in total.
        deadline: Duration,
        /// Give up when no attempt got a connection for this long. Shorter than `deadline` when
        /// another spare is waiting to be tried.
        refusals_for: Duration,
    },
    /// Ask whoever starts and stops the machine of a server.
    Machine {
        /// To be repeated in the outcome.
        id: ActionId,
        /// What is asked.
        call: MachineCall,
    },
    /// Set a server's admin state, on a fresh connection.
    SetState {
        /// To be repeated in the outcome.
        id: ActionId,
        /// The server.
        server: ServerName,
        /// The state wanted.
        state: AdminState,
    },
    /// Set a server's `maxconn`, on a fresh connection: the kick that makes it take from the
    /// backend's queue, or its end.
    SetMaxconn {
        /// To be repeated in the outcome.
        id: ActionId,
        /// The server.
        server: ServerName,
        /// The limit, connections; 0 for none.
        maxconn: u32,
        /// Before that, the server is to take all that waits in the backend's queue: without a limit
        /// it would get nothing of it any more.
        takes_queue: bool,
    },
    /// Set a server's weight, on a fresh connection: a step of its `weight_ramp`, or the end of one.
    SetWeight {
        /// To be repeated in the outcome.
        id: ActionId,
        /// The server.
        server: ServerName,
        /// The weight, 1–256.
        weight: u32,
    },
    /// Something for people: the daemon's log, `replay`, `status`. Needs no answer.
    Report(Decision),
}

/// How well the log is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogState {
    /// Lines are read as they are written.
    Flowing,
    /// There is no log to read: missing, unreadable, not yet there.
    Absent,
    /// Lines are read later than they are written.
    Lagging,
    /// Lines were lost on their way to us a moment ago: what is measured is a sample.
    Incomplete,
}
