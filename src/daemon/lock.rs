//! One acting daemon per admin socket. The name of an abstract Unix socket is the lock: the kernel
//! gives it to one process, takes it back when that process ends however it ends, and tells the
//! second one who has it. It is no safety against another host or container; every write is read
//! back for that.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

use crate::runtime_api::Address;
use crate::state::name::{fnv1a, place_of};

/// Abstract names hold 107 bytes.
const NAME_BYTES_MAX: usize = 100;

/// Held as long as this daemon may act.
#[derive(Debug)]
pub(super) struct Lock {
    _listener: UnixListener,
}

/// Somebody else has it.
#[derive(Debug)]
pub(super) struct Taken {
    /// The process, when the kernel tells.
    pub(super) pid: Option<i32>,
}

/// Takes the lock of that admin socket.
pub(super) fn lock(address: &Address) -> io::Result<Result<Lock, Taken>> {
    let name = SocketAddr::from_abstract_name(name_of(address))?;
    match UnixListener::bind_addr(&name) {
        Ok(listener) => Ok(Ok(Lock {
            _listener: listener,
        })),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let pid = UnixStream::connect_addr(&name)
                .ok()
                .and_then(|stream| rustix::net::sockopt::socket_peercred(&stream).ok())
                .map(|peer| peer.pid.as_raw_nonzero().get());
            Ok(Err(Taken { pid }))
        }
        Err(error) => Err(error),
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
