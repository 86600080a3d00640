//! What there is to see of a machine, as data. Nothing here decides.

use std::time::Duration;

use crate::words::machine::PowerState;

/// The machine that a spare runs on, where we start and stop it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MachineView {
    /// What it does; `None`: nobody knows.
    pub power: Option<PowerState>,
    /// For how long.
    pub lasted: Duration,
    /// It runs because of us.
    pub is_ours: bool,
    /// From its last start to the first proof of its server.
    pub boot: Option<Duration>,
    /// How often we have started it, earlier daemons included.
    pub starts: u64,
    /// How long it has run, or may have, since this daemon began.
    pub ran: Duration,
}
