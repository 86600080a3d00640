//! Every line that we ever send to HAProxy. One function builds them, from a closed enum; there is
//! no way to pass a text through.

use crate::words::names::ServerName;
use crate::words::names::is_name;
use crate::words::picture::AdminState;

/// Longest backend or server name that is sent, bytes. HAProxy itself has no limit; its command
/// line buffer (`tune.bufsize`, 16 KiB) is far above this.
const NAME_MAX_BYTES: usize = 1024;

/// More than any queue holds.
const QUEUE_MAX: u32 = 1_000_000;

/// What can be asked of HAProxy.
#[derive(Clone, Copy, Debug)]
pub(super) enum Command<'a> {
    /// The process, the servers of one backend, and the counters.
    ReadBackend(&'a str),
    /// The process, the servers of all backends, and the counters.
    ReadAll,
    /// The process alone.
    ReadProcess,
    /// The level of the socket: user, operator or admin.
    ReadLevel,
    /// The names of all backends.
    ReadBackends,
    /// `set server B/S state …`.
    SetState(&'a ServerName, AdminState),
    /// `set maxconn server B/S …`; 0 for no limit.
    SetMaxconn(&'a ServerName, u32),
    /// The same for no limit, after the server has been given all that waits in the backend's queue.
    EndMaxconn(&'a ServerName),
    /// `set server B/S weight …`, absolute: of the initial weight 1 every percentage below 100 is 0, and
    /// `show servers state` gives back what was set (measured on 2.6, 3.0 and 3.2).
    SetWeight(&'a ServerName, u32),
}

/// A name that HAProxy could not have; nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ImpossibleName;

impl Command<'_> {
    /// How many commands its line holds, each of which HAProxy answers.
    pub(super) const fn count(self) -> usize {
        match self {
            Self::ReadBackend(_) | Self::ReadAll => 3,
            Self::EndMaxconn(_) => 2,
            Self::ReadProcess
            | Self::ReadLevel
            | Self::ReadBackends
            | Self::SetState(..)
            | Self::SetMaxconn(..)
            | Self::SetWeight(..) => 1,
        }
    }

    /// The line to send, with its newline. Since 3.0 HAProxy executes only the first line of a
    /// connection, so several commands share one line.
    ///
    /// Counters are asked for with `-1` (all proxies) and not by the backend's name, for two
    /// reasons measured on 2.6.12: when a frontend has the same name, `show stat web` finds the
    /// frontend and gives no row of the backend at all; and a server of *another* backend that
    /// tracks one of ours shows only in its own row. The type mask 7 is FRONTEND 1 + BACKEND 2 +
    /// SERVER 4. The price: 0.3 ms become 6 ms of HAProxy's time where it has 1000 servers.
    pub(super) fn line(self) -> Result<String, ImpossibleName> {
        Ok(match self {
            Self::ReadBackend(backend) => {
                let backend = checked(backend)?;
                format!("show info;show servers state {backend};show stat -1 7 -1\n")
            }
            Self::ReadAll => "show info;show servers state;show stat -1 7 -1\n".to_owned(),
            Self::ReadProcess => "show info\n".to_owned(),
            Self::ReadLevel => "show cli level\n".to_owned(),
            Self::ReadBackends => "show backend\n".to_owned(),
            Self::SetState(name, state) => {
                let backend = checked(&name.backend)?;
                let server = checked(&name.server)?;
                format!("set server {backend}/{server} state {state}\n")
            }
            Self::SetMaxconn(name, maxconn) => {
                let backend = checked(&name.backend)?;
                let server = checked(&name.server)?;
                format!("set maxconn server {backend}/{server} {maxconn}\n")
            }
            Self::EndMaxconn(name) => {
                let backend = checked(&name.backend)?;
                let server = checked(&name.server)?;
                let set = format!("set maxconn server {backend}/{server}");
                format!("{set} {QUEUE_MAX};{set} 0\n")
            }
            Self::SetWeight(name, weight) => {
                let backend = checked(&name.backend)?;
                let server = checked(&name.server)?;
                format!("set server {backend}/{server} weight {weight}\n")
            }
        })
    }
}

/// Lets through exactly what HAProxy allows in a proxy or server name (`configuration.txt` §2.4:
/// letters, digits, `-`, `_`, `.`, `:`), so no `;`, space or newline can start another command.
fn checked(name: &str) -> Result<&str, ImpossibleName> {
    if name.len() <= NAME_MAX_BYTES && is_name(name.as_bytes()) {
        Ok(name)
    } else {
        Err(ImpossibleName)
    }
}
