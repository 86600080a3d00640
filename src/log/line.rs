//! One log line → [`Record`] or a named [`Reject`]. Neither I/O nor configuration lives here.

use crate::scaler::event::Request;

/// Everything that is read from one httplog line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// `%ft` without the `~` of a TLS frontend.
    pub frontend: &'a str,
    /// `%tr` as written: `21/Nov/2026:23:36:31.172`.
    pub accepted: &'a str,
    /// The same as milliseconds since 1970 of the log's own local time.
    pub accepted_ms: u64,
    /// `%B`, without the `+` of `option logasap`.
    pub bytes: u64,
    /// What scaling looks at.
    pub request: Request<'a>,
}

impl Record<'_> {
    /// The moment of the line, local milliseconds since 1970: its date + Ta (Ta includes TR).
    pub fn ended_ms(&self) -> u64 {
        self.accepted_ms
            .saturating_add(u64::from(self.request.total_ms.unwrap_or(0)))
    }
}
