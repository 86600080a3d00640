//! What one request proves about a signal. Thresholds and servers do not belong here.

use super::settings::{Origin, Signal, Timer};
use crate::words::request::Request;

/// What a request says about one signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sample {
    /// It took so many milliseconds.
    Took(u32),
    /// It never got its answer, and waited at least so many milliseconds: proof of slowness, not
    /// of speed.
    AtLeast(u32),
    /// It failed fast: no time to learn from, but a request.
    Error,
    /// It says nothing.
    Nothing,
}

impl Sample {
    /// Reads `request` for `signal`.
    pub(crate) fn of(request: &Request<'_>, signal: Signal) -> Self {
        let Origin::Request(timer) = signal.origin() else {
            return Self::Nothing;
        };
        if let Some(waited_ms) = abandoned_queue_ms(request) {
            return match timer {
                Timer::Response | Timer::Queue => Self::AtLeast(waited_ms),
                Timer::Server | Timer::Connect => Self::Nothing,
            };
        }
        // `<STATS>`, `<NOSRV>`, `<CACHE>` … answered without a server; TR = -1: no full request.
        if request.server.starts_with('<') || request.request_ms.is_none() {
            return Self::Nothing;
        }
        if let Some(bound) = hung(request, timer) {
            return bound;
        }
        if request.status.is_some_and(|status| status >= 500) {
            return Self::Error;
        }
        let (queue_ms, connect_ms) = (request.queue_ms, request.connect_ms);
        let took = match timer {
            Timer::Server => request.response_ms,
            Timer::Queue => queue_ms,
            Timer::Connect => connect_ms,
            Timer::Response => request.response_ms.and_then(|response_ms| {
                Some(
                    queue_ms?
                        .saturating_add(connect_ms?)
                        .saturating_add(response_ms),
                )
            }),
        };
        took.map_or(Self::Nothing, Self::Took)
    }
}

/// Whether HAProxy answered `request` itself or refused it (`<CACHE>`, `<STATS>`, `return`, `redirect`,
/// `deny`, `tarpit`): no server had to do with it. One that found no server (503), or left the queue,
/// is demand.
pub(super) fn is_without_server(request: &Request<'_>) -> bool {
    let is_demand = request.status == Some(503) || abandoned_queue_ms(request).is_some();
    request.server.starts_with('<') && !is_demand
}

/// Milliseconds in the queue of a request that left it without ever reaching a server: a queue
/// timeout (`sQ`) or a client that gave up there (`CQ`). A tarpit has TR = -1 and is none. Where
/// the flags cannot be trusted, the timers and `<NOSRV>` tell (haproxy.cfg manual §8.5).
fn abandoned_queue_ms(request: &Request<'_>) -> Option<u32> {
    let queue_ms = request.queue_ms.filter(|&queue_ms| queue_ms > 0)?;
    if request.request_ms.is_none() || request.connect_ms.is_some() {
        return None;
    }
    let left_in_queue = match request.tail {
        Some(tail) => matches!(tail.termination, [b's' | b'C', b'Q', ..]),
        None => request.server == "<NOSRV>",
    };
    left_in_queue.then_some(queue_ms)
}

/// A request whose server was connected and sent no headers, and that did not fail by an error of
/// the server's: the server timeout struck (504) or the client gave up. Ta includes TR, the time
/// that the client took to send its request, which is not the backend's.
fn hung(request: &Request<'_>, timer: Timer) -> Option<Sample> {
    let connect_ms = request.connect_ms?;
    let is_error = request
        .status
        .is_some_and(|status| status >= 500 && status != 504);
    if request.response_ms.is_some() || is_error {
        return None;
    }
    let queue_ms = request.queue_ms.unwrap_or(0);
    let waited_ms = request.total_ms?.saturating_sub(request.request_ms?);
    Some(match timer {
        Timer::Response => Sample::AtLeast(waited_ms),
        Timer::Server => Sample::AtLeast(
            waited_ms
                .saturating_sub(queue_ms)
                .saturating_sub(connect_ms),
        ),
        Timer::Queue => Sample::Took(queue_ms),
        Timer::Connect => Sample::Took(connect_ms),
    })
}
