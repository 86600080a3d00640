//! One acting daemon per admin socket. The name of an abstract Unix socket is the lock: the kernel
//! gives it to one process, takes it back when that process ends however it ends, and tells the
//! second one who has it. It is no safety against another host or container; every write is read
//! back for that.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::thread;
use std::time::Duration;

use super::DaemonError;
use crate::config::{Config, Mode};
use crate::publish::record::News;
use crate::runtime_api::Address;
use crate::state::name::{fnv1a, place_of};

/// Abstract names hold 107 bytes.
const NAME_BYTES_MAX: usize = 100;

/// Held as long as this daemon may act.
#[derive(Debug)]
pub(super) struct Lock {
    _listener: UnixListener,
}

/// Takes the lock of HAProxy's admin socket, if one is needed and can be had; if not, what is to be
/// told: nothing may be before the events of a daemon that holds it.
///
/// # Errors
/// Another daemon has it.
pub(super) fn take(config: &Config) -> Result<(Option<Lock>, Option<News>), DaemonError> {
    if config.mode == Mode::Observe {
        return Ok((None, None)); // It changes nothing and may stand beside an acting one.
    }
    let address = &config.haproxy.socket;
    match lock_soon(address) {
        Ok(lock) => Ok((Some(lock), None)),
        Err(Unlocked::Taken { pid }) => Err(DaemonError::Locked {
            address: address.to_string(),
            pid,
        }),
        Err(Unlocked::Unknown(error)) => {
            let error = error.to_string();
            Ok((None, Some(News::LockUnknown { error })))
        }
    }
}

/// A program that a killed daemon was about to run holds its lock until it is executed: so often the lock is tried
/// again …
const TRIES: u32 = 6;
/// … after this time.
const TRY_EVERY: Duration = Duration::from_millis(50);

/// Why there is no lock.
enum Unlocked {
    /// Another process has it; which one, when the kernel tells.
    Taken { pid: Option<i32> },
    /// The system gives none.
    Unknown(io::Error),
}

impl From<io::Error> for Unlocked {
    fn from(error: io::Error) -> Self {
        Self::Unknown(error)
    }
}

/// Waits a moment for one that has just ended.
fn lock_soon(address: &Address) -> Result<Lock, Unlocked> {
    for _ in 0..TRIES {
        match lock(address) {
            Err(Unlocked::Taken { .. }) => thread::sleep(TRY_EVERY),
            outcome => return outcome,
        }
    }
    lock(address)
}

fn lock(address: &Address) -> Result<Lock, Unlocked> {
    let name = SocketAddr::from_abstract_name(name_of(address))?;
    match UnixListener::bind_addr(&name) {
        Ok(listener) => Ok(Lock {
            _listener: listener,
        }),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let pid = UnixStream::connect_addr(&name)
                .ok()
                .and_then(|stream| rustix::net::sockopt::socket_peercred(&stream).ok())
                .map(|peer| peer.pid.as_raw_nonzero().get());
            Err(Unlocked::Taken { pid })
        }
        Err(error) => Err(error.into()),
    }
}

/// The two lead to the same HAProxy.
pub(super) fn is_same(one: &Address, other: &Address) -> bool {
    place_of(one) == place_of(other)
}

fn name_of(address: &Address) -> Vec<u8> {
    let place = place_of(address);
    let mut name = format!("haproxy-autoscale:{place}").into_bytes();
    if name.len() > NAME_BYTES_MAX {
        let hash = fnv1a(&name);
        name.truncate(NAME_BYTES_MAX - 17);
        name.extend_from_slice(format!(":{hash:016x}").as_bytes());
    }
    name
}
