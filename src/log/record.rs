//! What one line says, as data: whole, and in numbers alone. How it is read does not live here.

use crate::words::request::Request;

/// Everything that is read from one httplog line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// `%ft` without the `~` of a TLS frontend; `None` where the format has none.
    pub frontend: Option<&'a str>,
    /// The date as written: of `%tr`, `21/Nov/2026:23:36:31.172`; `None` where the format has none.
    pub accepted: Option<&'a str>,
    /// The same as milliseconds since 1970 of the log's own local time; of dates with a zone, in
    /// the zone of the first line that was read.
    pub accepted_ms: Option<u64>,
    /// The moment of the line, in the same time: its date + Ta (Ta includes TR), or the total that
    /// counts from that date. Where the format has no date, that of the syslog head; `None` where
    /// there is neither.
    pub ended_ms: Option<u64>,
    /// `%B`, without the `+` of `option logasap`; `None` where the format has none.
    pub bytes: Option<u64>,
    /// Which of the request's times the format has.
    pub logged: Logged,
    /// What scaling looks at.
    pub request: Request<'a>,
}

/// The times that stand in a line. In a request all others are what those leave room for, or zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "one for each time, by its name"
)]
pub struct Logged {
    /// `%TR` or `%Tq`.
    pub request: bool,
    /// `%Tw`.
    pub queue: bool,
    /// `%Tc`.
    pub connect: bool,
    /// `%Tr`.
    pub response: bool,
}

impl Logged {
    /// Of stock httplog.
    pub const ALL: Self = Self {
        request: true,
        queue: true,
        connect: true,
        response: true,
    };
}

/// The moment of a line: its date and what it took.
pub(super) fn ended_ms(accepted_ms: u64, total_ms: Option<u32>) -> u64 {
    accepted_ms.saturating_add(u64::from(total_ms.unwrap_or(0)))
}

/// What one line says in numbers, for who reads a million of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brief<'a> {
    /// `%b`, ASCII.
    pub backend: &'a [u8],
    /// `%s`, ASCII.
    pub server: &'a [u8],
    /// Everything but those two names, which are empty in it.
    pub request: Request<'static>,
    /// Which of its times the format has.
    pub logged: Logged,
    /// The moment of the line, see [`Record::ended_ms`].
    pub ended_ms: Option<u64>,
}

impl<'a> Brief<'a> {
    /// The same numbers of a whole record.
    pub fn of(record: &Record<'a>) -> Self {
        let request = &record.request;
        Self {
            backend: request.backend.as_bytes(),
            server: request.server.as_bytes(),
            request: Request {
                backend: "",
                server: "",
                request_ms: request.request_ms,
                queue_ms: request.queue_ms,
                connect_ms: request.connect_ms,
                response_ms: request.response_ms,
                total_ms: request.total_ms,
                status: request.status,
                tail: request.tail,
            },
            logged: record.logged,
            ended_ms: record.ended_ms,
        }
    }
}
