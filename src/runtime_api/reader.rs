//! The reading half of the Runtime API. It can change nothing.

use std::time::Duration;

use super::command::{Command, ImpossibleName};
use super::reply::{self, ReplyError};
use super::{Address, connection};
use crate::words::picture::Picture;
use crate::words::picture::ReadFailure;

/// Reads HAProxy's state, each time on a fresh connection.
#[derive(Clone, Debug)]
pub struct Reader {
    address: Address,
    timeout: Duration,
}

impl Reader {
    /// `timeout` is that of one step: connect, write, and the reading of the whole reply.
    pub const fn new(address: Address, timeout: Duration) -> Self {
        Self { address, timeout }
    }

    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// The process and those of `backends` that HAProxy has, from one transaction.
    ///
    /// # Errors
    /// [`ReadFailure::Stopping`] when an old process answered; [`ReadFailure::Unreachable`] for
    /// everything else, half a reply included.
    pub async fn read(&self, backends: &[String]) -> Result<Picture, ReadFailure> {
        // Servers of one backend cost HAProxy less than those of all.
        if let [backend] = backends {
            match self.look(Command::ReadBackend(backend), backends).await {
                Err(ReadFailure::UnknownBackend) => {}
                other => return other,
            }
        }
        self.look(Command::ReadAll, backends).await
    }

    async fn look(
        &self,
        command: Command<'_>,
        backends: &[String],
    ) -> Result<Picture, ReadFailure> {
        let text = self.ask(command).await?;
        reply::picture(&text, backends).map_err(|error| self.explain(error))
    }

    /// HAProxy's version, `2.6.12-1+deb12u4`.
    ///
    /// # Errors
    /// As [`Reader::read`], but for the unknown backend.
    pub async fn version(&self) -> Result<String, ReadFailure> {
        let text = self.ask(Command::ReadProcess).await?;
        let process = reply::process(&text).map_err(|error| self.explain(error))?;
        Ok(process.version)
    }

    /// The level of this socket: `user`, `operator` or `admin`. Only `admin` may write.
    ///
    /// # Errors
    /// As [`Reader::read`], but for the unknown backend.
    pub async fn level(&self) -> Result<String, ReadFailure> {
        let text = self.ask(Command::ReadLevel).await?;
        reply::level(&text).map_err(|error| self.explain(error))
    }

    /// The names of all backends, in the order of haproxy.cfg, for a did-you-mean text.
    ///
    /// # Errors
    /// As [`Reader::read`], but for the unknown backend.
    pub async fn backends(&self) -> Result<Vec<String>, ReadFailure> {
        let text = self.ask(Command::ReadBackends).await?;
        reply::backends(&text).map_err(|error| self.explain(error))
    }

    async fn ask(&self, command: Command<'_>) -> Result<String, ReadFailure> {
        let line = command
            .line()
            .map_err(|ImpossibleName| ReadFailure::UnknownBackend)?;
        let reply = connection::ask(&self.address, self.timeout, &line)
            .await
            .map_err(ReadFailure::Unreachable)?;
        // Health check texts come from servers and may be no UTF-8; all that is read here is ASCII.
        Ok(String::from_utf8_lossy(&reply).into_owned())
    }

    fn explain(&self, error: ReplyError) -> ReadFailure {
        let address = &self.address;
        match error {
            ReplyError::UnknownBackend => ReadFailure::UnknownBackend,
            ReplyError::Stopping => ReadFailure::Stopping,
            ReplyError::Cut => ReadFailure::Unreachable(format!(
                "the answer from {address} was cut short: HAProxy closed the connection before \
                 its end; this passes when HAProxy was being restarted"
            )),
            ReplyError::Denied => ReadFailure::Unreachable(format!(
                "{address} answered \"Permission denied\"; add `level admin` to its `stats socket` \
                 line in haproxy.cfg"
            )),
            ReplyError::Odd(text) => ReadFailure::Unreachable(format!(
                "cannot use the answer from {address}: {text}; is this HAProxy's stats socket, and \
                 not its master socket"
            )),
        }
    }
}
