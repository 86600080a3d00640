//! Where HTTP is served: nowhere, on a TCP address, or on a Unix socket. Serving lives in `http`.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// `[http] listen`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Listen {
    /// Nothing listens.
    #[default]
    Off,
    /// An address, not a name: what is listened on must not depend on a resolver.
    Tcp(SocketAddr),
    /// A Unix socket of mode 0660.
    Unix(PathBuf),
}

impl Listen {
    /// The address, if others than this host's own processes can reach it.
    pub fn remote_address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) if !address.ip().to_canonical().is_loopback() => Some(*address),
            Self::Off | Self::Tcp(_) | Self::Unix(_) => None,
        }
    }
}

/// As it is written in the configuration.
impl fmt::Display for Listen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => Ok(()),
            Self::Tcp(address) => address.fmt(formatter),
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}
