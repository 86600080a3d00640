//! Names of backends and servers, and the letters that HAProxy allows in them.

use std::fmt;

/// Bytes of HAProxy's names of proxies and servers: letters, digits, `-`, `_`, `.`, `:`
/// (`configuration.txt` §2.4). A table, because a parser asks for every byte.
const IS_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] =
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'-');
        byte += 1;
    }
    table
};

/// Whether HAProxy allows that byte in a name.
pub const fn is_name_byte(byte: u8) -> bool {
    IS_NAME[byte as usize]
}

/// Whether HAProxy could have a proxy or server of that name. How long it may be depends on where it
/// is to stand.
pub fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| is_name_byte(*byte))
}

/// A server by HAProxy's own notation, `web/web3`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerName {
    /// The backend, `web`.
    pub backend: String,
    /// The server in it, `web3`.
    pub server: String,
}

impl ServerName {
    /// `backend`/`server`.
    pub fn new(backend: impl Into<String>, server: impl Into<String>) -> Self {
        Self {
            backend: backend.into(),
            server: server.into(),
        }
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.backend, self.server)
    }
}
