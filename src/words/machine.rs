//! What a server runs on, where we start and stop it too: what is asked of it, and what it answers.
//! Asking is `machines`' work, deciding the scaler's.

use std::net::SocketAddr;
use std::time::Duration;

use super::closed::closed;
use super::names::ServerName;

closed! {
    /// What is asked of whoever starts and stops a machine. Each may be repeated without harm.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub enum MachineVerb {
        /// Let it run; one that runs already is left as it is.
        Start = "start",
        /// Let it stop; one that is off already is left as it is.
        Stop = "stop",
        /// Say what it does. Changes nothing.
        Status = "status",
    }
}

closed! {
    /// What a machine does, as its provider says.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub enum PowerState {
        /// It runs.
        On = "on",
        /// It does not run, and can be started.
        Off = "off",
        /// It begins to run.
        Starting = "starting",
        /// It will be off soon.
        Stopping = "stopping",
        /// It does not exist.
        Gone = "gone",
    }
}

/// An answer that was given in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MachineAnswer {
    /// It is done, or was so already.
    Done,
    /// It was accepted and goes on; `status` tells when it is done.
    NotYet {
        /// No sooner than this should it be asked again, where the provider says so.
        retry_after: Option<Duration>,
    },
    /// What the machine does: the answer to [`MachineVerb::Status`].
    Is(PowerState),
}

/// Why there is no such answer. The texts are the provider's own last words, at most a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MachineFailure {
    /// It was not done.
    Failed(String),
    /// It was not done and will not be, whoever tries again: rights, configuration.
    Refused(String),
    /// Nobody knows: it took too long, was ended by a signal, or said something unreadable.
    Unknown(String),
}

/// One thing asked of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineCall {
    /// What is asked.
    pub verb: MachineVerb,
    /// The server that runs on it, as HAProxy knows it.
    pub server: ServerName,
    /// Where HAProxy would connect to, if it has told.
    pub address: Option<SocketAddr>,
    /// Names this start, or the one that this stop ends: the same over all repetitions, and never
    /// used for another start.
    pub key: MachineKey,
    /// Which repetition it is, from 1.
    pub attempt: u32,
    /// Whoever does it is ended after this long, and the outcome is unknown then.
    pub limit: Duration,
}

/// Names one start of a machine, over a restart of the daemon too: a number that counts up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct MachineKey(pub u64);
