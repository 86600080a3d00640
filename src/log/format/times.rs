//! The timers of a line → a request, also where the format lacks some of them: what is derived from
//! what, and what is assumed.

use super::super::bytes::plain_server;
use super::super::number::{TIMER_MAX_MS, TOTAL_MAX_MS, status};
use super::super::record::Logged;
use super::super::reject::Reject;
use super::alias::Role;
use super::reader::{Fields, tail};
use crate::words::request::Request;

/// A timer of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// The format does not have it.
    Lacking,
    /// HAProxy's `-1`.
    Never,
    /// Milliseconds.
    Took(u32),
}

impl Timer {
    const fn ms(self) -> Option<u32> {
        match self {
            Self::Lacking | Self::Never => None,
            Self::Took(ms) => Some(ms),
        }
    }

    const fn is_logged(self) -> bool {
        match self {
            Self::Lacking => false,
            Self::Never | Self::Took(_) => true,
        }
    }
}

/// HAProxy's status for a server that did not answer in time.
const GATEWAY_TIMEOUT: u16 = 504;
const UNAVAILABLE: u16 = 503;

/// The timers as they were written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    request: Timer,
    accept_request: Timer,
    queue: Timer,
    connect: Timer,
    response: Timer,
    total: Timer,
    accept_total: Timer,
    handshake: Timer,
    idle: Timer,
}

impl Times {
    pub(super) fn of(fields: &Fields<'_, '_>) -> Result<Self, Reject> {
        let part = |role| fields.timer(role, TIMER_MAX_MS);
        let total = |role| fields.timer(role, TOTAL_MAX_MS);
        Ok(Self {
            request: part(Role::RequestTime)?,
            accept_request: part(Role::AcceptRequestTime)?,
            queue: part(Role::QueueTime)?,
            connect: part(Role::ConnectTime)?,
            response: part(Role::ResponseTime)?,
            total: total(Role::TotalTime)?,
            accept_total: total(Role::AcceptTotalTime)?,
            // Idle time may be as long as a connection.
            handshake: total(Role::Handshake)?,
            idle: total(Role::Idle)?,
        })
    }

    pub(super) const fn logged(&self) -> Logged {
        Logged {
            request: self.request.is_logged() || self.accept_request.is_logged(),
            queue: self.queue.is_logged(),
            connect: self.connect.is_logged(),
            response: self.response.is_logged(),
        }
    }

    pub(super) fn request<'a>(&self, fields: &Fields<'a, '_>) -> Result<Request<'a>, Reject> {
        let mut request = Request {
            backend: fields.name(Role::Backend)?,
            server: fields
                .bytes(Role::Server)
                .and_then(plain_server)
                .ok_or(Reject::NotFormat)?,
            request_ms: match self.request {
                Timer::Lacking => self.accept_request.ms(),
                request @ (Timer::Never | Timer::Took(_)) => request.ms(),
            },
            queue_ms: self.queue.ms(),
            connect_ms: self.connect.ms(),
            response_ms: self.response.ms(),
            total_ms: self.total_ms(),
            status: status(fields.bytes(Role::Status).unwrap_or_default())?,
            tail: tail(fields),
        };
        self.assume(&mut request);
        Ok(request)
    }

    /// The total that counts from the same instant as the request's time: `%TR` with `%Ta`, `%Tq`
    /// with `%Tt`. Ta = Tt − Tq + TR, and Tt − Th − Ti; `%Tt` alone holds the connection's idle time.
    fn total_ms(&self) -> Option<u32> {
        if self.total.is_logged() && !self.is_paired_by_accept() {
            return self.total.ms();
        }
        let accept_total_ms = self.accept_total.ms()?;
        if self.is_paired_by_accept() {
            Some(accept_total_ms)
        } else if self.accept_request.is_logged() {
            let from_request = accept_total_ms.saturating_sub(self.accept_request.ms()?);
            Some(from_request.saturating_add(self.request.ms()?))
        } else if self.handshake.is_logged() && self.idle.is_logged() {
            let idle_ms = self.handshake.ms()?.saturating_add(self.idle.ms()?);
            Some(accept_total_ms.saturating_sub(idle_ms))
        } else {
            // Where there is nothing else that says how long it took.
            (!self.response.is_logged()).then_some(accept_total_ms)
        }
    }

    /// `%Tq` stands for `%TR`, and `%Tt` for `%Ta`, as before 1.7.
    const fn is_paired_by_accept(&self) -> bool {
        !self.request.is_logged()
            && self.accept_request.is_logged()
            && self.accept_total.is_logged()
    }

