//! HAProxy's Runtime API (the admin socket): one fresh connection per transaction, a time limit on
//! every step, replies as enums. Retry policy and memory do not live here: the scaler decides.
//!
//! Reading and writing are two types, so that `mode = "observe"` can hold a [`Reader`] and no
//! [`Writer`] at all.
//!
//! Replies are judged with suspicion. HAProxy ends each reply with an empty line and then closes
//! the connection; a reply without both was cut short and counts for nothing.

use std::fmt;
use std::path::PathBuf;

mod command;
mod connection;
mod reader;
pub mod reply;
mod servers;
mod table;
mod writer;

pub use connection::REPLY_MAX_BYTES;
pub use reader::Reader;
pub use writer::Writer;

/// Where HAProxy's admin socket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A Unix socket: `socket = "/run/haproxy/admin.sock"`.
    Unix(PathBuf),
    /// `socket = "tcp:127.0.0.1:9999"`; HOST:PORT as given.
    Tcp(String),
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(formatter, "{}", path.display()),
            Self::Tcp(address) => write!(formatter, "tcp:{address}"),
        }
    }
}
