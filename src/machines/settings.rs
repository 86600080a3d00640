//! Who starts and stops a machine, as the configuration says it: plain data, already checked. How each does
//! it is in the files beside this one, when anything is asked of them is the scaler's.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddrV4;

/// The provider of one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provider {
    /// A program of the operator's: its whole path, then its arguments.
    Exec {
        command: Vec<String>,
    },
    /// One of the fence agents that Debian packages: its name or its whole path.
    Fence {
        agent: String,
        options: Options,
    },
    Wol(Wake),
}

/// What a fence agent is told. A password may be among it, so that only names are ever shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Options(pub BTreeMap<String, String>);

impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

/// Wake-on-LAN, which can start and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wake {
    pub mac: Mac,
    /// Where the packet is sent besides the server's own address; its port holds for both.
    pub broadcast: SocketAddrV4,
    /// What some network cards want to hear (`SecureOn`).
    pub password: Option<WolPassword>,
    /// A program that is asked for the rest; as of [`Provider::Exec`].
    pub command: Option<Vec<String>>,
}

/// The address of a network card.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.map(|byte| format!("{byte:02x}"));
        formatter.write_str(&bytes.join(":"))
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Of Wake-on-LAN: there are two lengths.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum WolPassword {
    Four([u8; 4]),
    Six([u8; 6]),
}

impl WolPassword {
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Four(bytes) => bytes,
            Self::Six(bytes) => bytes,
        }
    }
}

impl fmt::Debug for WolPassword {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("WolPassword")
    }
}

impl Provider {
    /// It can be asked what the machine does.
    pub const fn can_tell(&self) -> bool {
        match self {
            Self::Exec { .. } | Self::Fence { .. } => true,
            Self::Wol(wake) => wake.command.is_some(),
        }
    }

    /// The program that it runs, if it runs one of the operator's.
    pub fn command(&self) -> Option<&[String]> {
        match self {
            Self::Exec { command } => Some(command),
            Self::Wol(wake) => wake.command.as_deref(),
            Self::Fence { .. } => None,
        }
    }
}
