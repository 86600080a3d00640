//! What should outlive the daemon: plain data. How it is kept on disk lives in `crate::state`, what
//! it means when it comes back in `backend::memory`.

use std::collections::BTreeMap;

use super::hand::{Mark, Marks, Until};
use crate::words::picture::{AdminState, Generation};

/// Everything that is worth remembering over a restart. Instants are the scaler's own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// `pause` without a name.
    pub everything: Option<Mark>,
    /// By name; only backends with something to remember.
    pub backends: BTreeMap<String, BackendMemory>,
    /// There was a memory and it could not be read: which spare was enabled by whom is not known.
    pub is_lost: bool,
}

/// What is remembered of one backend.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BackendMemory {
    /// The HAProxy process that `servers` is about.
    pub generation: Option<Generation>,
    /// `pause B`.
    pub paused: Option<Mark>,
    /// By name; only servers with something to remember.
    pub servers: BTreeMap<String, ServerMemory>,
}

/// What is remembered of one server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServerMemory {
    /// What an operator set over the control socket.
    pub marks: Marks,
    /// The state that was set or seen last. Another one, in the same HAProxy process, is an
    /// operator's.
    pub expected: Option<AdminState>,
    /// It stands in for an always-up server.
    pub stands_in: bool,
    /// Left alone because an operator changed it by hand.
    pub hold: Option<Until>,
    /// No candidate because it failed.
    pub quarantine: Option<Until>,
    /// Failures in a row.
    pub failures: u32,
    /// The `maxconn` that a server without one was given for as long as HAProxy's queue lasts.
    pub lent_maxconn: Option<u32>,
    /// A change that was begun: states that its commands have brought about or may yet.
    pub told: Vec<AdminState>,
}
