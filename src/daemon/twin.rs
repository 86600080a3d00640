//! One acting daemon per admin socket. The name of an abstract Unix socket is the lock: the kernel
//! gives it to one process, takes it back when that process ends however it ends, and tells the
//! second one who has it. It is no safety against another host or container; every write is read
//! back for that.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::Path;

use crate::runtime_api::Address;

/// Abstract names hold 107 bytes.
const NAME_BYTES_MAX: usize = 100;
/// Of the socket's own name in that of a file.
const FILE_NAME_CHARS_MAX: usize = 60;

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

/// One name for one HAProxy, whichever way its socket is written.
fn place_of(address: &Address) -> String {
    match address {
        Address::Unix(path) => canonical(path),
        Address::Tcp(address) => format!("tcp:{address}"),
    }
}

/// The two lead to the same HAProxy.
pub(super) fn is_same(one: &Address, other: &Address) -> bool {
    place_of(one) == place_of(other)
}

/// The name of the file that remembers what belongs to that admin socket: each HAProxy's daemon
/// may use the same directory.
pub(super) fn file_name(address: &Address) -> String {
    let place = place_of(address);
    let last: String = place
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .chars()
        .map(|letter| match letter {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '_' => letter,
            _ => '_',
        })
        .take(FILE_NAME_CHARS_MAX)
        .collect();
    format!("{last}-{:016x}.state", fnv1a(place.as_bytes()))
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

/// The path without links; of a socket that does not exist yet, that of its directory.
fn canonical(path: &Path) -> String {
    let found = path.canonicalize().or_else(|_| {
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            Some(_) | None => Path::new("."),
        };
        parent
            .canonicalize()
            .map(|parent| parent.join(path.file_name().unwrap_or_default()))
    });
    found
        .unwrap_or_else(|_| path.to_owned())
        .display()
        .to_string()
}

/// 64-bit FNV-1a: the same in every build of this program, which std's hasher does not promise.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
