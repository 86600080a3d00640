//! The writing half of the Runtime API: three commands. `mode = "observe"` never makes one of these.

use std::time::Duration;

use super::command::{Command, ImpossibleName};
use super::reply::{self, WriteReply};
use super::{Address, connection};
use crate::words::names::ServerName;
use crate::words::picture::{AdminState, NOT_SENT, PERMISSION_DENIED, WriteFailure};

/// Sets admin states, limits and weights, each time on a fresh connection.
#[derive(Clone, Debug)]
pub struct Writer {
    address: Address,
    timeout: Duration,
}

impl Writer {
    /// `timeout` is that of one step: connect, write, and the reading of the whole reply.
    pub const fn new(address: Address, timeout: Duration) -> Self {
        Self { address, timeout }
    }

    /// `set server B/S state …`. HAProxy answers yes to some commands that change nothing (a
    /// server that tracks another, an unresolved one), so an `Ok` is to be read back.
    ///
    /// # Errors
    /// [`WriteFailure::Refused`] with HAProxy's words (or ours, for a name that HAProxy could not
    /// have: nothing is sent then); [`WriteFailure::Stopping`] when an old process answered;
    /// [`WriteFailure::Unknown`] when no whole answer came: the command may have been executed.
    pub async fn set_state(
        &self,
        server: &ServerName,
        state: AdminState,
    ) -> Result<(), WriteFailure> {
        self.write(server, Command::SetState(server, state)).await
    }

    /// `set maxconn server B/S …`, 0 for no limit. HAProxy gives the server what waits in the
    /// backend's queue, as far as the limit allows, also when the limit is the one that it had.
    ///
    /// # Errors
    /// As [`Writer::set_state`].
    pub async fn set_maxconn(&self, server: &ServerName, maxconn: u32) -> Result<(), WriteFailure> {
        let command = Command::SetMaxconn(server, maxconn);
        self.write(server, command).await
    }

    /// Ends a limit: `set maxconn server B/S 0`. With `takes_queue` the server is first given all that
    /// waits in the backend's queue, in the same transaction: without a limit it gets nothing of a
    /// queue (measured on 2.6, 3.0 and 3.2).
    ///
    /// # Errors
    /// As [`Writer::set_state`].
    pub async fn end_maxconn(
        &self,
        server: &ServerName,
        takes_queue: bool,
    ) -> Result<(), WriteFailure> {
        let command = if takes_queue {
            Command::EndMaxconn(server)
        } else {
            Command::SetMaxconn(server, 0)
        };
        self.write(server, command).await
    }

    /// `set server B/S weight …`. Refused where the balance algorithm cannot change weights at run time
    /// (`static-rr`, a hash without `hash-type consistent`).
    ///
    /// # Errors
    /// As [`Writer::set_state`].
    pub async fn set_weight(&self, server: &ServerName, weight: u32) -> Result<(), WriteFailure> {
        self.write(server, Command::SetWeight(server, weight)).await
    }

    async fn write(&self, server: &ServerName, command: Command<'_>) -> Result<(), WriteFailure> {
        let line = command.line().map_err(|ImpossibleName| {
            WriteFailure::Refused(format!(
                "{NOT_SENT}, {:?} is no name that HAProxy allows",
                server.to_string()
            ))
        })?;
        let address = &self.address;
        let reply = connection::ask(address, self.timeout, &line)
            .await
            .map_err(WriteFailure::Unknown)?;
        match reply::writes(&String::from_utf8_lossy(&reply), command.count()) {
            WriteReply::Accepted => Ok(()),
            WriteReply::Refused(words) => Err(WriteFailure::Refused(words)),
            WriteReply::Denied => Err(WriteFailure::Refused(PERMISSION_DENIED.to_owned())),
            WriteReply::Stopping => Err(WriteFailure::Stopping),
            WriteReply::Cut => Err(WriteFailure::Unknown(format!(
                "the answer from {address} was cut short: HAProxy closed the connection before \
                 its end"
            ))),
        }
    }
}