    /// From the date to the end; a lower bound where no total counts from there.
    pub(super) fn since_date_ms(&self, is_from_accept: bool) -> u32 {
        let sum = |timers: &[Timer]| {
            let known = timers.iter().filter_map(|timer| timer.ms());
            known.fold(0, u32::saturating_add)
        };
        let total_ms = self.total_ms();
        let since_date = if is_from_accept {
            let before_ms = sum(&[self.handshake, self.idle]);
            let from_accept = total_ms.map(|total_ms| total_ms.saturating_add(before_ms));
            self.accept_total.ms().or(from_accept)
        } else if self.is_paired_by_accept() {
            let waited_ms = sum(&[self.accept_request]);
            total_ms.map(|total_ms| total_ms.saturating_sub(waited_ms))
        } else {
            total_ms
        };
        let parts = [self.request, self.queue, self.connect, self.response];
        since_date.unwrap_or_else(|| sum(&parts))
    }

    /// What the format does not say. Without `%Tr` all that the other timers leave of the total is the
    /// server's, and a gateway timeout is a server that never answered; what else is lacking took no
    /// time. Without `%TR` it is what the other timers leave, so that a client that sent its request
    /// slowly proves nothing about a server.
    fn assume(&self, request: &mut Request<'_>) {
        let is_hung = request.status == Some(GATEWAY_TIMEOUT);
        if !self.response.is_logged() && !is_hung {
            let others = [request.request_ms, request.queue_ms, request.connect_ms];
            let others_ms = others.into_iter().flatten().fold(0, u32::saturating_add);
            let has_answer = self.connect != Timer::Never && !request.server.starts_with('<');
            request.response_ms = request
                .total_ms
                .filter(|_| has_answer)
                .map(|total_ms| total_ms.saturating_sub(others_ms));
        }
        let was_connected = request.response_ms.is_some() || is_hung;
        if !self.connect.is_logged() {
            request.connect_ms = was_connected.then_some(0);
        }
        if !self.queue.is_logged() {
            request.queue_ms = was_connected.then_some(0);
        }
        if !self.logged().request {
            request.request_ms = self.assumed_request_ms(request);
        }
    }

    /// A request that no server was connected for and that did not wait in vain (503) may never have
    /// come in full (a tarpit, a bad request).
    fn assumed_request_ms(&self, request: &Request<'_>) -> Option<u32> {
        if request.connect_ms.is_none() && request.status != Some(UNAVAILABLE) {
            return None;
        }
        // Where the server's time is hidden in the total, or could not begin, nothing tells the two
        // apart: a hung request is worth more than a slow sender.
        if !self.response.is_logged() {
            return Some(0);
        }
        let known = [request.queue_ms, request.connect_ms, request.response_ms];
        let known_ms = known.into_iter().flatten().fold(0, u32::saturating_add);
        Some(request.total_ms.unwrap_or(0).saturating_sub(known_ms))
    }
}

/// What a format lacks, and what that takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// No `%Tr`: what is measured is all of `%Ta`.
    ResponseByTotal,
    /// No `%Tr`: what is measured is all of `%Tt`, idle time included.
    ResponseByAcceptTotal,
    /// Nothing that says how long a request took that got no answer.
    Hung,
    /// No `%Tw`.
    Queue,
    /// No `%Tc`.
    Connect,
}

impl Gap {
    /// The item that would close it.
    pub const fn item(self) -> &'static str {
        match self {
            Self::ResponseByTotal | Self::ResponseByAcceptTotal => "%Tr",
            Self::Hung => "%Ta",
            Self::Queue => "%Tw",
            Self::Connect => "%Tc",
        }
    }

    /// What is off, for the operator: without it, and what to write.
    pub const fn text(self) -> &'static str {
        match self {
            Self::ResponseByTotal => {
                "without %Tr the response time is all of %Ta: from the request's first byte to the last \
                 byte of the answer, downloads of slow clients included"
            }
            Self::ResponseByAcceptTotal => {
                "without %Tr and %Ta the response time is all of %Tt: from the accepted connection on, so \
                 that the idle time of connections that are kept open counts as slow"
            }
            Self::Hung => {
                "without %Ta (or %Tt with %Tq) a request that hangs until it times out has no length, and \
                 cannot be seen as slow"
            }
            Self::Queue => {
                "without %Tw the time in HAProxy's queue is taken for none: users who wait there are not seen"
            }
            Self::Connect => "without %Tc the time to connect to a server is taken for none",
        }
    }
}

/// What of the times is missing in a format of which these fields are read.
pub(super) fn gaps(roles: &[Role]) -> Vec<Gap> {
    let has = |role: Role| roles.contains(&role);
    let from_request = has(Role::AcceptTotalTime)
        && (has(Role::AcceptRequestTime) || (has(Role::Handshake) && has(Role::Idle)));
    let has_total = has(Role::TotalTime) || from_request;
    let response = match (has(Role::ResponseTime), has_total) {
        (true, true) => None,
        (true, false) => Some(Gap::Hung),
        (false, true) => Some(Gap::ResponseByTotal),
        (false, false) => Some(Gap::ResponseByAcceptTotal),
    };
    let queue = (!has(Role::QueueTime)).then_some(Gap::Queue);
    let connect = (!has(Role::ConnectTime)).then_some(Gap::Connect);
    [response, queue, connect].into_iter().flatten().collect()
}
