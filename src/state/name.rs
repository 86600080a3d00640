//! One name for one HAProxy: of what a daemon keeps on disk, so that each HAProxy's daemon may use the
//! same directory, and of its lock.

use std::path::Path;

use crate::runtime_api::Address;

/// Of the socket's own name in that of a file.
const FILE_NAME_CHARS_MAX: usize = 60;

/// The file that keeps what is known of servers and orders.
pub const STATE: &str = "state";
/// The file that keeps where reading the log ended.
pub const LOG_CHECKPOINT: &str = "log-checkpoint";

/// The file that keeps what alerts have told.
pub const ALERTS: &str = "alerts.json";
/// … of a daemon that observes.
pub const OBSERVED_ALERTS: &str = "observed-alerts.json";

/// The file of events.
pub const EVENTS: &str = "events.ndjson";
/// … of a daemon that observes: it may stand beside one that acts.
pub const OBSERVED: &str = "observed.ndjson";

/// One name for one HAProxy, whichever way its socket is written.
pub(crate) fn place_of(address: &Address) -> String {
    match address {
        Address::Unix(path) => canonical(path),
        Address::Tcp(address) => format!("tcp:{address}"),
    }
}

/// The name of the file that keeps that `kind` of thing for the daemon of that admin socket:
/// `admin.sock-0123456789abcdef.state`.
pub fn file_name(address: &Address, kind: &str) -> String {
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
    format!("{last}-{:016x}.{kind}", fnv1a(place.as_bytes()))
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
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
